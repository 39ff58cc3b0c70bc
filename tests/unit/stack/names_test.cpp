#include <array>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

class OnALink : public testing::Test {
protected:
    OnALink() {
        const auto l = *left.add_interface(link.left());
        const auto r = *right.add_interface(link.right());
        for (const char* a : {"192.0.2.1/24", "2001:db8::1/64"}) {
            EXPECT_TRUE(left.add_address(l, *Prefix::parse(a)));
        }
        for (const char* a : {"192.0.2.2/24", "2001:db8::2/64"}) {
            EXPECT_TRUE(right.add_address(r, *Prefix::parse(a)));
        }
    }
    void run(Duration for_how_long) {
        const Instant end = now + for_how_long;
        for (; now < end; now = now + 1_ms) {
            left.poll(now);
            right.poll(now);
        }
    }

    PacketPool pool;
    device::MemoryLink link{};
    Stack left{{.seed = {1}, .pool = &pool}};
    Stack right{{.seed = {2}, .pool = &pool}};
    Instant now = Instant::from_ns(1'000'000'000);
};

TEST_F(OnALink, ANeighbourThatDoesNotAnswerEndsAConnectAfterThreeSeconds) {
    run(2_s);
    for (const char* text : {"192.0.2.9:80", "[2001:db8::9]:80"}) {
        const Endpoint to = *Endpoint::parse(text);
        const SocketId s = *left.socket(to.address.family(), SocketType::Stream);
        ASSERT_EQ(left.connect(s, to).error(), Errc::InProgress);
        run(2900_ms);
        EXPECT_EQ(left.readiness(s), 0u) << text;
        run(300_ms);
        EXPECT_EQ(left.option(s, Option::Error), to_errno(Errc::HostUnreachable)) << text;
        EXPECT_TRUE(left.close(s));
    }
    EXPECT_EQ(left.connect(*left.socket(Family::Inet, SocketType::Stream),
                           *Endpoint::parse("198.51.100.1:80"))
                  .error(),
              Errc::NetworkUnreachable);
}

TEST_F(OnALink, AnIpv6SocketHearsBothFamiliesUnlessItKeepsToItself) {
    run(2_s);
    for (const bool v6_only : {false, true}) {
        const SocketId listener = *right.socket(Family::Inet6, SocketType::Stream);
        ASSERT_TRUE(right.set_option(listener, Option::V6Only, v6_only ? 1 : 0));
        const auto port = static_cast<std::uint16_t>(v6_only ? 81 : 80);
        ASSERT_TRUE(right.bind(listener, {IpAddress{}, port}));
        ASSERT_TRUE(right.listen(listener, 5));
        for (const char* text : {"192.0.2.2", "2001:db8::2"}) {
            const Endpoint to{*IpAddress::parse(text), port};
            // An IPv6 socket reaches an IPv4 host by its mapped name.
            const SocketId s = *left.socket(Family::Inet6, SocketType::Stream);
            ASSERT_EQ(left.connect(s, to).error(), Errc::InProgress);
            run(50_ms);
            if (v6_only && to.address.is_v4()) {
                EXPECT_EQ(left.option(s, Option::Error), to_errno(Errc::ConnectionRefused));
                continue;
            }
            const auto accepted = right.accept(listener);
            ASSERT_TRUE(accepted) << text;
            EXPECT_EQ(right.local_name(*accepted), to);
            EXPECT_EQ(right.peer_name(*accepted), left.local_name(s));
            EXPECT_EQ(right.option(*accepted, Option::Domain), 10);
        }
    }
    // The other way: both wildcards of one port meet, unless the IPv6 one keeps to itself.
    const SocketId v4 = *right.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(right.bind(v4, {IpAddress::any(Family::Inet), 80}).error(), Errc::AddressInUse);
    EXPECT_TRUE(right.bind(v4, {IpAddress::any(Family::Inet), 81}));
    EXPECT_EQ(right.connect(v4, *Endpoint::parse("[2001:db8::1]:1")).error(),
              Errc::FamilyNotSupported);
}

TEST_F(OnALink, AListenerBoundToADeviceHearsThatDeviceOnly) {
    run(2_s);
    const Endpoint at = *Endpoint::parse("192.0.2.2:80");
    const SocketId on_lo = *right.socket(Family::Inet, SocketType::Stream);
    ASSERT_TRUE(right.set_option(on_lo, Option::BindToDevice, 1));
    ASSERT_TRUE(right.bind(on_lo, at));
    ASSERT_TRUE(right.listen(on_lo, 5));
    const SocketId s = *left.socket(Family::Inet, SocketType::Stream);
    ASSERT_EQ(left.connect(s, at).error(), Errc::InProgress);
    run(50_ms);
    EXPECT_EQ(left.option(s, Option::Error), to_errno(Errc::ConnectionRefused));
    const SocketId local = *right.socket(Family::Inet, SocketType::Stream);
    ASSERT_EQ(right.connect(local, at).error(), Errc::InProgress);
    run(50_ms);
    EXPECT_TRUE(right.accept(on_lo));
}

}  // namespace
