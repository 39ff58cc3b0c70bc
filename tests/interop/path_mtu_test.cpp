// A narrow link behind the kernel, which routes: its "fragmentation needed" and "packet too big".
#include "device/network_namespace.hpp"
#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

constexpr std::uint32_t kNarrow = 1300;

//   stack --1500-- kernel, a router --1300-- kernel, in another network
class BehindARouter : public BesideKernelInBothFamilies {
protected:
    void SetUp() override {
        BesideKernelInBothFamilies::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        auto made = device::NetworkNamespace::make();
        ASSERT_TRUE(made) << made.error().text;
        far_.emplace(std::move(*made));
        ASSERT_TRUE(run({"ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0",
                         "netns", far_->path()}));
        ASSERT_NO_FATAL_FAILURE(set_up(control(), "near0", "1"));
        for (const char* name : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"}) {
            ASSERT_TRUE(device::write_network_sysctl(name, "1"));
        }
        {
            const device::NetworkNamespace::Stay inside{*far_};
            auto there = device::InterfaceControl::open();
            ASSERT_TRUE(there);
            ASSERT_NO_FATAL_FAILURE(set_up(*there, "far0", "2"));
            for (const auto& [network, gateway] :
                 {std::pair{"10.77.0.0/24", "10.78.0.1"}, std::pair{"fd77::/64", "fd78::1"}}) {
                ASSERT_TRUE(
                    there->add_route("far0", *Prefix::parse(network), *IpAddress::parse(gateway)));
            }
        }
        for (const auto& [network, f] :
             {std::pair{"10.78.0.0/24", Family::Inet}, std::pair{"fd78::/64", Family::Inet6}}) {
            ASSERT_TRUE(
                stack().add_route({.destination = *Prefix::parse(network), .gateway = kernels(f)}));
        }
    }
    static void set_up(device::InterfaceControl& control, const std::string& name,
                       const std::string& host) {
        ASSERT_TRUE(control.set_mtu(name, kNarrow));
        ASSERT_TRUE(control.set_up(name));
        for (const char* network : {"10.78.0.", "fd78::"}) {
            const std::string length = network[0] == '1' ? "/24" : "/64";
            ASSERT_TRUE(control.add_address(name, *Prefix::parse(network + host + length)));
        }
    }
    KernelSocket far_socket(int type) {
        const device::NetworkNamespace::Stay inside{*far_};
        return KernelSocket{GetParam(), type};
    }
    IpAddress far_address() const {
        return *IpAddress::parse(GetParam() == Family::Inet ? "10.78.0.2" : "fd78::2");
    }

    std::optional<device::NetworkNamespace> far_{};
};

TEST_P(BehindARouter, AStreamLearnsThePathAndArrives) {
    KernelSocket listener = far_socket(SOCK_STREAM);
    // The far end's MSS would say it all: it claims a link as wide as ours.
    ASSERT_EQ(listener.set_option(IPPROTO_TCP, TCP_MAXSEG, int{1460}), 0);
    {
        const device::NetworkNamespace::Stay inside{*far_};
        ASSERT_TRUE(
            run({"ip", "route", "change", GetParam() == Family::Inet ? "10.77.0.0/24" : "fd77::/64",
                 "via", GetParam() == Family::Inet ? "10.78.0.1" : "fd78::1", "dev", "far0",
                 "advmss", "1400"}));
    }
    const Endpoint there = listener.listen_at(far_address());
    Connected c{.ours = *stack().socket(GetParam(), SocketType::Stream)};
    ASSERT_EQ(stack().connect(c.ours, there).error(), Errc::InProgress);
    ASSERT_TRUE(until([&] {
        if (!c.theirs.is_open()) c.theirs = listener.accept();
        return c.theirs.is_open() && is_writable(c.ours);
    }));
    EXPECT_GT(stack().tcp_info(c.ours)->send_mss, kNarrow - 52u);
    EXPECT_TRUE(flows_out(c, pattern(1'000'000)));
    const std::uint32_t headers = (GetParam() == Family::Inet ? 20u : 40u) + 32u;
    EXPECT_EQ(stack().tcp_info(c.ours)->path_mtu, kNarrow);
    EXPECT_EQ(stack().tcp_info(c.ours)->send_mss, kNarrow - headers);
    // Who opens after that knows it from the start.
    EXPECT_TRUE(flows_in(c, pattern(100'000)));
}

TEST_P(BehindARouter, ADatagramTooLargeForThePathIsAnErrorAndTheNextIsCut) {
    KernelSocket kernel = far_socket(SOCK_DGRAM);
    ASSERT_EQ(kernel.bind({far_address(), 7000}), 0);
    const SocketId s = *stack().socket(GetParam(), SocketType::Datagram);
    ASSERT_TRUE(stack().connect(s, {far_address(), 7000}));
    const auto bytes = pattern(1400);
    std::vector<std::byte> got(2000);
    ssize_t n = -1;
    ASSERT_TRUE(stack().send(s, bytes));
    // The router's answer is an error of the socket, as on Linux.
    ASSERT_TRUE(until([&] { return take_error(s) == EMSGSIZE; }));
    EXPECT_EQ(kernel.receive(got), -EAGAIN);
    // Now and then again: a new link of the router may lose its first packets.
    Instant next = lab::real_now();
    EXPECT_TRUE(until([&] {
        if (const Instant now = lab::real_now(); now >= next) {
            EXPECT_TRUE(stack().send(s, bytes));
            next = now + 200_ms;
        }
        return (n = kernel.receive(got)) >= 0;
    }));
    got.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    EXPECT_EQ(got, bytes);
    EXPECT_GT(counted(GetParam() == Family::Inet ? Counter::IpFragOKs : Counter::Ip6FragOKs), 0u);
}

INSTANTIATE_TEST_SUITE_P(Over, BehindARouter, testing::Values(Family::Inet, Family::Inet6),
                         name_of_family);

}  // namespace
}  // namespace fairlead::testing_interop
