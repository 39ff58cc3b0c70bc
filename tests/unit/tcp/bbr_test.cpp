#include "tcp/congestion/bbr.hpp"

#include <gtest/gtest.h>

#include "fairlead/config.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::int32_t kMss = 1000;

// A path that delivers a segment each millisecond (1 MB/s), 40 ms long: 40 segments fill it.
struct BbrRoom : testing::Test {
    explicit BbrRoom(std::uint32_t chance = 12345) {
        bbr.on_start({.now = now, .config = config, .chance = chance});
    }
    // What was out a round trip ago arrives, in ten ACKs.
    void round() {
        const std::int32_t flight = window.segments;
        const std::int32_t through = std::min(flight, cap);
        const Duration trip = flight > cap ? Duration::from_ms(flight) : 40_ms;
        const std::uint32_t before = delivered;
        std::int32_t left = flight;
        const bool was_probing = bbr.mode() == Bbr::Mode::ProbeBandwidth;
        for (int i = 10; i > 0 && left > 0; --i) {
            const std::int32_t part = (left + i - 1) / i;
            now = now + trip / 10;
            left -= part;
            ack(part, before, through, trip);
            if (!was_probing && bbr.mode() == Bbr::Mode::ProbeBandwidth) return;
        }
    }
    void ack(std::int32_t segments, std::uint32_t before, std::int32_t sample, Duration trip) {
        delivered += static_cast<std::uint32_t>(segments);
        const Duration interval = std::max(40_ms, Duration::from_ms(sample));
        const AckSample a{.now = now,
                          .newly_acked = segments,
                          .delivered = segments,
                          .newly_lost = std::exchange(newly_lost, 0),
                          .in_flight = out ? *out : std::min(window.segments - segments, 40),
                          .prior_in_flight = window.segments,
                          .rtt = trip,
                          .least_rtt = 40_ms,
                          .total_delivered = delivered,
                          .total_lost = lost,
                          .mss = kMss,
                          .smoothed_rtt = trip,
                          .rate = {.delivered = sample,
                                   .delivered_before = before,
                                   .interval = interval,
                                   .is_app_limited = is_limited}};
        bbr.control(window, a);
    }
    void start_up() {
        for (int i = 0; i < 20 && bbr.mode() != Bbr::Mode::ProbeBandwidth; ++i) round();
        ASSERT_EQ(bbr.mode(), Bbr::Mode::ProbeBandwidth);
    }

    Config config;
    Bbr bbr;
    CongestionWindow window;
    Instant now = ms(1'000'000);
    std::uint32_t delivered = 1;
    std::uint32_t lost = 0;
    std::int32_t newly_lost = 0;
    std::int32_t cap = 40;
    std::optional<std::int32_t> out{};
    bool is_limited = false;
};

