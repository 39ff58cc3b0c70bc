#include "tcp/congestion/cubic.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

struct CubicRoom : testing::Test {
    // A round trip of a full window, an ACK for every second segment.
    void round(Duration rtt) {
        const std::int32_t in_flight = window.segments;
        const Duration gap = rtt / std::max(in_flight / 2, 1);
        for (std::int32_t left = in_flight; left > 0; left -= 2) {
            now = now + gap;
            ack(std::min(left, 2), rtt);
        }
    }
    void ack(std::int32_t segments, Duration rtt) {
        una += segments;
        const AckSample sample{.now = now,
                               .acked_to = una,
                               .next = una + window.segments,
                               .newly_acked = segments,
                               .delivered = segments,
                               .rtt = rtt,
                               .last_rtt = rtt,
                               .least_rtt = least,
                               .is_window_limited = true};
        c.on_delivered(window, sample);
        c.on_ack(window, sample);
    }
    void lose() {
        window.threshold = c.threshold(window, now);
        window.segments = window.threshold;
        window.credit = 0;
    }
    Cubic c;
    CongestionWindow window;
    Instant now = ms(1'000'000);
    Duration least = 100_ms;
    std::int64_t una = 0;
};

// RFC 9438 §4.6: beta is 0.7.
TEST_F(CubicRoom, ALossLeavesSevenTenths) {
    window.segments = 100;
    lose();
    EXPECT_EQ(window.segments, 70);
    window.segments = 2;
    lose();
    EXPECT_EQ(window.segments, 2);
}

// RFC 9438 §4.2, equation 2: K = cbrt((W_max - cwnd) / C), C = 0.4.
TEST_F(CubicRoom, KIsTheCubeRootOfWhatIsMissing) {
    const auto seconds = [](std::uint32_t segments) {
        return static_cast<int>(Cubic::time_to_regain(segments) * 1000 / 1024);
    };
    EXPECT_NEAR(seconds(30), 4217, 10);
    EXPECT_NEAR(seconds(300), 9086, 20);
    EXPECT_NEAR(seconds(30'000), 42'171, 90);
    EXPECT_EQ(Cubic::time_to_regain(0), 0u);
}

// W(t) = C (t - K)^3 + W_max, within 2 % until well beyond the last loss.
TEST_F(CubicRoom, TheWindowFollowsTheCurve) {
    window.segments = 1000;
    lose();
    ASSERT_EQ(window.segments, 700);
    const Instant start = now;
    const double k = 9.086;
    while (now - start < 16_s) {
        round(100_ms);
        // The curve is aimed at a round trip ahead.
        const double t = static_cast<double>((now - start).ns()) / 1e9;
        const double expected = 0.4 * (t - k) * (t - k) * (t - k) + 1000;
        ASSERT_NEAR(window.segments, expected, expected * 0.02) << "after " << t << " s";
    }
}

// RFC 9438 §4.3: on a short path NewReno is faster, and so is this: 3 (1 - 0.7) / (1 + 0.7) = 0.53
// segments a round trip.
TEST_F(CubicRoom, OnAShortPathItIsAsFastAsNewReno) {
    window.segments = 60;
    lose();
    const std::int32_t before = window.segments;
    for (int i = 0; i < 40; ++i) round(2_ms);
    EXPECT_NEAR(window.segments - before, 40 * 0.53, 3);
}

// RFC 9438 §4.7: a window that did not come as far as the last time leaves room for others.
TEST_F(CubicRoom, FastConvergenceAimsLower) {
    window.segments = 1000;
    lose();
    Cubic as_far = c;
    window.segments = 1000;
    as_far.threshold(window, now);
    window.segments = 800;
    lose();  // the curve aims at 800 * 0.85
    EXPECT_EQ(window.segments, 560);
    round(100_ms);
    const Instant start = now;
    while (now - start < 6_s) round(100_ms);
    EXPECT_NEAR(window.segments, 680, 10) << "the plateau";
}

// RFC 9438 §4.2.1: silence is no time on the curve.
TEST_F(CubicRoom, SilenceDoesNotOpenTheWindow) {
    window.segments = 1000;
    lose();
    for (int i = 0; i < 10; ++i) round(100_ms);
    const std::int32_t before = window.segments;
    const Instant last = now;
    now = now + 60_s;
    c.on_restart(last, now);
    round(100_ms);
    EXPECT_NEAR(window.segments, before, before / 20);
}

// HyStart: the delay rises by an eighth over eight samples.
TEST_F(CubicRoom, ARisingDelayEndsSlowStart) {
    least = 40_ms;
    round(40_ms);
    round(40_ms);
    ASSERT_TRUE(window.is_slow_start());
    for (int i = 0; i < 3 && window.is_slow_start(); ++i) round(46_ms);
    EXPECT_FALSE(window.is_slow_start());
    EXPECT_LT(window.threshold, 200);
}

// HyStart: ACKs without a gap for more than half of the round trip.
TEST_F(CubicRoom, ALongTrainOfAcksEndsSlowStart) {
    window.segments = 20;
    ack(2, 100_ms);
    for (int i = 0; i < 49; ++i) {
        now = now + 1_ms;
        ack(1, 100_ms);
        una -= 1;  // the same round
    }
    ASSERT_TRUE(window.is_slow_start());
    for (int i = 0; i < 3; ++i) {
        now = now + 1_ms;
        ack(1, 100_ms);
        una -= 1;
    }
    EXPECT_FALSE(window.is_slow_start());
}

TEST_F(CubicRoom, ASmallWindowDoesNotLeaveSlowStart) {
    for (int i = 0; i < 100; ++i) {
        window.segments = 12;
        ack(1, 500_ms);
        ack(1, 40_ms);
    }
    EXPECT_EQ(window.threshold, CongestionWindow::kNoThreshold);
}

TEST_F(CubicRoom, ATimeoutForgetsTheCurve) {
    window.segments = 1000;
    lose();
    c.on_phase(CongestionState::Loss);
    window.segments = 100;
    window.threshold = 100;
    for (int i = 0; i < 20; ++i) round(100_ms);
    EXPECT_NEAR(window.segments, 100 * 2.6, 30) << "5 % a round trip: the limit is not known";
}

// Whatever times and windows it is handed: no overflow, and a window of at least two.
TEST_F(CubicRoom, StaysInBoundsWhateverItIsTold) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        Cubic any;
        CongestionWindow w;
        Instant t = ms(1);
        for (int i = 0; i < 2000; ++i) {
            t = t + Duration::from_ms(
                        static_cast<std::int64_t>(random.below(i % 7 == 0 ? 1u << 30 : 50)));
            const AckSample sample{
                .now = t,
                .acked_to = static_cast<std::int64_t>(random.below(1u << 30)),
                .next = static_cast<std::int64_t>(random.below(1u << 30)),
                .newly_acked = 1,
                .delivered = static_cast<std::int32_t>(random.below(1000)),
                .last_rtt = Duration::from_us(static_cast<std::int64_t>(random.below(1u << 31))),
                .least_rtt = Duration::from_us(static_cast<std::int64_t>(random.below(1u << 31))),
                .is_window_limited = true};
            any.on_delivered(w, sample);
            any.on_ack(w, sample);
            if (random.chance(1, 20)) w.segments = w.threshold = any.threshold(w, t);
            w.segments = std::min(w.segments, 1 << 20);
            ASSERT_GE(w.segments, 2);
        }
    }
}

}  // namespace
}  // namespace fairlead::tcp
