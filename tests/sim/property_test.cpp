// Worlds made up by chance. A failing one prints its seed; FAIRLEAD_SEED=N runs that one alone, and
// FAIRLEAD_SEEDS=N tries so many.
#include <cstdlib>

#include "base/prng.hpp"
#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint64_t kSeeds = 150;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
};

Range seeds() {
    const std::uint64_t one = number_from("FAIRLEAD_SEED", 0);
    if (one != 0) return {one, one};
    return {1, number_from("FAIRLEAD_SEEDS", kSeeds)};
}

// Mostly none, sometimes a little, seldom a lot.
std::uint32_t odds(Prng& chance, std::uint32_t most) {
    switch (chance.below(4)) {
        case 0: return static_cast<std::uint32_t>(chance.below(most));
        case 1: return static_cast<std::uint32_t>(chance.below(most / 10));
        default: return 0;
    }
}

sim::Faults faults(Prng& chance, std::uint32_t mtu) {
    sim::Faults f{.loss = odds(chance, 100'000),
                  .duplication = odds(chance, 100'000),
                  .reordering = odds(chance, 100'000),
                  .corruption = odds(chance, 20'000),
                  .reorder_distance = static_cast<std::uint32_t>(chance.between(1, 20)),
                  .delay = Duration::from_us(static_cast<std::int64_t>(chance.below(50'000)))};
    if (chance.chance(1, 3)) {
        f.jitter = Duration::from_us(static_cast<std::int64_t>(chance.below(20'000)));
    }
    if (chance.chance(1, 2)) {
        f.bits_per_second = chance.between(1'000'000, 200'000'000);
        // Room for two frames: else none of full size ever arrives.
        f.queue_bytes = 2 * (mtu + 14) + chance.below(300'000);
        if (chance.chance(1, 3)) f.queue_frames = static_cast<std::uint32_t>(chance.between(1, 50));
    }
    return f;
}

Settings settings(Prng& chance) {
    Settings s;
    for (const char* name : {"tcp_sack", "tcp_timestamps", "tcp_window_scaling", "tcp_dsack",
                             "tcp_moderate_rcvbuf", "tcp_slow_start_after_idle"}) {
        if (chance.chance(1, 4)) s.emplace_back(name, "0");
    }
    if (chance.chance(1, 4)) {
        s.emplace_back("tcp_rmem",
                       "4096 " + std::to_string(chance.between(4096, 65536)) + " 262144");
    }
    if (chance.chance(1, 4)) {
        s.emplace_back("tcp_wmem",
                       "4096 " + std::to_string(chance.between(4608, 65536)) + " 262144");
    }
    return s;
}

Case made_up(std::uint64_t seed) {
    Prng chance{seed};
    Case c{.seed = seed};
    c.family = chance.chance(1, 2) ? Family::Inet : Family::Inet6;
    c.link.mtu = static_cast<std::uint32_t>(
        chance.between(c.family == Family::Inet ? 200 : 1280, chance.chance(1, 3) ? 65'535 : 1500));
    c.link.there = faults(chance, c.link.mtu);
    c.link.back = faults(chance, c.link.mtu);
    if (chance.chance(1, 4)) c.link.features = {};
    if (chance.chance(1, 8)) c.link.kind = LinkKind::Ip;
    c.client = settings(chance);
    c.server = settings(chance);
    c.plan.write_bytes = static_cast<std::size_t>(chance.between(1'000, 16'384));
    c.plan.read_bytes = static_cast<std::size_t>(chance.between(500, 16'384));
    c.plan.no_delay = chance.chance(1, 2);
    c.bytes_there = chance.below(chance.chance(1, 4) ? 500'000 : 50'000);
    c.bytes_back = chance.below(chance.chance(1, 4) ? 500'000 : 50'000);
    c.connections = static_cast<int>(chance.between(1, 4));
    c.at_most = Duration::from_s(4 * 3600);
    return c;
}

TEST(Property, WhatIsSentArrives) {
    const Range range = seeds();
    for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
        const Case c = made_up(seed);
        Pair pair{c};
        run(c, pair);
        if (HasFailure()) FAIL() << "FAIRLEAD_SEED=" << seed << " makes this world again";
    }
}

// Applications that go away in the middle: what did arrive is right, and nothing stays behind.
TEST(Property, WhoeverGivesUpLeavesNothingBehind) {
    const Range range = seeds();
    for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
        Case c = made_up(seed);
        c.plan.keep_alive = true;  // a reset may be lost, and nothing is left to be sent
        Prng chance{~seed};
        const std::uint64_t all = c.bytes_there + c.bytes_back;
        Case other = c;
        if (chance.chance(1, 2)) c.plan.give_up_after = chance.below(all + 1);
        if (chance.chance(1, 2)) other.plan.give_up_after = chance.below(all + 1);
        Pair pair{c};
        pair.connect(other);
        pair.world.run_while_not([&] { return pair.is_over(); }, c.at_most);
        for (const auto& s : pair.streams) {
            EXPECT_TRUE(s.is_over());
            EXPECT_FALSE(s.wrong_at());
            EXPECT_LE(s.received(), c.bytes_back);
        }
        for (const auto& s : pair.listener.streams()) {
            EXPECT_TRUE(s.is_over());
            EXPECT_FALSE(s.wrong_at());
            EXPECT_LE(s.received(), c.bytes_there);
        }
        // An orphan whose peer does not answer gives up as well.
        pair.world.run_for(Duration::from_s(1200));
        EXPECT_TRUE(pair.client.stack().sockets().empty());
        EXPECT_EQ(pair.server.stack().sockets().size(), 1u);
        if (HasFailure()) FAIL() << "FAIRLEAD_SEED=" << seed << " makes this world again";
    }
}

}  // namespace
