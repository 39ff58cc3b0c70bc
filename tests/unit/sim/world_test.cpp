#include "sim/world.hpp"

#include <gtest/gtest.h>

#include "sim/stream.hpp"

using namespace fairlead;

namespace {

TEST(World, JoinedHostsHaveAddressesThatReachEachOther) {
    sim::World world{1};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    sim::Host& c = world.add_host("c");
    world.join(a, b);
    world.join(b, c);
    EXPECT_EQ(a.address(Family::Inet).to_string(), "10.0.1.1");
    EXPECT_EQ(b.address(Family::Inet).to_string(), "10.0.1.2");
    EXPECT_EQ(b.address(Family::Inet6, 1).to_string(), "2001:db8:0:2::1");
    EXPECT_EQ(c.address(Family::Inet6).to_string(), "2001:db8:0:2::2");
    EXPECT_TRUE(a.address(Family::Inet, 1).is_any());
}

TEST(World, TimeJumpsToWhatHappensNextAndNoFurther) {
    sim::World world{1};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    world.join(a, b, {.there = {.delay = 10_ms}, .back = {.delay = 10_ms}});
    world.run_for(60_s);  // router solicitations, duplicate address detection
    const Instant start = world.now();
    sim::Stream client{a, sim::start_connecting(a, {b.address(Family::Inet), 9}), {}};
    // ARP there and back, SYN there, RST back.
    EXPECT_TRUE(world.run_while_not([&] { return client.is_over(); }, 1_s));
    EXPECT_EQ(world.now() - start, 40_ms);
    EXPECT_EQ(client.error(), Errc::ConnectionRefused);
    EXPECT_EQ(a.stack().now(), world.now());
    EXPECT_EQ(b.stack().now(), world.now());
    EXPECT_FALSE(world.run_while_not([] { return false; }, 5_s));
    EXPECT_EQ(world.now() - start, Duration::from_ms(5'040));
}

TEST(World, AHostIsPolledOnlyWhenItHasSomethingToDo) {
    sim::World world{1};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    world.join(a, b);
    for (int i = 0; i < 50; ++i) world.add_host("idle");
    sim::Listener listener{b, {b.address(Family::Inet), 80}, {}};
    sim::Stream client{a, sim::start_connecting(a, {b.address(Family::Inet), 80}), {}};
    world.run_for(120_s);
    EXPECT_EQ(client.state(), sim::Stream::State::Closed);
    EXPECT_LT(world.counts().polls, 150u);
}

TEST(World, APeerThatSendsOtherBytesIsFoundOut) {
    sim::World world{1};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    world.join(a, b);
    const sim::StreamPlan plan{.to_send = 1000};
    sim::StreamPlan other = sim::mirrored(plan, 1000);
    other.content_in += 1;
    sim::Listener listener{b, {b.address(Family::Inet), 80}, other};
    sim::Stream client{a, sim::start_connecting(a, {b.address(Family::Inet), 80}), plan};
    world.run_for(10_s);
    ASSERT_EQ(listener.streams().size(), 1u);
    EXPECT_TRUE(listener.streams().front().wrong_at().has_value());
    EXPECT_FALSE(client.wrong_at().has_value());
    EXPECT_EQ(client.received(), 1000u);
}

}  // namespace
