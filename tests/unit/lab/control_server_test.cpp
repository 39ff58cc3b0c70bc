#include "lab/control_server.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab/control_client.hpp"
#include "lab/scratch_folder.hpp"

namespace fairlead::lab {
namespace {

// A stack whose control socket lies in a folder of its own.
class ControlSocket : public testing::Test {
protected:
    ControlSocket() {
        ::setenv("XDG_RUNTIME_DIR", scratch_.path().c_str(), 1);
        auto opened =
            ControlServer::open(stack_, {.name = "web", .what = "test", .pid = ::getpid()});
        EXPECT_TRUE(opened) << opened.error();
        if (opened) server_ = std::move(*opened);
    }
    ~ControlSocket() override { ::unsetenv("XDG_RUNTIME_DIR"); }

    device::FileDescriptor connect() const {
        device::FileDescriptor fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        server_->path().copy(name.sun_path, sizeof name.sun_path - 1);
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        return fd;
    }
    void say(const device::FileDescriptor& fd, std::string_view text) const {
        EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    // What has come, and whether it has ended.
    std::pair<std::string, bool> hear(const device::FileDescriptor& fd) const {
        std::string text;
        std::array<char, 65536> bytes;
        for (;;) {
            const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
            if (got <= 0) return {text, got == 0 || errno == ECONNRESET};
            text.append(bytes.data(), static_cast<std::size_t>(got));
        }
    }
    // Of this test's folder: others may run on this machine.
    std::vector<RunningStack> running() const {
        std::vector<RunningStack> all = running_stacks();
        std::erase_if(all,
                      [&](const RunningStack& s) { return !s.path.starts_with(scratch_.path()); });
        return all;
    }
    // Rounds of the loop, as if the descriptor had been readable.
    void turn(int rounds = 8) {
        for (int i = 0; i < rounds; ++i) {
            server_->on_readable();
            next_ = server_->work(now_);
        }
    }

    ScratchFolder scratch_{*ScratchFolder::make()};
    Stack stack_{{}};
    std::unique_ptr<ControlServer> server_{};
    Instant now_ = Instant::from_ns(1'000'000'000);
    Instant next_{};
};

TEST_F(ControlSocket, IsItsUsersAlone) {
    struct stat s{};
    ASSERT_EQ(::stat(server_->path().c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0600u);
    ASSERT_EQ(::stat((scratch_.path() + "/fairlead").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0700u);
}

TEST_F(ControlSocket, LeavesNothingBehind) {
    const std::string path = server_->path();
    server_.reset();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::is_empty(scratch_.path() + "/fairlead"));
}

TEST_F(ControlSocket, AnswersOneRequestAfterTheOther) {
    const auto fd = connect();
    say(fd, "hello\nset name=net.ipv4.tcp_sack value=0\n");
    turn();
    const auto [text, is_over] = hear(fd);
    EXPECT_EQ(text, "hello version=1 name=web what=test pid=" + std::to_string(::getpid()) +
                        "\nend\nend\n");
    EXPECT_FALSE(is_over);
    EXPECT_EQ(stack_.config().tcp_sack, 0);
}

TEST_F(ControlSocket, GarbageIsAnsweredOnceALine) {
    const auto fd = connect();
    say(fd, std::string_view{"\x00\xff%%%\n\nhello\n", 13});
    turn();
    const auto [text, is_over] = hear(fd);
    EXPECT_TRUE(text.starts_with("error code=22 text=that%20is%20no%20request\nerror code=22 "));
    EXPECT_TRUE(text.ends_with("end\n"));
    EXPECT_FALSE(is_over);
}

TEST_F(ControlSocket, ARequestWithoutEndIsCutOff) {
    const auto fd = connect();
    say(fd, std::string(inspect::kMostRequestBytes, 'a'));
    turn();
    EXPECT_TRUE(hear(fd).second);
    EXPECT_EQ(server_->client_count(), 0u);
}

TEST_F(ControlSocket, WhoSaysNothingIsCutOff) {
    const auto fd = connect();
    turn();
    EXPECT_EQ(server_->client_count(), 1u);
    EXPECT_EQ(next_, now_ + ControlServer::kPatience) << "until then there is nothing to do";
    now_ = now_ + ControlServer::kPatience;
    server_->work(now_);
    EXPECT_EQ(server_->client_count(), 0u);
    EXPECT_TRUE(hear(fd).second);
}

TEST_F(ControlSocket, WhoDripsBytesIsCutOff) {
    const auto fd = connect();
    turn();
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(::send(fd.get(), "a", 1, MSG_NOSIGNAL), i < 5 ? 1 : -1);
        now_ = now_ + 1_s;
        turn();
    }
    EXPECT_EQ(server_->client_count(), 0u);
}

TEST_F(ControlSocket, WhoTakesNoAnswerIsCutOffAndHoldsLittle) {
    for (int i = 0; i < 4000; ++i) {
        const auto id = stack_.socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(id && stack_.bind(*id, {IpAddress::any(Family::Inet),
                                            static_cast<std::uint16_t>(1000 + i)}));
        ASSERT_TRUE(stack_.listen(*id, 1));
    }
    const auto fd = connect();
    std::string flood;
    for (int i = 0; i < 50; ++i) flood += "sockets\n";
    say(fd, flood);
    turn(2000);
    EXPECT_EQ(server_->client_count(), 1u);
    EXPECT_EQ(next_, now_ + ControlServer::kPatience) << "it waits for the reader, not in a loop";
    now_ = now_ + ControlServer::kPatience;
    server_->work(now_);
    EXPECT_EQ(server_->client_count(), 0u);
}

TEST_F(ControlSocket, AFloodOfRequestsEnds) {
    const auto fd = connect();
    std::string flood;
    for (int i = 0; i < 2 * ControlServer::kMostRequests; ++i) flood += "hello\n";
    say(fd, flood);
    turn(1000);
    const auto [text, is_over] = hear(fd);
    EXPECT_TRUE(is_over);
    EXPECT_EQ(std::ranges::count(text, '\n'), 2 * ControlServer::kMostRequests);
}

TEST_F(ControlSocket, OnlySoManyAreServedAtOnce) {
    std::vector<device::FileDescriptor> all;
    for (std::size_t i = 0; i < ControlServer::kMostClients + 4; ++i) {
        all.push_back(connect());
        turn(1);
    }
    EXPECT_EQ(server_->client_count(), ControlServer::kMostClients);
    EXPECT_TRUE(hear(all.back()).second);
    say(all.front(), "hello\n");
    turn();
    EXPECT_TRUE(hear(all.front()).first.ends_with("end\n"));
}

TEST_F(ControlSocket, WhoDiesInTheMiddleIsForgotten) {
    auto fd = connect();
    say(fd, "sockets\n");
    fd.reset();
    turn();
    EXPECT_EQ(server_->client_count(), 0u);
}

TEST_F(ControlSocket, WithoutAClientNothingIsDone) {
    EXPECT_EQ(server_->work(now_), Instant::never());
}

TEST_F(ControlSocket, IsFoundByNameAndByNumber) {
    const auto found = running();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].name, "web");
    EXPECT_EQ(found[0].pid, ::getpid());
    EXPECT_TRUE(choose_stack(found, ""));
    EXPECT_TRUE(choose_stack(found, "web"));
    EXPECT_TRUE(choose_stack(found, std::to_string(::getpid())));
    const auto other = choose_stack(found, "mail");
    ASSERT_FALSE(other);
    EXPECT_TRUE(other.error().starts_with("there is no stack mail; these are running:\n  --host "));
}

TEST_F(ControlSocket, WhatADeadProcessLeftIsRemoved) {
    const std::string stale = scratch_.path() + "/fairlead/old.999999999";
    {
        const device::FileDescriptor fd{::socket(AF_UNIX, SOCK_STREAM, 0)};
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        stale.copy(name.sun_path, sizeof name.sun_path - 1);
        ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    }
    EXPECT_TRUE(std::filesystem::exists(stale));
    EXPECT_EQ(running().size(), 1u);
    EXPECT_FALSE(std::filesystem::exists(stale));
}

TEST(ControlPlace, NoneAndSeveralAreTold) {
    EXPECT_EQ(choose_stack({}, "").error(),
              "no stack of this user is running; fairlead serve starts one");
    const std::vector<RunningStack> two{{.name = "mail", .pid = 11, .path = "/m"},
                                        {.name = "web", .pid = 7, .path = "/w"}};
    EXPECT_EQ(choose_stack(two, "").error(),
              "2 stacks are running; say which:\n  --host 11       mail\n  --host 7        web");
}

TEST(ControlPlace, APrivateHostCountsOnlyWhereItIsNamedOrNoOtherIs) {
    const RunningStack one{.name = "run-5", .pid = 5, .path = "/r", .is_private = true};
    const RunningStack web{.name = "web", .pid = 7, .path = "/w"};
    EXPECT_EQ(choose_stack({one, web}, "").value().name, "web");
    EXPECT_EQ(choose_stack({one, web}, "run-5").value().name, "run-5");
    EXPECT_EQ(choose_stack({one}, "").value().name, "run-5");
    EXPECT_FALSE(choose_stack({one, one}, ""));
}

TEST(ControlPlace, ANameIsALetterOrSo) {
    EXPECT_TRUE(is_good_name("web-1_A"));
    for (const std::string_view bad : {"", ".", "a.b", "a/b", "../x", "a b"}) {
        EXPECT_FALSE(is_good_name(bad)) << bad;
    }
    EXPECT_FALSE(is_good_name(std::string(33, 'a')));
}

}  // namespace
}  // namespace fairlead::lab
