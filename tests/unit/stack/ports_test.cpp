#include <set>

#include <gtest/gtest.h>

#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

TEST(EphemeralPorts, EvenOnesGoFirstAllAreUsedAndNoneTwice) {
    Stack stack{{.seed = {4}}};
    ASSERT_TRUE(stack.set_config("net.ipv4.ip_local_port_range", "40000 40999"));
    stack.advance(Instant::from_ns(1'000'000'000));
    // Nobody answers while the stack is not polled.
    const Endpoint to = *Endpoint::parse("127.0.0.1:9");
    std::set<std::uint16_t> seen;
    for (int i = 0; i < 1000; ++i) {
        const SocketId s = *stack.socket(Family::Inet, SocketType::Stream);
        ASSERT_EQ(stack.connect(s, to).error(), Errc::InProgress) << i;
        const std::uint16_t port = stack.local_name(s)->port;
        EXPECT_TRUE(seen.insert(port).second);
        EXPECT_EQ(port % 2, i < 500 ? 0 : 1) << i;
    }
    EXPECT_EQ(*seen.begin(), 40000);
    EXPECT_EQ(*seen.rbegin(), 40999);
    const SocketId more = *stack.socket(Family::Inet, SocketType::Stream);
    EXPECT_EQ(stack.connect(more, to).error(), Errc::AddressNotAvailable);
    // Another destination has them all again.
    EXPECT_EQ(stack.connect(more, *Endpoint::parse("127.0.0.2:9")).error(), Errc::InProgress);
}

}  // namespace
