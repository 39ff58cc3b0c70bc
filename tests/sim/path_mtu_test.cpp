#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

class PathMtu : public testing::TestWithParam<Family> {};

// Both ends see their link become narrower in the middle of a transfer.
TEST_P(PathMtu, ALinkThatBecomesNarrowerDoesNotStopATransfer) {
    for (const bool has_offloads : {true, false}) {
        Case c{.family = GetParam(),
               .link = path_with({.delay = 5_ms, .bits_per_second = 20'000'000}),
               .bytes_there = 2'000'000,
               .bytes_back = 500'000};
        if (!has_offloads) c.link.features = {};
        Pair pair{c};
        pair.connect(c);
        pair.world.run_for(300_ms);
        ASSERT_GT(pair.streams.front().sent(), 100'000u);
        ASSERT_LT(pair.listener.streams().front().received(), 1'500'000u);
        pair.path.set_mtu(1300);
        EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 30_s));
        expect_intact(pair.streams.front(), 2'000'000, 500'000);
        EXPECT_EQ(pair.path.oversized(), 0u);
    }
}

TEST_P(PathMtu, ALinkThatWasDownForAWhileIsUsedAgain) {
    Case c{.family = GetParam(),
           .link = path_with({.delay = 5_ms, .bits_per_second = 20'000'000}),
           .bytes_there = 2'000'000,
           .bytes_back = 500'000};
    Pair pair{c};
    pair.connect(c);
    pair.world.run_for(300_ms);
    pair.path.set_up(false);
    pair.world.run_for(3_s);
    pair.path.set_up(true);
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    expect_intact(pair.streams.front(), 2'000'000, 500'000);
}

INSTANTIATE_TEST_SUITE_P(Over, PathMtu, testing::Values(Family::Inet, Family::Inet6),
                         [](const auto& row) { return row.param == Family::Inet ? "v4" : "v6"; });

}  // namespace
