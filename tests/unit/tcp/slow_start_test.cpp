#include "tcp/congestion/slow_start.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

struct SlowStartRoom : testing::Test {
    explicit SlowStartRoom(std::int64_t detectors = 3) {
        Config config;
        config.tcp_cubic_hystart_detect = detectors;
        room.configure(config);
    }
    // A round trip of a full window, an ACK for each segment; 12 of them are enough to see it.
    void round(Duration rtt, std::int32_t acks = 12) {
        now = now + rtt;
        for (int i = 0; i < acks; ++i) {
            now = now + 3_ms;  // no train
            ack(1, rtt);
        }
        una = next;
    }
    void ack(std::int32_t segments, Duration rtt, bool is_paced = false) {
        una += segments;
        next = std::max(next, una + window.segments);
        const AckSample sample{.now = now,
                               .acked_to = una,
                               .next = next,
                               .delivered = segments,
                               .pacing_rate = rate,
                               .is_paced = is_paced,
                               .counters = &counters};
        least = std::min(least, static_cast<std::uint32_t>(rtt.us()));
        room.on_round_trip(window, sample, static_cast<std::uint32_t>(rtt.us()), least);
        if (window.is_slow_start()) room.grow(window, sample);
    }
    bool has_left() const { return !window.is_slow_start(); }

    SlowStart room;
    CongestionWindow window{.segments = 20};
    Counters counters;
    Instant now = ms(1'000'000);
    std::int64_t una = 0;
    std::int64_t next = 20;
    std::int64_t rate = 0;
    std::uint32_t least = UINT32_MAX;
};

TEST_F(SlowStartRoom, TheNinthSampleOfALateRoundEndsIt) {
    round(40_ms);
    now = now + 46_ms;
    for (int i = 0; i < 8; ++i) {
        now = now + 3_ms;
        ack(1, 46_ms);
    }
    EXPECT_FALSE(has_left());
    const std::int32_t at = window.segments;
    ack(1, 47_ms);
    EXPECT_TRUE(has_left());
    EXPECT_EQ(counters[Counter::TcpExtTCPHystartDelayDetect], 1u);
    EXPECT_EQ(counters[Counter::TcpExtTCPHystartDelayCwnd], static_cast<std::uint64_t>(at));
    EXPECT_EQ(counters[Counter::TcpExtTCPHystartTrainDetect], 0u);
}

TEST_F(SlowStartRoom, LessThanAnEighthIsNoRise) {
    round(40_ms);
    for (int i = 0; i < 5; ++i) round(44_ms);
    EXPECT_FALSE(has_left());
}

TEST_F(SlowStartRoom, ATrainOfHalfARoundTripEndsIt) {
    ack(1, 100_ms);
    for (int i = 0; i < 50; ++i) {
        now = now + 1_ms;
        ack(1, 100_ms);
        una -= 1;
    }
    EXPECT_FALSE(has_left());
    now = now + 1_ms;
    ack(1, 100_ms);
    EXPECT_TRUE(has_left());
    EXPECT_EQ(counters[Counter::TcpExtTCPHystartTrainDetect], 1u);
    EXPECT_GT(counters[Counter::TcpExtTCPHystartTrainCwnd], 0u);
}

TEST_F(SlowStartRoom, OfWhatIsPacedATrainMayTakeAWholeRoundTrip) {
    ack(1, 100_ms, true);
    for (int i = 0; i < 100; ++i) {
        now = now + 1_ms;
        ack(1, 100_ms, true);
        una -= 1;
    }
    EXPECT_FALSE(has_left());
    now = now + 1_ms;
    ack(1, 100_ms, true);
    EXPECT_TRUE(has_left());
}

struct WithoutHystart : SlowStartRoom {
    WithoutHystart() : SlowStartRoom{0} {}
};

TEST_F(WithoutHystart, NothingButALossEndsIt) {
    round(40_ms);
    for (int i = 0; i < 20; ++i) round(400_ms);
    EXPECT_FALSE(has_left());
}

struct PlusPlus : SlowStartRoom {
    PlusPlus() : SlowStartRoom{SlowStart::kPlusPlus} {}
};

// RFC 9406 §4.2: five rounds at a quarter of the pace, then it is over.
TEST_F(PlusPlus, ARiseSlowsItDownForFiveRounds) {
    round(40_ms);
    round(40_ms);
    round(46_ms);
    ASSERT_TRUE(room.is_conservative());
    for (int i = 0; i < 4; ++i) {
        const std::int32_t before = window.segments;
        round(46_ms);
        EXPECT_EQ(window.segments, before + 3) << "12 segments, a quarter of them";
        ASSERT_FALSE(has_left()) << i;
    }
    round(46_ms);
    EXPECT_TRUE(has_left());
    EXPECT_EQ(counters[Counter::TcpExtTCPHystartDelayDetect], 1u);
}

TEST_F(PlusPlus, ARiseThatPassesIsForgotten) {
    round(40_ms);
    round(46_ms);
    ASSERT_TRUE(room.is_conservative());
    round(45_ms);
    EXPECT_FALSE(room.is_conservative());
    const std::int32_t before = window.segments;
    round(45_ms);
    EXPECT_EQ(window.segments, before + 12);
    EXPECT_FALSE(has_left());
}

// L = 8, unless it is paced.
TEST_F(PlusPlus, ALargeAckOpensNoBurst) {
    ack(40, 40_ms);
    EXPECT_EQ(window.segments, 28);
    ack(40, 40_ms, true);
    EXPECT_EQ(window.segments, 68);
}

TEST_F(PlusPlus, LessThanFourMillisecondsIsNoRise) {
    round(8_ms);
    for (int i = 0; i < 5; ++i) round(Duration::from_us(11'900));
    EXPECT_FALSE(room.is_conservative());
    EXPECT_FALSE(has_left());
}

}  // namespace
}  // namespace fairlead::tcp
