#include "tcp/rtt.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

constexpr RtoLimits kLimits{};
constexpr std::int64_t kKept = 64;  // ns: as exactly as spans are kept

// One sample a round trip, as an ACK of a whole flight gives it.
struct Path {
    void sample(Duration rtt) {
        una = una + 1000;
        estimator.on_sample(rtt, una, una + 1000, kLimits.lowest);
    }
    Duration rto() const { return estimator.rto(kLimits); }

    RttEstimator estimator;
    Position una{1};
};

TEST(RttRoom, WithoutASampleTheRtoIsOneSecond) {
    EXPECT_EQ(RttEstimator{}.rto(kLimits), 1_s);
    EXPECT_FALSE(RttEstimator{}.has_sample());
}

// RFC 6298 §2.2: SRTT = R, RTTVAR = R / 2, RTO = R + max(200 ms, 4 * RTTVAR).
TEST(RttRoom, TheFirstSampleGivesThreeTimesItself) {
    Path p;
    p.sample(400_ms);
    EXPECT_EQ(p.estimator.smoothed(), 400_ms);
    EXPECT_EQ(p.estimator.variation(), 200_ms);
    EXPECT_EQ(p.rto(), 1200_ms);
    Path fast;
    fast.sample(100_us);
    EXPECT_LE(std::abs((fast.rto() - 200_ms - 100_us).ns()), kKept);
}

TEST(RttRoom, ASteadyPathComesDownToItsRttAndTwoHundredMilliseconds) {
    Path p;
    for (int i = 0; i < 100; ++i) p.sample(100_ms);
    EXPECT_EQ(p.estimator.smoothed(), 100_ms);
    EXPECT_EQ(p.rto(), 300_ms);
}

// tcp_init_metrics(): the first RTO is that of the time before, three times its RTT; then it is as if nothing
// had been known.
TEST(RttRoom, WhatIsRememberedMakesTheFirstRtoOnly) {
    Path p;
    p.sample(100_ms);
    p.estimator.seed(300_ms, kLimits.lowest);
    EXPECT_LE(std::abs((p.rto() - 900_ms).ns()), kKept);
    EXPECT_EQ(p.estimator.smoothed(), 100_ms);
    Path as_new;
    as_new.sample(100_ms);
    p.sample(120_ms);
    as_new.sample(120_ms);
    EXPECT_EQ(p.rto(), as_new.rto());
}

TEST(RttRoom, WhatIsRememberedIsPassedOverWhereThePathIsLonger) {
    Path p;
    p.sample(400_ms);
    p.estimator.seed(300_ms, kLimits.lowest);
    EXPECT_EQ(p.rto(), 1200_ms);
}

TEST(RttRoom, WhatIsRememberedStandsForAHandshakeThatToldNothing) {
    RttEstimator e;
    e.end_handshake();
    EXPECT_EQ(e.rto(kLimits), 3_s);
    e.seed(50_ms, kLimits.lowest);
    EXPECT_LE(std::abs((e.rto(kLimits) - 250_ms).ns()), kKept);
    e.on_sample(100_ms, Position{1}, Position{1}, kLimits.lowest);
    EXPECT_EQ(e.rto(kLimits), 300_ms);
}

// RFC 6298 §2.3: alpha 1/8, beta 1/4; the RTO rises with the first sample that is late.
TEST(RttRoom, ALateSampleRaisesTheRtoAtOnce) {
    Path p;
    p.sample(400_ms);
    p.sample(800_ms);
    EXPECT_EQ(p.estimator.smoothed(), 450_ms);
    EXPECT_EQ(p.estimator.variation(), 250_ms);
    EXPECT_EQ(p.rto(), 1450_ms);
}

