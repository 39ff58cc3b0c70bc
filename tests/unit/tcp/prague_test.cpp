#include "tcp/congestion/prague.hpp"

#include <gtest/gtest.h>

#include "tcp/congestion/controller.hpp"

namespace fairlead::tcp {
namespace {

struct PragueRoom : testing::Test {
    // A round trip of so many segments, the last of them marked; so long.
    void round(std::int32_t segments, std::int32_t marked, Duration rtt = 25_ms) {
        now = now + rtt;
        next += segments;
        const AckSample ack{.now = now,
                            .acked_to = next - segments,
                            .next = next,
                            .newly_acked = segments,
                            .delivered = segments,
                            .in_flight = segments,
                            .is_window_limited = true,
                            .marked = marked,
                            .mss = 1000,
                            .smoothed_rtt = rtt};
        c.on_delivered(window, ack);
        c.on_ack(window, ack);
    }
    // Beyond the rounds in which the round trip does not matter.
    void grow_old() {
        for (int i = 0; i < 510; ++i) {
            window = {.segments = 100, .threshold = 50};
            round(100, 0);
        }
    }
    Prague c;
    CongestionWindow window{.segments = 100, .threshold = 50};
    Instant now = Instant::from_ns(1'000'000'000);
    std::int64_t next = 1;
};

TEST_F(PragueRoom, ItIsKnownByNameAndNeedsAccurateEcn) {
    const CongestionOperations* o = controller_by_name("prague");
    ASSERT_NE(o, nullptr);
    EXPECT_EQ(o->ecn_codepoint, 1) << "ECT(1)";
    EXPECT_TRUE(o->needs_accurate_ecn);
    EXPECT_NE(o->pacing_rate, nullptr);
}

TEST_F(PragueRoom, TheFirstMarkHalvesTheWindow) {
    EXPECT_EQ(c.alpha(), Prague::kWhole);
    EXPECT_EQ(c.threshold_of_mark(window, now), 50);
}

TEST_F(PragueRoom, ALossHalvesItWhateverWasMarked) {
    for (int i = 0; i < 100; ++i) round(100, 0);
    window.segments = 100;
    EXPECT_EQ(c.threshold(window, now), 50);
    window.segments = 3;
    EXPECT_EQ(c.threshold(window, now), 2);
}

TEST_F(PragueRoom, AlphaComesToWhatPartIsMarked) {
    for (int i = 0; i < 200; ++i) round(100, 25);
    EXPECT_NEAR(static_cast<double>(c.alpha()) / Prague::kWhole, 0.25, 0.01);
    window.segments = 100;
    EXPECT_NEAR(c.threshold_of_mark(window, now), 87, 1);
}

// What is less than a segment is kept for the next time.
TEST_F(PragueRoom, AWindowHasFractions) {
    for (int i = 0; i < 300; ++i) round(100, 2);
    CongestionWindow w{.segments = 20, .threshold = 10};
    std::int32_t lost = 0;
    for (int i = 0; i < 50; ++i) {
        const std::int32_t next_window = c.threshold_of_mark(w, now);
        lost += w.segments - next_window;
        w.segments = next_window;
    }
    // 20 (1 - 0.02 / 2)^50 = 12.1
    EXPECT_NEAR(w.segments, 12, 1);
    EXPECT_EQ(lost, 20 - w.segments);
}

TEST_F(PragueRoom, ARoundTripOfTheReferenceAddsOneSegment) {
    grow_old();
    window = {.segments = 100, .threshold = 50};
    for (int i = 0; i < 10; ++i) round(100, 0);
    EXPECT_NEAR(window.segments, 109, 1);
    window = {.segments = 100, .threshold = 50};
    for (int i = 0; i < 10; ++i) round(100, 0, 100_ms);
    EXPECT_NEAR(window.segments, 109, 1) << "no more for one that is longer";
}

// A fifth of the reference: 25 times as many round trips for one segment, five times as long.
TEST_F(PragueRoom, AShortRoundTripIsNoAdvantage) {
    grow_old();
    window = {.segments = 100, .threshold = 50};
    for (int i = 0; i < 250; ++i) round(100, 0, 5_ms);
    EXPECT_NEAR(window.segments, 110, 1);
}

TEST_F(PragueRoom, AtFirstAShortRoundTripGrowsLikeAnyOther) {
    for (int i = 0; i < 10; ++i) round(100, 0, 5_ms);
    EXPECT_NEAR(window.segments, 109, 1);
}

TEST_F(PragueRoom, WhatIsMarkedAddsNothing) {
    const CongestionWindow before = window;
    for (int i = 0; i < 10; ++i) round(100, 100);
    EXPECT_EQ(window.segments, before.segments);
    window = {.segments = 10};
    round(10, 4);
    EXPECT_EQ(window.segments, 16) << "in slow start neither";
}

TEST_F(PragueRoom, OnTheWayDownTheGoalGrows) {
    c.on_phase(CongestionState::Cwr);
    window = {.segments = 100, .threshold = 50};
    for (int i = 0; i < 3; ++i) c.on_delivered(window, {.delivered = 50, .smoothed_rtt = 25_ms});
    EXPECT_NEAR(window.threshold, 52, 1);
}

TEST_F(PragueRoom, TheWindowLeavesInARoundTrip) {
    EXPECT_EQ(c.pacing_rate(), INT64_MAX) << "nothing is known yet";
    round(100, 0, 10_ms);
    EXPECT_EQ(c.pacing_rate(), 10'000'000);
    window = {.segments = 100};
    round(100, 0, 10_ms);
    EXPECT_EQ(c.pacing_rate(), 20'000'000) << "in slow start twice that";
}

}  // namespace
}  // namespace fairlead::tcp
