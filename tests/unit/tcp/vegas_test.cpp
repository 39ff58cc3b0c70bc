#include "tcp/congestion/vegas.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

struct VegasRoom : testing::Test {
    void round(Duration rtt) {
        const std::int32_t flight = window.segments;
        for (int i = 0; i < flight; ++i) {
            ++una;
            next = std::max<std::int64_t>(next, una + window.segments);
            const AckSample ack{.acked_to = una,
                                .next = next,
                                .newly_acked = 1,
                                .delivered = 1,
                                .rtt = rtt,
                                .last_rtt = rtt,
                                .is_window_limited = true};
            vegas.on_delivered(window, ack);
            vegas.on_ack(window, ack);
        }
        una = next;
    }
    Vegas vegas;
    CongestionWindow window{.segments = 40, .threshold = 20};
    std::int64_t una = 0;
    std::int64_t next = 40;
};

TEST_F(VegasRoom, GrowsByOneWhileNoQueueIsSeen) {
    round(100_ms);
    const std::int32_t before = window.segments;
    for (int i = 0; i < 5; ++i) round(100_ms);
    EXPECT_EQ(window.segments, before + 5);
}

TEST_F(VegasRoom, KeepsTwoToFourSegmentsQueued) {
    round(100_ms);
    round(100_ms);
    const std::int32_t before = window.segments;
    for (int i = 0; i < 5; ++i) round(Duration::from_us(107'500));  // three of 42
    EXPECT_NEAR(window.segments, before, 1);
    for (int i = 0; i < 20; ++i) round(115_ms);
    EXPECT_EQ(window.segments, 33) << "0.15 of it is 4, and not more";
}

TEST_F(VegasRoom, AQueueEndsSlowStart) {
    window.threshold = CongestionWindow::kNoThreshold;
    round(100_ms);
    EXPECT_GT(window.segments, 70);
    const std::int32_t before = window.segments;
    for (int i = 0; i < 2; ++i) round(150_ms);
    EXPECT_FALSE(window.is_slow_start());
    EXPECT_LT(window.threshold, 2 * before);
}

TEST_F(VegasRoom, ALossHalvesAsNewRenoDoes) {
    EXPECT_EQ(vegas.threshold(window, {}), 20);
    vegas.on_phase(CongestionState::Recovery);
    EXPECT_EQ(vegas.details().words[0], 0u);
    vegas.on_phase(CongestionState::Open);
    EXPECT_EQ(vegas.details().words[0], 1u);
}

}  // namespace
}  // namespace fairlead::tcp
