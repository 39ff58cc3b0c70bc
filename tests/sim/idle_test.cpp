#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

// A hundred connections, established and silent.
struct Silence {
    explicit Silence(bool keep_alive) : pair{quiet()} {
        for (int i = 0; i < 100; ++i) {
            sockets.push_back(
                sim::start_connecting(pair.client, {pair.server.address(Family::Inet), 80}));
            if (!keep_alive) continue;
            EXPECT_TRUE(pair.client.stack().set_option(sockets.back(), Option::KeepAlive, 1));
            EXPECT_TRUE(pair.client.stack().set_option(sockets.back(), Option::KeepIdle, 600));
        }
        pair.world.run_for(120_s);
        EXPECT_EQ(established(), sockets.size());
    }
    static Case quiet() {
        Case c{.link = path_with({.delay = 5_ms})};
        c.plan.stays_open = true;
        return c;
    }
    std::size_t established() {
        std::size_t n = 0;
        for (const SocketId s : sockets) {
            const auto info = pair.client.stack().tcp_info(s);
            if (info && info->state == TcpState::Established) ++n;
        }
        return n;
    }
    Pair pair;
    std::vector<SocketId> sockets{};
};

TEST(Idle, AnHourOfSilenceTakesAFewSteps) {
    Silence silence{false};
    const auto steps = silence.pair.world.counts().steps;
    const auto frames = silence.pair.world.recorder().entered();
    silence.pair.world.run_for(Duration::from_s(3600));
    EXPECT_EQ(silence.established(), 100u);
    EXPECT_LE(silence.pair.world.recorder().entered() - frames, 100u);
    EXPECT_LE(silence.pair.world.counts().steps - steps, 400u);
}

TEST(Idle, AnHourOfKeepAlivesTakesAStepOrTwoForEachFrame) {
    Silence silence{true};
    const auto steps = silence.pair.world.counts().steps;
    const auto frames = silence.pair.world.recorder().left();
    silence.pair.world.run_for(Duration::from_s(3600));
    EXPECT_EQ(silence.established(), 100u);
    const auto probes = silence.pair.world.recorder().left() - frames;
    // A probe and its answer every ten minutes, for each connection.
    EXPECT_GE(probes, 100u * 5 * 2);
    EXPECT_LE(probes, 100u * 6 * 2 + 200);
    EXPECT_LE(silence.pair.world.counts().steps - steps, 2 * probes + 400);
}

TEST(Idle, AnEmptyWorldDoesNotMoveButItsTimeDoes) {
    sim::World world{1};
    world.add_host("alone");
    const Instant start = world.now();
    world.run_for(Duration::from_s(86'400));
    EXPECT_EQ(world.now() - start, Duration::from_s(86'400));
    EXPECT_LE(world.counts().steps, 2u);
}

TEST(Idle, APeerThatIsGoneIsNoticedByKeepAlive) {
    Silence silence{true};
    silence.pair.path.set_up(false);
    silence.pair.world.run_for(Duration::from_s(600 + 9 * 75 + 130));
    EXPECT_EQ(silence.established(), 0u);
    const auto error = silence.pair.client.stack().option(silence.sockets[0], Option::Error);
    EXPECT_EQ(error, to_errno(Errc::TimedOut));
}

bool asks_for_neighbour(const sim::Crossing& crossing) {
    const std::vector<std::byte>& f = crossing.frame;
    const bool is_arp = f[12] == std::byte{0x08} && f[13] == std::byte{0x06};
    const bool is_nd =
        f[12] == std::byte{0x86} && f[20] == std::byte{58} && f[54] == std::byte{135};
    return is_nd || (is_arp && f[21] == std::byte{1});
}

// RFC 4861 §7.3.1: a connection that makes progress keeps its neighbour reachable, and nobody asks.
TEST(Idle, ATrickleKeepsItsNeighbourWithoutAQuestion) {
    for (const Family family : {Family::Inet, Family::Inet6}) {
        Case c{.family = family, .link = path_with({.delay = 5_ms})};
        c.plan.stays_open = true;
        Pair pair{c};
        Stack& stack = pair.client.stack();
        const SocketId s = sim::start_connecting(pair.client, {pair.server.address(family), 80});
        pair.world.run_for(5_s);
        pair.world.recorder().keep(10'000);
        for (int i = 0; i < 150; ++i) {
            EXPECT_TRUE(stack.send(s, std::vector<std::byte>(1)));
            stack.flush();
            pair.world.run_for(2_s);
        }
        std::size_t ours = 0;
        std::size_t all = 0;
        for (const sim::Crossing& crossing : pair.world.recorder().list()) {
            if (!crossing.has_left) continue;
            ++all;
            if (crossing.is_from_left && asks_for_neighbour(crossing)) ++ours;
        }
        EXPECT_GE(all, 300u);
        EXPECT_EQ(ours, 0u) << "in five minutes";
    }
}

// RFC 9293 MUST-20, SHLD-10: after three retransmissions the network layer hears of it, and asks whether the
// neighbour is there, long before it would by itself (15 s and 5 s at the soonest).
TEST(Idle, RetransmissionsInVainHaveTheNeighbourAsked) {
    Case c{.link = path_with({.delay = 5_ms})};
    c.plan.stays_open = true;
    Pair pair{c};
    Stack& stack = pair.client.stack();
    const SocketId s = sim::start_connecting(pair.client, {pair.server.address(Family::Inet), 80});
    pair.world.run_for(5_s);
    EXPECT_TRUE(stack.send(s, std::vector<std::byte>(1)));
    stack.flush();
    pair.world.run_for(1_s);
    const auto asked = [&] {
        std::size_t n = 0;
        for (const sim::Crossing& crossing : pair.world.recorder().list()) {
            if (crossing.is_from_left && asks_for_neighbour(crossing)) ++n;
        }
        return n;
    };
    pair.world.recorder().keep(100);
    pair.path.set_back({.loss = sim::Faults::kAlways});
    EXPECT_TRUE(stack.send(s, std::vector<std::byte>(1)));
    stack.flush();
    pair.world.run_for(8_s);
    EXPECT_EQ(asked(), 0u);
    pair.world.run_for(3_s);
    EXPECT_GE(asked(), 1u);
}

}  // namespace