// Linux: a fall of the RTT moves the variation by a 32nd of the surprise, not by a quarter.
TEST(RttRoom, AnEarlySampleHardlyRaisesTheVariation) {
    Path p;
    for (int i = 0; i < 200; ++i) p.sample(800_ms);
    const Duration before = p.estimator.variation();
    p.sample(80_ms);  // the error is 720 ms
    EXPECT_LE(std::abs((p.estimator.variation() - before - (720_ms - before) / 32).ns()), kKept);
    EXPECT_LT(p.rto(), 800_ms + 200_ms);
}

// RFC 7323 REQ-4.2
// The variation that counts is the largest of a round trip, and falls by a quarter of the
// difference once a round trip, however many samples there are.
TEST(RttRoom, TheVariationFallsOnceARoundTrip) {
    RttEstimator e;
    e.on_sample(400_ms, Position{1}, Position{1001}, kLimits.lowest);
    EXPECT_EQ(e.rto(kLimits), 1200_ms);
    for (int i = 0; i < 50; ++i) e.on_sample(400_ms, Position{500}, Position{1001}, kLimits.lowest);
    EXPECT_EQ(e.rto(kLimits), 1200_ms) << "the round trip is not over";
    e.on_sample(400_ms, Position{1002}, Position{2001}, kLimits.lowest);
    EXPECT_EQ(e.rto(kLimits), 1200_ms) << "the first round had the first sample in it";
    e.on_sample(400_ms, Position{2002}, Position{3001}, kLimits.lowest);
    EXPECT_EQ(e.rto(kLimits), 400_ms + 800_ms - 600_ms / 4);
}

TEST(RttRoom, EachTimeoutDoublesTheRtoUpToTheLimit) {
    Path p;
    for (int i = 0; i < 100; ++i) p.sample(100_ms);
    for (const Duration expected : {600_ms, 1200_ms, 2400_ms, 4800_ms}) {
        p.estimator.on_timeout();
        EXPECT_EQ(p.rto(), expected);
    }
    for (int i = 0; i < 60; ++i) p.estimator.on_timeout();
    EXPECT_EQ(p.rto(), 120_s);
    EXPECT_EQ(p.estimator.base_rto(kLimits), 300_ms);
    p.estimator.reset_backoff();
    EXPECT_EQ(p.rto(), 300_ms);
}

TEST(RttRoom, ASampleOfNoTimeAtAllIsASample) {
    Path p;
    for (int i = 0; i < 100; ++i) p.sample(0_ns);
    EXPECT_TRUE(p.estimator.has_sample());
    EXPECT_GE(p.rto(), 200_ms);
    EXPECT_LT(p.rto(), 201_ms);
}

// tcp_min_rtt_wlen, here 10 seconds.
struct Shortest {
    Duration at(std::int64_t seconds, Duration rtt) {
        estimator.on_shortest(rtt, Instant{} + Duration::from_s(seconds), 10_s);
        return estimator.minimum();
    }
    RttEstimator estimator;
};

TEST(RttRoom, TheShortestIsThatOfAWindow) {
    Shortest s;
    EXPECT_EQ(s.at(100, 64_ms), 64_ms);
    EXPECT_EQ(s.at(101, 32_ms), 32_ms) << "a shorter one at once";
    EXPECT_EQ(s.at(107, 40_ms), 32_ms);
    EXPECT_EQ(s.at(110, 48_ms), 32_ms);
    EXPECT_EQ(s.at(112, 56_ms), 40_ms) << "the 32 ms are forgotten, the 40 ms are not";
    EXPECT_EQ(s.at(117, 56_ms), 56_ms);
}

TEST(RttRoom, AfterALongSilenceNothingOfBeforeIsBelieved) {
    Shortest s;
    EXPECT_EQ(s.at(100, 32_ms), 32_ms);
    EXPECT_EQ(s.at(5000, 64_ms), 64_ms);
    // As many units of time later as the clock of the window has.
    EXPECT_EQ(s.at(5000 + 86400 * 5, 96_ms), 96_ms);
}

}  // namespace
}  // namespace fairlead::tcp
