#include "tcp/metrics.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

const IpAddress kUs = IpAddress::v4(192, 0, 2, 1);
const IpAddress kThem = IpAddress::v4(198, 51, 100, 7);
Instant at(std::int64_t seconds) { return Instant::from_ns(seconds * 1'000'000'000); }

TEST(Metrics, KnowsAPairForAnHourAfterItWasWritten) {
    Metrics metrics{{1, 2}};
    EXPECT_EQ(metrics.find(kUs, kThem, at(0)), nullptr);
    metrics.need(kUs, kThem, at(0)).window = 7;
    ASSERT_NE(metrics.find(kUs, kThem, at(3600)), nullptr);
    EXPECT_EQ(metrics.find(kUs, kThem, at(3600))->window, 7);
    EXPECT_EQ(metrics.find(kThem, kUs, at(0)), nullptr) << "the other way round is another pair";
    EXPECT_EQ(metrics.find(kUs, kThem, at(3601)), nullptr);
    EXPECT_EQ(metrics.need(kUs, kThem, at(3601)).window, 0) << "as new";
}

TEST(Metrics, ForgetsOneRemoteAddressOrAll) {
    Metrics metrics{{1, 2}};
    metrics.need(kUs, kThem, at(0));
    metrics.need(kThem, kThem, at(0));
    metrics.need(kUs, kUs, at(0));
    EXPECT_EQ(metrics.forget(kThem), 2u);
    EXPECT_EQ(metrics.find(kUs, kThem, at(0)), nullptr);
    EXPECT_NE(metrics.find(kUs, kUs, at(0)), nullptr);
    EXPECT_EQ(metrics.forget(IpAddress{}), 1u);
}

// Strangers that open and close connections from a million addresses.
TEST(Metrics, AreBoundedAndKeepTheNewest) {
    Metrics metrics{{1, 2}};
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const IpAddress stranger = IpAddress::v4(0x0a000000u + i);
        metrics.need(kUs, stranger, at(i / 1000)).window = static_cast<std::int32_t>(i);
        ASSERT_NE(metrics.find(kUs, stranger, at(i / 1000)), nullptr);
    }
    std::size_t kept = 0;
    std::int32_t lowest = INT32_MAX;
    metrics.for_each([&](const Destination& d) {
        ++kept;
        lowest = std::min(lowest, d.window);
    });
    EXPECT_LE(kept, Metrics::kMost);
    EXPECT_GT(kept, Metrics::kMost / 2);
    EXPECT_GT(lowest, 50'000) << "the oldest of a set goes first";
}

// The arithmetic of tcp_update_metrics().
TEST(Metrics, ALongerRoundTripCountsAtOnceAShorterOneByAnEighth) {
    Destination d;
    add(d,
        {.rtt = 100_ms,
         .rtt_variation = 50_ms,
         .window = 10,
         .threshold = INT32_MAX,
         .is_in_first_slow_start = true},
        3, false);
    EXPECT_EQ(d.rtt, 100_ms);
    EXPECT_EQ(d.rtt_variation, 100_ms) << "the gap to what was known counts as well";
    EXPECT_EQ(d.window, 10);
    add(d,
        {.rtt = 20_ms,
         .rtt_variation = 10_ms,
         .window = 4,
         .threshold = INT32_MAX,
         .is_in_first_slow_start = true},
        3, false);
    EXPECT_EQ(d.rtt, 90_ms);
    EXPECT_EQ(d.rtt_variation, 95_ms);
    EXPECT_EQ(d.window, 10) << "the larger one of two slow starts";
    EXPECT_EQ(d.threshold, 0);
}

TEST(Metrics, WindowAndThresholdByThePhaseInWhichTheConnectionEnded) {
    Destination d;
    d.window = 10;
    add(d, {.rtt = 1_ms, .window = 30, .threshold = 20, .is_open = true}, 3, true);
    EXPECT_EQ(d.window, 20) << "congestion avoidance: the mean";
    EXPECT_EQ(d.threshold, 20);
    add(d, {.rtt = 1_ms, .window = 5, .threshold = 40, .reordering = 9, .is_in_slow_start = true},
        3, true);
    EXPECT_EQ(d.window, 30) << "a slow start that was not the first: the mean with its aim";
    EXPECT_EQ(d.threshold, 40);
    EXPECT_EQ(d.reordering, 9);
    add(d, {.rtt = 1_ms, .window = 5, .threshold = 40, .reordering = 3, .is_in_slow_start = true},
        3, false);
    EXPECT_EQ(d.reordering, 9) << "the usual one is no news";
}

}  // namespace
}  // namespace fairlead::tcp
