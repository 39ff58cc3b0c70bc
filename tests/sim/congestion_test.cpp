// Congestion control on a whole path: how flows share a bottleneck, and how much of it they use.
#include <algorithm>
#include <array>
#include <vector>

#include "sim/flows.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

// How far from the half one of two flows is over the last minute of two, in percent of it.
std::uint64_t unfairness(const Settings& settings, std::uint64_t seed) {
    Flows flows{{.queue_bytes = 25'000}, settings, seed};
    flows.start();
    flows.run_for(Duration::from_ms(static_cast<std::int64_t>(flows.world().chance().below(5000))));
    flows.start();
    flows.run_for(60_s);
    const std::array before{flows.received(0), flows.received(1)};
    flows.run_for(60_s);
    const std::uint64_t a = flows.received(0) - before[0];
    const std::uint64_t b = flows.received(1) - before[1];
    EXPECT_GT((a + b) * 8 / 60, 85 * kMegabit / 10) << "seed " << seed << ": the path is used";
    return 100 * (std::max(a, b) - std::min(a, b)) / (a + b);
}

TEST(Fairness, TwoFlowsOfCubicShareWithinTenPercent) {
    std::array<std::uint64_t, 10> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all.at(i) = unfairness(with("cubic"), i + 1);
    std::sort(all.begin(), all.end());
    EXPECT_LE((all[4] + all[5]) / 2, 10u) << "the median of seeds 1 to 10";
}

// What a flow of CUBIC gets over what one of NewReno beside it gets; which of them comes first is chance.
double cubic_beside_new_reno(const Bottleneck& b, Duration length, std::uint64_t seed) {
    Settings settings = with("cubic");
    settings.emplace_back("tcp_rmem", "4096 131072 16777216");
    settings.emplace_back("tcp_wmem", "4096 16384 16777216");
    Flows flows{b, settings, seed};
    const std::size_t cubic = flows.world().chance().below(2);
    flows.start(cubic == 0 ? "cubic" : "reno");
    flows.run_for(Duration::from_ms(static_cast<std::int64_t>(flows.world().chance().below(2000))));
    flows.start(cubic == 0 ? "reno" : "cubic");
    flows.run_for(length);
    const std::array before{flows.received(0), flows.received(1)};
    flows.run_for(length);
    const auto got = [&](std::size_t n) {
        return static_cast<double>(flows.received(n) - before.at(n));
    };
    return got(cubic) / got(1 - cubic);
}

// Where ten segments fill the path, one flow in three has half or twice as much: few seeds say little.
double median_beside_new_reno(const Bottleneck& b, Duration length, std::size_t seeds) {
    std::vector<double> all(seeds);
    for (std::size_t i = 0; i < seeds; ++i) all[i] = cubic_beside_new_reno(b, length, i + 1);
    std::ranges::sort(all);
    return all[seeds / 2];
}

// RFC 9438 §4.3, §5.1: where NewReno would have grown as far, CUBIC does no more than that; where a
// path is long and wide, NewReno leaves it to CUBIC.
TEST(Fairness, CubicBesideNewRenoIsItsEqualOnAShortPathAndAheadOnALongOne) {
    constexpr Bottleneck kShort{.rate = 10 * kMegabit, .delay = 10_ms, .queue_bytes = 25'000};
    const double beside = median_beside_new_reno(kShort, 40_s, 9);
    EXPECT_GT(beside, 0.75);
    EXPECT_LT(beside, 1.35);
    constexpr Bottleneck kLong{.rate = 40 * kMegabit, .delay = 50_ms, .queue_bytes = 500'000};
    EXPECT_GT(median_beside_new_reno(kLong, 30_s, 3), 1.5);
}

struct Told {
    double bandwidth = 0;  // bytes a second
    Duration round_trip{};
    std::uint32_t pacing_gain = 0;
};

Told told_by(Flows& flows) {
    const auto& words = flows.details(0).words;
    return {.bandwidth = static_cast<double>(std::uint64_t{words[1]} << 32 | words[0]),
            .round_trip = Duration::from_us(words[2]),
            .pacing_gain = words[3]};
}

TEST(Bbr, KnowsTheBottleneckAfterStartUp) {
    for (const std::uint64_t rate : {2 * kMegabit, 10 * kMegabit, 50 * kMegabit}) {
        const Bottleneck b{.rate = rate, .queue_bytes = rate / 8 / 10};
        Flows flows{b, with("bbr"), 1};
        flows.start();
        flows.run_for(3_s);
        const Told told = told_by(flows);
        EXPECT_NEAR(told.bandwidth, goodput_of(b), goodput_of(b) * 0.05) << rate;
        EXPECT_GE(told.round_trip, 40_ms);
        EXPECT_LE(told.round_trip, 47_ms) << "and a frame that is sent";
        const std::uint64_t before = flows.received(0);
        flows.run_for(5_s);
        EXPECT_GT(static_cast<double>(flows.received(0) - before) / 5, goodput_of(b) * 0.9) << rate;
    }
}

// Every ten seconds for 200 ms and a round trip, with four segments.
TEST(Bbr, LooksForTheRoundTripOnTime) {
    Flows flows{{}, with("bbr"), 1};
    flows.start();
    flows.run_for(2_s);
    std::vector<Instant> begins;
    std::vector<Duration> lasts;
    bool was_low = false;
    for (const Instant end = flows.world().now() + 35_s; flows.world().now() < end;) {
        flows.run_for(5_ms);
        const bool is_low = flows.info(0).congestion_window_segments <= 4;
        if (is_low && !was_low) begins.push_back(flows.world().now());
        if (!is_low && was_low) lasts.push_back(flows.world().now() - begins.back());
        was_low = is_low;
    }
    ASSERT_GE(begins.size(), 3u);
    for (std::size_t i = 1; i < begins.size(); ++i) {
        EXPECT_NEAR(static_cast<double>((begins[i] - begins[i - 1]).ms()), 10'300, 400);
    }
    for (const Duration d : lasts) {
        EXPECT_GE(d, 200_ms);
        EXPECT_LE(d, 350_ms);
    }
}

// A loss that no queue makes does not slow it down; CUBIC has a tenth.
TEST(Bbr, OnePercentOfLossIsNoCongestion) {
    const Bottleneck b{.loss = 10'000};
    Flows flows{b, with("bbr"), 1};
    flows.start();
    flows.run_for(3_s);
    const std::uint64_t before = flows.received(0);
    flows.run_for(10_s);
    EXPECT_GT(static_cast<double>(flows.received(0) - before) / 10, goodput_of(b) * 0.85);
}

TEST(Pacing, TheApplicationsLimitIsKept) {
    Flows flows{{}, with("cubic"), 1};
    flows.start();
    ASSERT_TRUE(flows.set_option(0, Option::MaxPacingRate, 250'000));
    flows.run_for(5_s);
    const std::uint64_t before = flows.received(0);
    flows.run_for(10_s);
    const std::uint64_t a_second = (flows.received(0) - before) / 10;
    EXPECT_LE(a_second, 251'000u);
    EXPECT_GE(a_second, 245'000u);
    EXPECT_EQ(flows.info(0).most_pacing_rate, 250'000u);
    EXPECT_NEAR(static_cast<double>(flows.info(0).delivery_rate), 250'000, 12'500);
}

}  // namespace
