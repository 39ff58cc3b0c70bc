#include "tcp/congestion/new_reno.hpp"

#include <gtest/gtest.h>

#include "tcp/congestion/controller.hpp"

namespace fairlead::tcp {
namespace {

constexpr AckSample acked(std::int32_t segments, bool is_window_limited = true) {
    return {.newly_acked = segments, .is_window_limited = is_window_limited};
}

TEST(NewRenoRoom, SlowStartOpensOneForEachSegmentAcknowledged) {
    NewReno c{10};
    c.on_ack(acked(2));
    EXPECT_EQ(c.window(), 12);
    c.on_ack(acked(12));
    EXPECT_EQ(c.window(), 24);
}

// RFC 5681 §3.1 allows growth only where the window is what holds the sender back (RFC 7661).
TEST(NewRenoRoom, AWindowThatIsNotUsedDoesNotGrow) {
    NewReno c{10};
    for (int i = 0; i < 100; ++i) c.on_ack(acked(2, false));
    EXPECT_EQ(c.window(), 10);
}

TEST(NewRenoRoom, SlowStartEndsAtTheThresholdAndTheRestCountsOn) {
    NewReno c{10};
    c.on_ack(acked(10));
    c.on_loss({});
    EXPECT_EQ(c.threshold(), 10);
    EXPECT_EQ(c.window(), 10);
    c.on_timeout(0, false);
    EXPECT_EQ(c.window(), 1);
    EXPECT_EQ(c.threshold(), 10);
    c.on_ack(acked(14));  // 9 open the window to the threshold, 5 count for what follows
    EXPECT_EQ(c.window(), 10);
    c.on_ack(acked(4));
    EXPECT_EQ(c.window(), 10);
    c.on_ack(acked(1));
    EXPECT_EQ(c.window(), 11);
}

TEST(NewRenoRoom, CongestionAvoidanceOpensOneAWindow) {
    NewReno c{10};
    c.on_ack(acked(10));
    c.on_loss({});
    for (std::int32_t window = 10; window < 20; ++window) {
        for (std::int32_t i = 0; i < window - 1; ++i) c.on_ack(acked(1));
        EXPECT_EQ(c.window(), window);
        c.on_ack(acked(1));
        EXPECT_EQ(c.window(), window + 1);
    }
}

TEST(NewRenoRoom, ALossHalvesAndLeavesTwo) {
    NewReno c{9};
    c.on_loss({});
    EXPECT_EQ(c.window(), 4);
    EXPECT_EQ(c.threshold(), 4);
    c.on_loss({});
    c.on_loss({});
    EXPECT_EQ(c.window(), 2);
    EXPECT_EQ(c.threshold(), 2);
}

// RFC 5681 §3.1, equation 4: once for the same data.
TEST(NewRenoRoom, ATimeoutLeavesOneAndHalvesTheThresholdOnce) {
    NewReno c{20};
    c.on_timeout(0, true);
    EXPECT_EQ(c.window(), 1);
    EXPECT_EQ(c.threshold(), 10);
    c.on_timeout(0, false);
    EXPECT_EQ(c.window(), 1);
    EXPECT_EQ(c.threshold(), 10);
}

TEST(NewRenoRoom, WhatABurstBorrowedIsGivenBackWhenRecoveryEnds) {
    NewReno c{20};
    c.on_loss({});
    c.on_recovered();
    EXPECT_EQ(c.window(), 10);
}

// Linux's tcp_cwnd_restart().
TEST(NewRenoRoom, SilenceHalvesTheWindowForEachTimeoutDownToTheInitialOne) {
    NewReno c{10};
    c.on_ack(acked(70));
    ASSERT_EQ(c.window(), 80);
    NewReno once = c;
    once.on_idle(1, 10);
    EXPECT_EQ(once.window(), 40);
    NewReno long_time = c;
    long_time.on_idle(50, 10);
    EXPECT_EQ(long_time.window(), 10);
    NewReno small{4};
    small.on_idle(3, 10);
    EXPECT_EQ(small.window(), 4) << "a window below the initial one stays";
    NewReno after_loss = c;
    after_loss.on_loss({});
    after_loss.on_idle(1, 10);
    EXPECT_EQ(after_loss.threshold(), 40) << "three quarters of the window, or what it was";
    EXPECT_EQ(after_loss.window(), 20);
}

// RFC 5681 with SACK, as Linux counts: what a SACK brought was counted when it came. A retransmission
// that closes a hole of twenty does not open the window by twenty.
TEST(NewRenoRoom, WhatWasSackedBeforeDoesNotCountAgain) {
    NewReno c{10};
    AckSample hole_filled = acked(20);
    hole_filled.sacked_before = 19;
    EXPECT_EQ(hole_filled.delivered(), 1);
    c.on_ack(hole_filled);
    EXPECT_EQ(c.window(), 11);
}

TEST(ControllerRoom, IsChosenByTheNameOfTheSocketOption) {
    ASSERT_TRUE(controller_by_name("reno"));
    EXPECT_EQ(name_of(*controller_by_name("reno")), "reno");
    EXPECT_EQ(window_of(*controller_by_name("reno")), 10);
    EXPECT_FALSE(controller_by_name("vegas"));
    EXPECT_FALSE(controller_by_name(""));
}

}  // namespace
}  // namespace fairlead::tcp
