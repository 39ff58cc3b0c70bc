#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

// A bit of everything: both families, faults, several connections, closes, two minutes of quiet.
std::uint64_t run_world(std::uint64_t seed,
                        DeviceFeatures features = {
                            .checksum_out = true, .tso4 = true, .tso6 = true, .uso = true}) {
    sim::StreamPlan plan{.to_send = 300'000};
    sim::World world{seed};
    sim::Host& a = world.add_host("a");
    sim::Host& b = world.add_host("b");
    const sim::Faults faults{.loss = 10'000,
                             .duplication = 10'000,
                             .reordering = 10'000,
                             .corruption = 2'000,
                             .delay = 3_ms,
                             .jitter = 1_ms,
                             .bits_per_second = 50'000'000};
    world.join(a, b, {.features = features, .there = faults, .back = faults});
    sim::Listener v4{b, {b.address(Family::Inet), 80}, sim::mirrored(plan, 100'000)};
    sim::Listener v6{b, {b.address(Family::Inet6), 80}, sim::mirrored(plan, 100'000)};
    std::deque<sim::Stream> streams;
    for (int i = 0; i < 3; ++i) {
        for (const Family family : {Family::Inet, Family::Inet6}) {
            const SocketId s = sim::start_connecting(a, {b.address(family), 80});
            streams.emplace_back(a, s, plan);
        }
    }
    world.run_for(120_s);
    for (const sim::Stream& s : streams) {
        EXPECT_EQ(s.received(), 100'000u);
        EXPECT_EQ(s.wrong_at(), std::nullopt);
    }
    EXPECT_GT(world.recorder().left(), 1000u);
    return world.recorder().hash();
}

TEST(Determinism, TheSameSeedGivesTheSameFramesToTheBit) {
    EXPECT_EQ(run_world(1), run_world(1));
    EXPECT_EQ(run_world(2), run_world(2));
    EXPECT_NE(run_world(1), run_world(2));
}

// Whoever cuts large segments, the stack or the wire, the frames are the same.
TEST(Determinism, OffloadsDoNotShowOnTheWire) { EXPECT_EQ(run_world(1), run_world(1, {})); }

// One number, written down, that every compiler and machine must come to. Whoever changes what a
// stack sends changes it: look at what moved, then write the new one.
TEST(Determinism, EveryCompilerGivesTheSameFrames) {
    EXPECT_EQ(run_world(20240607), 2354603284928875096u) << "the hash of the frames has moved";
}

}  // namespace