TEST_F(BbrRoom, BeginsAtTwiceTheWindowOfARoundTrip) {
    ack(1, 1, 1, 40_ms);
    // 10 segments in 40 ms, times 2/ln(2), less a hundredth.
    EXPECT_NEAR(static_cast<double>(bbr.pacing_rate()), 250'000 * 2.887 * 0.99, 2000);
    EXPECT_EQ(bbr.mode(), Bbr::Mode::Startup);
}

TEST_F(BbrRoom, DoublesUntilTheBandwidthGrowsNoMore) {
    round();
    EXPECT_EQ(window.segments, 20);
    round();
    EXPECT_EQ(window.segments, 40);
    start_up();
    EXPECT_NEAR(static_cast<double>(bbr.bandwidth()), 990'000, 5000);
}

TEST_F(BbrRoom, KeepsTwiceWhatThePathHolds) {
    start_up();
    for (int i = 0; i < 12; ++i) round();
    EXPECT_GE(window.segments, 80);
    EXPECT_LE(window.segments, 80 + 3 * 2 + 2 + 20) << "three bursts, and what ACKs tell at once";
}

TEST_F(BbrRoom, PacesInACycleOfEight) {
    start_up();
    std::array<int, 3> seen{};
    for (int i = 0; i < 200; ++i) {
        round();
        if (bbr.mode() != Bbr::Mode::ProbeBandwidth) continue;
        switch (bbr.details().words[3]) {
            case 320: ++seen[0]; break;
            case 192: ++seen[1]; break;
            case 256: ++seen[2]; break;
            default: ADD_FAILURE() << bbr.details().words[3];
        }
    }
    EXPECT_GT(seen[0], 10);
    EXPECT_GT(seen[2], 3 * seen[0]);
}

// Any phase but that of draining, by chance.
TEST(BbrChance, TheCycleBeginsWhereTheSeedSays) {
    std::array<int, 3> seen{};
    for (std::uint32_t chance = 1; chance < 200; ++chance) {
        struct Room : BbrRoom {
            explicit Room(std::uint32_t c) : BbrRoom{c} { start_up(); }
            void TestBody() override {}
        };
        const Room room{chance};
        const std::uint32_t gain = room.bbr.details().words[3];
        ++seen.at(gain == 320 ? 0u : gain == 192 ? 1u : 2u);
    }
    EXPECT_EQ(seen[1], 0);
    EXPECT_NEAR(seen[0], 199 / 7, 15);
}

TEST_F(BbrRoom, WithoutAShorterRoundTripForTenSecondsLooksForOne) {
    start_up();
    const Instant from = now;
    cap = 30;  // the path is longer than it was
    while (bbr.mode() != Bbr::Mode::ProbeRoundTrip && now - from < 20_s) round();
    ASSERT_EQ(bbr.mode(), Bbr::Mode::ProbeRoundTrip);
    EXPECT_LE((now - from).ms(), 10'500);
    EXPECT_EQ(window.segments, 4);
    const Instant low = now;
    out = 4;
    while (bbr.mode() == Bbr::Mode::ProbeRoundTrip && now - low < 5_s) round();
    EXPECT_EQ(bbr.mode(), Bbr::Mode::ProbeBandwidth);
    EXPECT_GE((now - low).ms(), 200);
    EXPECT_LE((now - low).ms(), 400);
    EXPECT_GE(window.segments, 60) << "as before";
}

TEST_F(BbrRoom, APauseOfTheApplicationIsNoSlowerPath) {
    start_up();
    const std::int64_t before = bbr.bandwidth();
    is_limited = true;
    cap = 5;
    for (int i = 0; i < 50; ++i) round();
    EXPECT_EQ(bbr.bandwidth(), before);
    is_limited = false;
    for (int i = 0; i < 15; ++i) round();
    EXPECT_LT(bbr.bandwidth(), before);
}

TEST_F(BbrRoom, ALossByItselfLeavesTheWindow) {
    start_up();
    for (int i = 0; i < 12; ++i) round();
    const std::int32_t before = window.segments;
    window.threshold = 70;
    EXPECT_EQ(bbr.threshold(window, now), 70) << "what it was";
    bbr.on_phase(CongestionState::Recovery);
    newly_lost = 1;
    out = 50;
    ack(1, delivered, 40, 40_ms);
    EXPECT_EQ(window.segments, 51) << "a round trip long as much leaves as arrives";
    out.reset();
    bbr.on_phase(CongestionState::Open);
    ack(1, delivered, 40, 40_ms);
    EXPECT_NEAR(window.segments, before, 3);
}

// Two intervals with a fifth lost and the same rate: a policer.
TEST_F(BbrRoom, AStablePoliceRateIsBelieved) {
    start_up();
    cap = 20;
    for (int i = 0; i < 60 && bbr.details().words[3] != 256; ++i) round();
    for (int i = 0; i < 40; ++i) {
        newly_lost = 10;
        lost += 10;
        round();
    }
    EXPECT_LT(bbr.bandwidth(), 900'000);
    EXPECT_EQ(bbr.details().words[3], 256u) << "no probing above it";
}

}  // namespace
}  // namespace fairlead::tcp
