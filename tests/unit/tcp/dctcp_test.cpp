#include "tcp/congestion/dctcp.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

struct DctcpRoom : testing::Test {
    // A round trip of so many segments, the first of them marked.
    void round(std::int32_t segments, std::int32_t marked) {
        for (std::int32_t i = 0; i < segments; ++i) {
            ++una;
            c.on_delivered(window, {.acked_to = una,
                                    .next = una + segments,
                                    .newly_acked = 1,
                                    .delivered = 1,
                                    .marked = i < marked ? 1 : 0,
                                    .mss = 1000});
        }
    }
    Dctcp c;
    CongestionWindow window{.segments = 100};
    std::int64_t una = 0;
};

TEST_F(DctcpRoom, TheFirstMarkHalvesTheWindow) {
    EXPECT_EQ(c.alpha(), 1024u);
    EXPECT_EQ(c.threshold_of_mark(window, Instant{}), 50);
}

// RFC 8257 §3.3, equation 4, in 1024ths: 1024 -> 960 -> 900 -> ...
TEST_F(DctcpRoom, WithoutMarksAlphaLosesASixteenthInARoundTrip) {
    c.on_delivered(window, {.acked_to = 0, .next = 1});  // the first ends a round of nothing
    una = 0;
    EXPECT_EQ(c.alpha(), 960u);
    round(10, 0);
    EXPECT_EQ(c.alpha(), 900u);
    for (int i = 0; i < 200; ++i) round(10, 0);
    EXPECT_EQ(c.alpha(), 0u) << "what is less than a sixteenth goes at once";
    EXPECT_EQ(c.threshold_of_mark(window, Instant{}), 100);
}

TEST_F(DctcpRoom, AlphaComesToWhatPartIsMarked) {
    for (int i = 0; i < 200; ++i) round(100, 25);
    EXPECT_NEAR(static_cast<double>(c.alpha()), 256.0, 20.0);
    EXPECT_NEAR(c.threshold_of_mark(window, Instant{}), 88, 1);
    for (int i = 0; i < 200; ++i) round(100, 100);
    EXPECT_GT(c.alpha(), 1000u);
}

// struct tcp_dctcp_info: on, alpha, bytes of this round marked, and in all.
TEST_F(DctcpRoom, TellsOfItself) {
    c.on_delivered(window, {.acked_to = 0, .next = 1000});
    for (int i = 0; i < 3; ++i) {
        c.on_delivered(window, {.acked_to = 1,
                                .next = 1000,
                                .newly_acked = 2,
                                .delivered = 2,
                                .marked = i == 0 ? 2 : 0,
                                .mss = 1448});
    }
    const CongestionDetails told = c.details();
    EXPECT_EQ(told.form, CongestionDetails::Form::Dctcp);
    EXPECT_EQ(told.bytes, 16);
    EXPECT_EQ(told.words, (std::array<std::uint32_t, 5>{1, 960, 2 * 1448, 6 * 1448, 0}));
    EXPECT_EQ(DctcpReno::details().words[0], 0u) << "ss: fallback_mode";
}

TEST_F(DctcpRoom, ALossHalvesTheWindowWhateverWasMarked) {
    for (int i = 0; i < 200; ++i) round(10, 0);
    EXPECT_EQ(c.threshold(window, Instant{}), 50);
    window.segments = 3;
    EXPECT_EQ(c.threshold(window, Instant{}), 2);
}

}  // namespace
}  // namespace fairlead::tcp
