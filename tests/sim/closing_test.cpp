#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

class Closing : public testing::TestWithParam<Family> {};

// Both ends call, on ports they know of each other, with no listener anywhere: RFC 9293 §3.5.
TEST_P(Closing, SimultaneousOpenMakesOneConnection) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(seed);
        sim::World world{seed};
        sim::Host& a = world.add_host("a");
        sim::Host& b = world.add_host("b");
        world.join(a, b, path_with({.loss = seed > 1 ? 50'000u : 0u, .delay = 10_ms}));
        // The neighbours know each other, so that the SYNs really cross.
        world.run_for(1_s);
        const Endpoint at_a{a.address(GetParam()), 4000};
        const Endpoint at_b{b.address(GetParam()), 5000};
        const sim::StreamPlan plan{.to_send = 100'000};
        sim::Stream left{a, sim::start_connecting(a, at_b, at_a), plan};
        sim::Stream right{b, sim::start_connecting(b, at_a, at_b), sim::mirrored(plan, 50'000)};
        world.run_while_not([&] { return left.is_over() && right.is_over(); }, 600_s);
        expect_intact(left, 100'000, 50'000);
        expect_intact(right, 50'000, 100'000);
        world.run_for(180_s);
        EXPECT_TRUE(a.stack().sockets().empty());
        EXPECT_TRUE(b.stack().sockets().empty());
    }
}

// The client has said all and hears on: half a connection carries as well as a whole one.
TEST_P(Closing, HalfClosedConnectionsCarryTheOtherHalf) {
    Case c{.family = GetParam(),
           .link = path_with({.loss = 10'000, .delay = 20_ms}),
           .bytes_there = 0,
           .bytes_back = 1'000'000};
    Pair pair{c};
    run(c, pair);
}

TEST_P(Closing, BothMayCloseAtOnce) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(seed);
        Case c{.family = GetParam(), .link = path_with({.delay = 20_ms}), .seed = seed};
        c.plan.stays_open = true;
        Pair pair{c};
        Stack& client = pair.client.stack();
        const SocketId socket =
            sim::start_connecting(pair.client, {pair.server.address(GetParam()), 80});
        pair.world.run_for(1_s);
        ASSERT_EQ(pair.listener.streams().size(), 1u);
        ASSERT_TRUE(client.close(socket));
        ASSERT_TRUE(pair.server.stack().close(pair.listener.streams().front().socket()));
        pair.world.run_for(30_ms);
        const auto rows = client.sockets();
        ASSERT_EQ(rows.size(), 1u);
        EXPECT_EQ(rows[0].state, TcpState::Closing) << name_of(rows[0].state);
        pair.world.run_for(30_ms);
        EXPECT_EQ(client.sockets().at(0).state, TcpState::TimeWait);
        pair.world.run_for(120_s);
        EXPECT_TRUE(client.sockets().empty());
        EXPECT_EQ(client.counters()[Counter::TcpOutRsts], 0u);
    }
}

TEST_P(Closing, APeerThatClosesWithUnreadBytesResets) {
    Case c{.family = GetParam(), .link = path_with({.delay = 5_ms})};
    c.plan.give_up_after = 10'000;
    Pair pair{c};
    const Endpoint to{pair.server.address(GetParam()), 80};
    sim::Stream client{pair.client, sim::start_connecting(pair.client, to), {.to_send = 1'000'000}};
    pair.world.run_while_not([&] { return client.is_over(); }, 600_s);
    EXPECT_EQ(client.state(), sim::Stream::State::Failed);
    EXPECT_TRUE(client.error() == Errc::ConnectionReset || client.error() == Errc::BrokenPipe)
        << name_of(client.error());
    EXPECT_FALSE(pair.listener.streams().front().wrong_at());
    pair.world.run_for(180_s);
    EXPECT_TRUE(pair.client.stack().sockets().empty());
    EXPECT_EQ(pair.server.stack().sockets().size(), 1u);
}

// The reset comes while bytes wait to be sent: the socket stays until it is closed.
TEST_P(Closing, AResetThatMeetsUnsentBytesLeavesTheSocket) {
    Case c{.family = GetParam(), .link = path_with({.delay = 5_ms})};
    c.plan.stays_open = true;
    Pair pair{c};
    Stack& client = pair.client.stack();
    const SocketId socket =
        sim::start_connecting(pair.client, {pair.server.address(GetParam()), 80});
    pair.world.run_for(1_s);
    ASSERT_EQ(pair.listener.streams().size(), 1u);
    const SocketId accepted = pair.listener.streams().front().socket();
    ASSERT_TRUE(pair.server.stack().set_option(accepted, Option::LingerSeconds, 0));
    ASSERT_TRUE(pair.server.stack().close(accepted));
    pair.world.run_for(4_ms);
    const std::array<std::byte, 100> bytes{};
    pair.world.run_for(Duration::from_us(999));
    ASSERT_TRUE(client.send(socket, bytes));
    client.advance(pair.world.now() + 10_us);
    ASSERT_GT(client.poll(pair.world.now() + 10_us).received, 0u);
    EXPECT_EQ(client.option(socket, Option::Error), to_errno(Errc::ConnectionReset));
    EXPECT_TRUE(client.close(socket));
    EXPECT_TRUE(client.sockets().empty());
}

TEST_P(Closing, NobodyThereIsRefusedAndNoRouteTimesOut) {
    Case c{.family = GetParam()};
    Pair pair{c};
    const sim::StreamPlan plan{};
    sim::Stream refused{pair.client,
                        sim::start_connecting(pair.client, {pair.server.address(GetParam()), 81}),
                        plan};
    pair.world.run_for(1_s);
    EXPECT_EQ(refused.error(), Errc::ConnectionRefused);
    // Nobody at all: the neighbour does not answer.
    const auto nobody = GetParam() == Family::Inet ? IpAddress::v4(10, 0, 1, 77)
                                                   : *IpAddress::parse("2001:db8:0:1::77");
    sim::Stream lost{pair.client, sim::start_connecting(pair.client, {nobody, 80}), plan};
    pair.world.run_for(40_s);
    EXPECT_EQ(lost.error(), Errc::HostUnreachable) << name_of(lost.error());
}

INSTANTIATE_TEST_SUITE_P(Over, Closing, testing::Values(Family::Inet, Family::Inet6),
                         [](const auto& row) { return row.param == Family::Inet ? "v4" : "v6"; });

// --- how well it goes ---

TEST(Goodput, ACleanPathIsFilledAndNothingIsSentTwice) {
    Case c{.link = path_with(
               {.delay = 10_ms, .bits_per_second = 100'000'000, .queue_bytes = 1'000'000}),
           .bytes_there = 20'000'000};
    Pair pair{c};
    const Instant start = pair.world.now();
    pair.connect(c);
    ASSERT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    const std::int64_t bits_per_second = 20'000'000ll * 8 * 1000 / (pair.world.now() - start).ms();
    // 1448 of 1514 bytes are payload; slow start and the two round trips of open and close cost.
    EXPECT_GT(bits_per_second, 85'000'000);
    EXPECT_EQ(pair.client.stack().counters()[Counter::TcpRetransSegs],
              pair.path.there().queue_full);
}

}  // namespace
