#include "tcp/congestion/bbr3.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "fairlead/config.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::int32_t kMss = 1000;
using Mode = Bbr3::Mode;

// A path that delivers a segment each millisecond (1 MB/s), 40 ms long: 40 segments fill it.
struct Bbr3Room : testing::Test {
    Bbr3Room() { bbr.on_start({.now = now, .config = config, .chance = 12345}); }

    // What was out a round trip ago arrives, in ten ACKs. True: it ended as the mode changed.
    bool round() {
        const Mode before_mode = bbr.mode();
        const std::int32_t flight = std::min(window.segments, most_out);
        const std::int32_t through = std::min(flight, 40);
        const Duration trip = flight > 40 ? Duration::from_ms(flight) : 40_ms;
        const std::uint32_t before = delivered;
        std::int32_t left = flight;
        for (int i = 10; i > 0 && left > 0; --i) {
            const std::int32_t part = (left + i - 1) / i;
            now = now + trip / 10;
            left -= part;
            ack(part, before, through, trip, std::max(window.segments - part, 0));
            if (bbr.mode() != before_mode) return true;
        }
        return false;
    }
    void ack(std::int32_t segments, std::uint32_t before, std::int32_t sample, Duration trip,
             std::int32_t in_flight) {
        delivered += static_cast<std::uint32_t>(segments);
        const AckSample a{.now = now,
                          .newly_acked = segments,
                          .delivered = segments,
                          .newly_lost = loss.segments,
                          .in_flight = out.value_or(in_flight),
                          .prior_in_flight = window.segments,
                          .rtt = trip,
                          .least_rtt = 40_ms,
                          .is_window_limited = is_window_limited,
                          .marked = is_marked ? segments : 0,
                          .total_delivered = delivered,
                          .mss = kMss,
                          .smoothed_rtt = trip,
                          .rate = {.delivered = sample,
                                   .delivered_before = before,
                                   .lost = lost,
                                   .sent_in_flight = sent_in_flight,
                                   .interval = std::max(40_ms, Duration::from_ms(sample)),
                                   .is_app_limited = is_limited},
                          .loss = std::exchange(loss, {})};
        bbr.control(window, a);
    }
    void run_until(Mode mode, int most = 200) {
        for (int i = 0; i < most && bbr.mode() != mode; ++i) round();
        ASSERT_EQ(bbr.mode(), mode);
    }
    // The queue drains as soon as it may.
    void reach_cruise() {
        run_until(Mode::Drain);
        out = 30;
        run_until(Mode::Cruise);
        out.reset();
    }
    void reach_up() {
        reach_cruise();
        out = 30;
        run_until(Mode::Up);
        out.reset();
    }
    static double near(std::int64_t bytes) { return static_cast<double>(bytes); }

    Config config;
    Bbr3 bbr;
    CongestionWindow window;
    Instant now = ms(1'000'000);
    std::uint32_t delivered = 1;
    std::int32_t most_out = 1000;
    std::int32_t lost = 0;
    std::int32_t sent_in_flight = 40;
    LossSample loss{};
    std::optional<std::int32_t> out{};
    bool is_limited = false;
    bool is_window_limited = true;
    bool is_marked = false;
};

