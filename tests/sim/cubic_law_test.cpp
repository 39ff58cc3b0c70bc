// CUBIC as RFC 9438 writes it, seen from outside: the curve between losses, and the mean window that
// losses leave. And the end of slow start (RFC 9406).
#include <cmath>

#include "sim/flows.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr double kBeta = 0.7;
constexpr double kC = 0.4;
constexpr std::uint64_t kMss = 1448;
constexpr std::uint32_t kNoThreshold = 1u << 30;

// A path that has room for all: nothing is lost but on purpose.
constexpr Bottleneck kWide{.rate = 400 * kMegabit, .delay = 50_ms, .queue_bytes = 64 << 20};

Settings wide(const char* controller) {
    return {{"tcp_congestion_control", controller},
            {"tcp_rmem", "4096 131072 67108864"},
            {"tcp_wmem", "4096 16384 67108864"},
            {"tcp_cubic_hystart", "0"}};
}

double window_of(Flows& flows) { return flows.info(0).congestion_window_segments; }

// RFC 9438 §4.2: W_cubic(t) = C (t - K)^3 + W_max, K = cbrt(W_max (1 - beta) / C).
TEST(Cubic, FollowsItsCurveWithinTwoPercentBetweenLosses) {
    Flows flows{kWide, wide("cubic"), 1};
    flows.start();
    while (window_of(flows) < 600) flows.run_for(1_ms);
    const double most = window_of(flows);
    flows.lose_some();
    while (flows.info(0).congestion_state == CongestionState::Open) flows.run_for(1_ms);
    while (flows.info(0).congestion_state != CongestionState::Open) flows.run_for(1_ms);
    const double before = flows.info(0).slow_start_threshold_segments / kBeta;
    ASSERT_GE(before, most);
    // The curve begins with the first ACK of congestion avoidance.
    const double begin = window_of(flows);
    ASSERT_NEAR(begin, before * kBeta, 2);
    const Instant from = flows.world().now();
    const double k = std::cbrt(before * (1 - kBeta) / kC);
    for (int i = 0; i < 110; ++i) {
        flows.run_for(100_ms);
        const double t = static_cast<double>((flows.world().now() - from).us()) / 1e6;
        const double wanted = kC * std::pow(t - k, 3) + before;
        EXPECT_NEAR(window_of(flows), wanted, wanted * 0.02) << t << " s of K = " << k;
    }
    EXPECT_GT(window_of(flows), before) << "it goes on beyond what it was";
}

struct Losses {
    const char* controller = "";
    std::uint64_t every = 0;  // segments; then one begins a loss
    Duration round_trip{};
    std::uint64_t begin = 0;  // the window of the first loss
};

double mean_window(const Losses& l) {
    Bottleneck b = kWide;
    b.delay = l.round_trip / 2;
    Flows flows{b, wide(l.controller), 1};
    flows.start();
    while (window_of(flows) < static_cast<double>(l.begin)) flows.run_for(500_us);
    const auto lose_again = [&](int times) {
        for (int i = 0; i < times; ++i) {
            const std::uint64_t goal = flows.received(0) + l.every * kMss;
            flows.lose_some();
            while (flows.received(0) < goal) flows.run_for(1_ms);
        }
    };
    constexpr int kCycles = 6;
    lose_again(kCycles);
    const std::uint64_t before = flows.received(0);
    const Instant from = flows.world().now();
    lose_again(kCycles);
    const auto us = static_cast<double>((flows.world().now() - from).us());
    const double segments = static_cast<double>(flows.received(0) - before) / kMss;
    return segments * static_cast<double>(l.round_trip.us()) / us;
}

// RFC 9438 §5.1, tables 1 and 2: the curve rules on the long path, and NewReno's on the short one.
TEST(Cubic, HasTheMeanWindowThatTheRfcPredicts) {
    EXPECT_NEAR(mean_window({"reno", 10'000, 100_ms, 160}), 120, 12);
    EXPECT_NEAR(mean_window({"cubic", 10'000, 100_ms, 220}), 187, 19);
    EXPECT_NEAR(mean_window({"reno", 10'000, 10_ms, 160}), 120, 12);
    EXPECT_NEAR(mean_window({"cubic", 10'000, 10_ms, 140}), 120, 18);
}

// RFC 9406: five rounds at a quarter of the pace follow the first sign, in which the window may treble.
TEST(HyStartPlusPlus, LeavesSlowStartBeforeTheLossOnADeepBuffer) {
    for (const std::uint64_t rate : {10 * kMegabit, 50 * kMegabit}) {
        const Bottleneck deep{.rate = rate, .delay = 50_ms, .queue_bytes = rate / 8 / 10 * 20};
        const auto slow_start = [&](const char* detect) {
            Settings settings = wide("cubic");
            settings.back().second = "1";
            settings.emplace_back("tcp_cubic_hystart_detect", detect);
            Flows flows{deep, settings, 1};
            flows.start();
            const Instant end = flows.world().now() + 15_s;
            while (flows.info(0).slow_start_threshold_segments >= kNoThreshold &&
                   flows.world().now() < end) {
                flows.run_for(5_ms);
            }
            EXPECT_GE(window_of(flows) * kMss, goodput_of(deep) * 0.1) << "the path is full";
            return flows.info(0).total_retransmitted + flows.there().queue_full;
        };
        EXPECT_EQ(slow_start("4"), 0u) << rate;
        EXPECT_GT(slow_start("0"), 0u) << rate << ": without it";
    }
}

}  // namespace
