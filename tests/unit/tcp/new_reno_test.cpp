#include "tcp/congestion/new_reno.hpp"

#include <gtest/gtest.h>

#include "tcp/congestion/controller.hpp"

namespace fairlead::tcp {
namespace {

constexpr AckSample acked(std::int32_t segments, bool is_window_limited = true) {
    return {.newly_acked = segments, .delivered = segments, .is_window_limited = is_window_limited};
}

struct NewRenoRoom : testing::Test {
    void ack(std::int32_t segments, bool is_window_limited = true) {
        c.on_ack(window, acked(segments, is_window_limited));
    }
    void lose() {
        window.threshold = c.threshold(window, Instant{});
        window.segments = window.threshold;
        window.credit = 0;
    }
    NewReno c;
    CongestionWindow window;
};

TEST_F(NewRenoRoom, SlowStartOpensOneForEachSegmentAcknowledged) {
    ack(2);
    EXPECT_EQ(window.segments, 12);
    ack(12);
    EXPECT_EQ(window.segments, 24);
}

// RFC 5681 §3.1 allows growth only where the window is what holds the sender back (RFC 7661).
TEST_F(NewRenoRoom, AWindowThatIsNotUsedDoesNotGrow) {
    for (int i = 0; i < 100; ++i) ack(2, false);
    EXPECT_EQ(window.segments, 10);
}

TEST_F(NewRenoRoom, SlowStartEndsAtTheThresholdAndTheRestCountsOn) {
    window = {.segments = 1, .threshold = 10};
    ack(14);  // 9 open the window to the threshold, 5 count for what follows
    EXPECT_EQ(window.segments, 10);
    ack(4);
    EXPECT_EQ(window.segments, 10);
    ack(1);
    EXPECT_EQ(window.segments, 11);
}

// RFC 5681 §3.1: one segment for each window acknowledged.
TEST_F(NewRenoRoom, CongestionAvoidanceOpensOneForEachWindow) {
    window = {.segments = 10, .threshold = 10};
    for (int i = 0; i < 9; ++i) ack(1);
    EXPECT_EQ(window.segments, 10);
    ack(1);
    EXPECT_EQ(window.segments, 11);
    ack(22);
    EXPECT_EQ(window.segments, 13) << "two windows at once";
}

TEST_F(NewRenoRoom, ALossHalvesTheWindowAndNeverBelowTwo) {
    window.segments = 9;
    lose();
    EXPECT_EQ(window.segments, 4);
    lose();
    lose();
    EXPECT_EQ(window.segments, 2);
    EXPECT_EQ(window.threshold, 2);
}

// Linux's tcp_cwnd_restart().
TEST(CongestionWindowValue, SilenceHalvesItForEachTimeoutDownToTheInitialOne) {
    CongestionWindow once{.segments = 80};
    once.restart(1, 10);
    EXPECT_EQ(once.segments, 40);
    CongestionWindow long_time{.segments = 80};
    long_time.restart(50, 10);
    EXPECT_EQ(long_time.segments, 10);
    CongestionWindow small{.segments = 4};
    small.restart(3, 10);
    EXPECT_EQ(small.segments, 4) << "a window below the initial one stays";
    CongestionWindow after_loss{.segments = 40, .threshold = 20};
    after_loss.restart(1, 10);
    EXPECT_EQ(after_loss.threshold, 30) << "three quarters of the window, or what it was";
    EXPECT_EQ(after_loss.segments, 20);
    CongestionWindow growing{.segments = 6, .threshold = 5, .credit = 5};
    growing.restart(1, 10);
    growing.grow_by_one_in(6, 1);
    EXPECT_EQ(growing.segments, 7) << "what was acknowledged before counts still";
}

TEST(ControllerRoom, IsChosenByTheNameOfTheSocketOption) {
    ASSERT_NE(controller_by_name("reno"), nullptr);
    EXPECT_EQ(controller_by_name("reno")->name, "reno");
    EXPECT_EQ(controller_by_name("no-such"), nullptr);
    EXPECT_EQ(controller_by_name(""), nullptr);
}

// What is not a member is not in the table: nobody calls it.
TEST(ControllerRoom, WhatAControllerDoesNotHaveIsNotCalled) {
    EXPECT_FALSE(kReno.has_state);
    EXPECT_EQ(kReno.on_delivered, nullptr);
    EXPECT_EQ(kReno.control, nullptr);
    EXPECT_NE(controller_by_name("fixed")->control, nullptr);
}

}  // namespace
}  // namespace fairlead::tcp