TEST_F(Bbr3Room, BeginsAtTheWindowOfARoundTripTimesFourLogTwo) {
    ack(1, 1, 1, 40_ms, 9);
    // 10 segments in 40 ms, times 2.77, less a hundredth.
    EXPECT_NEAR(near(bbr.pacing_rate()), 250'000 * 2.773 * 0.99, 2000);
    EXPECT_EQ(bbr.mode(), Mode::Startup);
}

TEST_F(Bbr3Room, StartUpEndsWhenThreeRoundsBringNoQuarterMore) {
    round();
    EXPECT_EQ(window.segments, 20);
    round();
    EXPECT_EQ(window.segments, 40);
    int rounds = 2;
    for (; rounds < 20 && bbr.mode() == Mode::Startup; ++rounds) round();
    EXPECT_GE(rounds, 5);
    EXPECT_LE(rounds, 7);
    EXPECT_EQ(bbr.mode(), Mode::Drain);
    EXPECT_NEAR(near(bbr.bandwidth()), 990'000, 5000);
    EXPECT_NEAR(near(bbr.pacing_rate()), 990'000 * 88 / 256, 5000);
    EXPECT_EQ(bbr.in_flight_high(), Bbr3::kUnbounded) << "nothing was lost";
}

TEST_F(Bbr3Room, TheCycleIsCruiseRefillUpDown) {
    reach_cruise();
    const Instant from = now;
    EXPECT_NEAR(near(bbr.pacing_rate()), 990'000, 5000);
    out = 30;
    run_until(Mode::Refill);
    // As many rounds as a flow of NewReno takes to come back to 40 segments, or two to three seconds.
    EXPECT_GE(now - from, 1400_ms);
    EXPECT_LE(now - from, 3_s);
    const Instant refilled = now;
    run_until(Mode::Up);
    EXPECT_LE(now - refilled, 100_ms) << "a round";
    EXPECT_NEAR(near(bbr.pacing_rate()), 990'000 * 1.25, 8000);
    out = 60;
    run_until(Mode::Down);
    EXPECT_NEAR(near(bbr.pacing_rate()), 990'000 * 0.91, 8000);
    round();
    EXPECT_EQ(bbr.mode(), Mode::Down) << "until the queue is gone";
    out = 40;
    run_until(Mode::Cruise);
}

// BBRStartupFullLossCnt: six places, and 2 % of what was out.
TEST_F(Bbr3Room, StartUpEndsByLoss) {
    round();
    round();
    bbr.on_phase(CongestionState::Recovery);
    lost = 2;
    sent_in_flight = 80;
    const std::uint32_t before = delivered;
    for (int i = 0; i < 8; ++i) {
        loss = {.segments = 1, .lost = 1, .sent_in_flight = 80};
        now = now + 4_ms;
        ack(4, before - 1, 40, 60_ms, 60);
    }
    EXPECT_EQ(bbr.mode(), Mode::Startup) << "the round is not over";
    now = now + 40_ms;
    ack(4, delivered, 40, 60_ms, 60);
    EXPECT_NE(bbr.mode(), Mode::Startup);
    EXPECT_EQ(bbr.in_flight_high(), 40) << "what the path holds";
}

TEST_F(Bbr3Room, TwoPercentIsNotTooMuch) {
    EXPECT_FALSE(Bbr3::is_loss_too_high(0, 0));
    EXPECT_FALSE(Bbr3::is_loss_too_high(2, 100));
    EXPECT_TRUE(Bbr3::is_loss_too_high(3, 100));
    EXPECT_TRUE(Bbr3::is_loss_too_high(1, 20));
}

TEST_F(Bbr3Room, TooMuchLossWhileProbingBoundsWhatIsInFlight) {
    reach_up();
    loss = {.segments = 1, .lost = 1, .sent_in_flight = 100};
    ack(1, delivered - 10, 40, 40_ms, 60);
    EXPECT_EQ(bbr.mode(), Mode::Up) << "one of a hundred is accepted";
    EXPECT_EQ(bbr.in_flight_high(), Bbr3::kUnbounded);
    loss = {.segments = 2, .lost = 3, .sent_in_flight = 101};
    ack(1, delivered - 10, 40, 40_ms, 60);
    EXPECT_EQ(bbr.mode(), Mode::Down);
    // BBRInflightAtLoss(): 2 % of the hundred before it are 2, of which 1 was lost before.
    EXPECT_EQ(bbr.in_flight_high(), 101);
    EXPECT_LE(window.segments, 101);
    loss = {.segments = 5, .lost = 8, .sent_in_flight = 60};
    ack(1, delivered - 10, 40, 40_ms, 60);
    EXPECT_EQ(bbr.in_flight_high(), 101) << "once a probe";
}

TEST_F(Bbr3Room, CruisingLeavesRoomForOthers) {
    reach_up();
    loss = {.segments = 2, .lost = 3, .sent_in_flight = 61};
    ack(1, delivered - 10, 40, 40_ms, 60);
    ASSERT_EQ(bbr.in_flight_high(), 60) << "the one before it was the last to be accepted";
    out = 30;
    run_until(Mode::Cruise);
    EXPECT_LE(window.segments, 51) << "15 % below it";
    EXPECT_GE(window.segments, 40);
}

TEST_F(Bbr3Room, ALossBetweenProbesLeavesWhatGotThrough) {
    reach_cruise();
    const std::int64_t before = bbr.pacing_rate();
    round();
    round();
    // Rounds in which half got through.
    lost = 20;
    loss = {.segments = 3, .lost = 3, .sent_in_flight = 40};
    const std::uint32_t first = delivered;
    ack(1, first, 20, 40_ms, 30);
    out = 30;
    for (int i = 0; i < 3; ++i) {
        now = now + 40_ms;
        loss = {.segments = 1, .lost = 1, .sent_in_flight = 40};
        ack(20, delivered, 20, 40_ms, 30);
    }
    EXPECT_LT(bbr.in_flight_low(), 80);
    EXPECT_LT(bbr.pacing_rate(), before);
    EXPECT_GE(bbr.pacing_rate(), before / 2);
    // The next probe begins without the bound.
    run_until(Mode::Refill);
    EXPECT_EQ(bbr.in_flight_low(), Bbr3::kUnbounded);
}

// 2 % is accepted, between probes too: such a round tells nothing of what the path holds.
TEST_F(Bbr3Room, ALossThatIsAcceptedLowersNothing) {
    reach_cruise();
    const std::int64_t before = bbr.pacing_rate();
    out = 30;
    sent_in_flight = 100;
    const auto lossy_rounds = [&](std::int32_t in_a_round) {
        lost = in_a_round;
        for (int i = 0; i < 3; ++i) {
            now = now + 40_ms;
            loss = {.segments = 1, .lost = in_a_round, .sent_in_flight = 100};
            ack(36, delivered, 36, 40_ms, 30);
        }
    };
    lossy_rounds(2);
    EXPECT_EQ(bbr.in_flight_low(), Bbr3::kUnbounded);
    EXPECT_EQ(bbr.pacing_rate(), before);
    lossy_rounds(3);
    EXPECT_LT(bbr.in_flight_low(), 100);
    EXPECT_LT(bbr.pacing_rate(), before);
}

TEST_F(Bbr3Room, MarksLowerTheWindowByTheirShare) {
    reach_cruise();
    round();
    const std::int32_t before = window.segments;
    is_marked = true;
    out = 30;
    round();
    round();
    EXPECT_LT(bbr.in_flight_low(), before);
    EXPECT_GE(bbr.in_flight_low(), before * 4 / 9 - 2) << "a third at most, twice";
    EXPECT_NEAR(near(bbr.pacing_rate()), 990'000, 8000) << "the bandwidth is what it was";
}

TEST_F(Bbr3Room, LooksForTheRoundTripEveryFiveSeconds) {
    reach_cruise();
    const Instant from = now;
    // The path is longer than it was.
    for (int i = 0; i < 400 && bbr.mode() != Mode::ProbeRoundTrip; ++i) {
        now = now + 45_ms;
        ack(40, delivered, 40, 45_ms, 30);
    }
    ASSERT_EQ(bbr.mode(), Mode::ProbeRoundTrip);
    EXPECT_LE((now - from).ms(), 5'100);
    EXPECT_GE((now - from).ms(), 4'000);
    EXPECT_EQ(window.segments, 20) << "half of what the path holds, not four";
    const Instant low = now;
    for (int i = 0; i < 40 && bbr.mode() == Mode::ProbeRoundTrip; ++i) {
        now = now + 41_ms;
        ack(20, delivered, 20, 41_ms, 20);
    }
    EXPECT_GE((now - low).ms(), 200);
    EXPECT_LE((now - low).ms(), 350);
    EXPECT_EQ(bbr.mode(), Mode::Cruise);
    EXPECT_NEAR(near(bbr.bandwidth()), 990'000, 5000) << "what was low on purpose is no measure";
}

TEST_F(Bbr3Room, APauseOfTheApplicationIsNoSlowerPath) {
    reach_cruise();
    const std::int64_t before = bbr.bandwidth();
    is_limited = true;
    most_out = 5;
    out = 5;
    for (int i = 0; i < 200; ++i) round();
    EXPECT_EQ(bbr.bandwidth(), before);
}

TEST_F(Bbr3Room, AfterATimeoutTheWindowComesBack) {
    reach_cruise();
    round();
    const std::int32_t before = window.segments;
    EXPECT_EQ(bbr.threshold(window, now), window.threshold);
    bbr.on_phase(CongestionState::Loss);
    window.segments = 1;
    ack(1, delivered, 1, 40_ms, 1);
    EXPECT_LE(window.segments, 4);
    bbr.on_phase(CongestionState::Open);
    ack(1, delivered, 1, 40_ms, 1);
    EXPECT_NEAR(window.segments, before, 4);
}

TEST_F(Bbr3Room, TellsOfItself) {
    reach_cruise();
    const CongestionDetails told = bbr.details();
    EXPECT_EQ(told.form, CongestionDetails::Form::Bbr);
    EXPECT_EQ(told.words[0], static_cast<std::uint32_t>(bbr.bandwidth()));
    EXPECT_EQ(told.words[2], 40'000u);
    EXPECT_EQ(told.words[3], 256u);
    EXPECT_EQ(told.words[4], 512u);
}

}  // namespace
}  // namespace fairlead::tcp
