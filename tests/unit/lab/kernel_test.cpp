// The server in real time, at the far end of a link to this machine's kernel, and the kernel's curl.
#include <gtest/gtest.h>

#include "device/network_namespace.hpp"
#include "lab/child_process.hpp"
#include "lab/kernel_link.hpp"
#include "lab/loop.hpp"
#include "lab/server.hpp"
#include "unit/device/in_child.hpp"
#include "unit/http/site.hpp"

namespace fairlead::lab {
namespace {

using testing_network::in_child;

class KernelTest : public http::SiteTest {
protected:
    void SetUp() override {
        SiteTest::SetUp();
        const std::string fault = in_child([] {
            const auto done = device::enter_private_network();
            return done ? std::string{} : done.error().text;
        });
        if (!fault.empty()) GTEST_SKIP() << fault;
    }

    // A stack and a server behind a link, which lasts for one child.
    struct Scene {
        KernelLink link{};
        Stack stack{options()};
        std::optional<Server> server{};
        Loop loop{stack};

        static StackOptions options() {
            StackOptions options;
            options.seed = entropy();
            return options;
        }
        // Empty: the program ended well within its time.
        std::string run(const std::vector<std::string>& command) {
            auto child = ChildProcess::start(command);
            if (!child) return child.error().text;
            loop.watch(child->exit_fd(), [this] { loop.stop(); });
            const auto work = [this](Instant now) {
                return server->work({.stack = now, .wall = {wall_seconds()}});
            };
            loop.run(work, real_now() + 30_s);
            loop.unwatch(child->exit_fd());
            if (!child->has_ended()) return command.front() + " did not end";
            if (!child->is_success()) return command.front() + " failed: " + child->output();
            return "";
        }
    };

    std::string set_up(Scene& scene) {
        if (const auto done = device::enter_private_network(); !done) return done.error().text;
        auto link = link_to_kernel();
        if (!link) return link.error().text;
        scene.link = std::move(*link);
        const auto interface = scene.stack.add_interface(*scene.link.device);
        if (!interface) return "no interface";
        for (const char* address : {"10.77.0.2/24", "fd77::2/64"}) {
            if (!scene.stack.add_address(*interface, *Prefix::parse(address))) return address;
        }
        scene.server.emplace(scene.stack, site_, ServerOptions{});
        if (!scene.server->listen()) return "cannot listen";
        scene.loop.watch(scene.link.fd);
        return "";
    }

    std::string transfer(const std::string& host) {
        Scene scene;
        if (const std::string fault = set_up(scene); !fault.empty()) return fault;
        const std::string got = (base_ / "got").string();
        const std::string url = "http://" + host;
        const std::vector<std::vector<std::string>> commands{
            {"curl", "-fsS", "-o", got, url + "/large.bin"},
            {"curl", "-fsS", "-T", got, url + "/upload/"},
            {"curl", "-fsS", "-C", "1000", "-o", got + ".rest", url + "/large.bin"},
            // Fifty side by side, and fifty on one connection.
            {"curl", "-fsSZ", "--no-keepalive", "--parallel-immediate", "--parallel-max", "50",
             "-o", "/dev/null", url + "/hello.txt?[1-50]"},
            {"curl", "-fsS", "-o", "/dev/null", url + "/hello.txt?[1-50]"},
        };
        for (const auto& command : commands) {
            if (const std::string fault = scene.run(command); !fault.empty()) return fault;
        }
        if (content_of("got") != large_) return "the download differs";
        if (content_of("uploads/got") != large_) return "the upload differs";
        if (content_of("got.rest") != large_.substr(1000)) return "the rest differs";
        if (scene.server->counts().requests != 103) return "requests were counted wrong";
        return "";
    }
};

TEST_F(KernelTest, CurlTransfersBothWaysOverIpv4) {
    large_ = std::string(20'000'000, 'x') + large_;
    put("root/large.bin", large_);
    site_.upload_limit = 2 * large_.size();
    EXPECT_EQ(in_child([&] { return transfer("10.77.0.2"); }), "");
}

TEST_F(KernelTest, CurlTransfersBothWaysOverIpv6) {
    EXPECT_EQ(in_child([&] { return transfer("[fd77::2]"); }), "");
}

TEST_F(KernelTest, TheLoopEndsAtItsDeadlineAndWhenItIsStopped) {
    Stack stack{{.seed = {1}}};
    Loop loop{stack};
    int calls = 0;
    const Instant begin = real_now();
    const auto work = [&](Instant now) {
        ++calls;
        return now + 20_ms;
    };
    loop.run(work, begin + 50_ms);
    EXPECT_GE(real_now(), begin + 50_ms);
    EXPECT_GE(calls, 2);
    loop.run([&](Instant) {
        loop.stop();
        return Instant::never();
    });
}

TEST_F(KernelTest, ASignalToStopIsSomethingToWaitFor) {
    StopSignals signals;
    EXPECT_FALSE(signals.is_raised());
    Stack stack{{.seed = {1}}};
    Loop loop{stack};
    loop.watch(signals.fd(), [&] { loop.stop(); });
    ::raise(SIGINT);
    loop.run([](Instant) { return Instant::never(); }, real_now() + 30_s);
    EXPECT_TRUE(signals.is_raised());
}

}  // namespace
}  // namespace fairlead::lab
