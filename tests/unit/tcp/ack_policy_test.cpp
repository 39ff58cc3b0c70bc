#include "tcp/ack_policy.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::uint32_t kMss = 1448;
constexpr std::int64_t kWindow = 64'240;
constexpr std::int64_t kOnce = 1;  // tcp_pingpong_thresh

struct Policy : AckPolicy {
    Policy() { start(1460); }
    void data(std::int64_t when, std::uint32_t bytes, bool psh = false) {
        on_data(bytes, psh, kWindow, kMss, 300_ms, ms(when));
    }
    // Quick mode is used up.
    void calm() {
        for (int i = 0; i < kMostQuickAcks; ++i) {
            owe();
            on_ack_sent();
        }
    }
};

TEST(AckPolicyRoom, NothingIsOwedBeforeDataCame) {
    Policy p;
    EXPECT_FALSE(p.is_owed());
    EXPECT_FALSE(p.is_due(0, true, kOnce));
    EXPECT_EQ(p.usual_segment(), 536u);
}

// Linux: TCP_MAX_QUICKACKS.
TEST(AckPolicyRoom, TheFirstSixteenAcksAreQuick) {
    Policy p;
    for (int i = 0; i < 16; ++i) {
        p.data(10 * i, 100);
        EXPECT_TRUE(p.is_due(100, true, kOnce)) << i;
        p.on_ack_sent();
    }
    p.data(160, 100);
    EXPECT_FALSE(p.is_due(100, true, kOnce));
}

TEST(AckPolicyRoom, ASmallWindowIsWorthFewerQuickAcks) {
    AckPolicy p;
    p.start(1460);
    p.on_data(100, false, 4 * 2 * 536, kMss, 300_ms, ms(0));
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(p.is_due(100, true, kOnce)) << i;
        p.on_ack_sent();
        p.owe();
    }
    EXPECT_FALSE(p.is_due(100, true, kOnce));
}

// RFC 5681 §4.2: at least every second full segment.
TEST(AckPolicyRoom, MoreThanOneFullSegmentIsAcknowledgedIfTheWindowMovesOn) {
    Policy p;
    p.data(0, kMss);
    p.on_ack_sent();
    p.calm();
    p.data(1, kMss);
    EXPECT_FALSE(p.is_due(kMss, true, kOnce));
    p.data(1, kMss);
    EXPECT_TRUE(p.is_due(2 * kMss, true, kOnce));
    EXPECT_FALSE(p.is_due(2 * kMss, false, kOnce)) << "the read will say so";
}

TEST(AckPolicyRoom, AGapIsAnsweredAtOnce) {
    Policy p;
    p.data(0, 100);
    p.calm();
    p.owe_now();
    EXPECT_TRUE(p.is_due(0, false, kOnce));
    p.on_ack_sent();
    EXPECT_FALSE(p.is_due(0, false, kOnce));
}

TEST(AckPolicyRoom, DataThatLeavesWithNothingOwedUsesNoQuickAckUp) {
    Policy p;
    p.data(0, 100);
    p.on_ack_sent();
    for (int i = 0; i < 40; ++i) p.on_ack_sent();  // data of ours, each with an ACK
    p.data(1000, 100);
    EXPECT_TRUE(p.is_due(100, true, kOnce));
}

TEST(AckPolicyRoom, AnAnswerWithinTheDelayMakesThePartnersPlayPingPong) {
    Policy p;
    p.data(0, 100);
    EXPECT_TRUE(p.is_quick(kOnce));
    p.on_data_sent(ms(10), kOnce);
    EXPECT_TRUE(p.is_pingpong(kOnce));
    EXPECT_FALSE(p.is_quick(kOnce)) << "the ACK rides on the answers";
    Policy late;
    late.data(0, 100);
    late.on_data_sent(ms(41), kOnce);
    EXPECT_FALSE(late.is_pingpong(kOnce));
}

TEST(AckPolicyRoom, ThreeAnswersWhereTheSysctlSaysThree) {
    Policy p;
    for (int i = 1; i <= 3; ++i) {
        EXPECT_FALSE(p.is_pingpong(3));
        p.data(100 * i, 100);
        p.on_data_sent(ms(100 * i + 1), 3);
    }
    EXPECT_TRUE(p.is_pingpong(3));
}

TEST(AckPolicyRoom, TheDelayIsFortyMillisecondsWhereDataFlows) {
    Policy p;
    p.data(0, kMss);
    EXPECT_EQ(p.wait(Duration{}, kOnce), 40_ms);
    for (int i = 1; i < 20; ++i) p.data(5 * i, kMss);
    EXPECT_EQ(p.delay(), 40_ms);
}

// Linux's ato: half of it and the gap, when the gap is longer than 20 ms and shorter than it.
TEST(AckPolicyRoom, TheDelayFollowsTheGapsOfASlowSender) {
    Policy p;
    p.data(0, 100);
    p.data(30, 100);
    EXPECT_EQ(p.delay(), 50_ms);
    p.data(75, 100);
    EXPECT_EQ(p.delay(), 70_ms);
    p.data(80, 100);
    EXPECT_EQ(p.delay(), 55_ms);
    p.data(180, 100);
    EXPECT_EQ(p.delay(), 55_ms) << "a gap between the delay and the RTO says nothing";
}

TEST(AckPolicyRoom, AnAckThatCameTooLateDoublesTheDelay) {
    Policy p;
    p.data(0, 100);
    p.on_delay_over(300_ms, kOnce);
    EXPECT_EQ(p.delay(), 80_ms);
    p.on_delay_over(300_ms, kOnce);
    p.on_delay_over(300_ms, kOnce);
    EXPECT_EQ(p.delay(), 300_ms) << "no longer than the RTO";
    EXPECT_EQ(p.wait(Duration{}, kOnce), 200_ms) << "and never waits longer than this";
    EXPECT_EQ(p.wait(100_ms, kOnce), 100_ms) << "nor longer than a round trip";
    EXPECT_EQ(p.wait(1_ms, kOnce), 40_ms) << "nor shorter than this";
}

TEST(AckPolicyRoom, AnAckNobodyCarriedEndsThePingPong) {
    Policy p;
    p.data(0, 100);
    p.data(30, 100);
    p.on_data_sent(ms(31), kOnce);
    p.on_delay_over(300_ms, kOnce);
    EXPECT_FALSE(p.is_pingpong(kOnce));
    EXPECT_EQ(p.delay(), 40_ms);
}

TEST(AckPolicyRoom, SilenceLongerThanTheRtoIsFollowedByQuickAcks) {
    Policy p;
    p.data(0, 100);
    p.calm();
    p.data(50, 100);
    EXPECT_FALSE(p.is_quick(kOnce));
    p.data(351, 100);
    EXPECT_TRUE(p.is_quick(kOnce));
}

// tcp_measure_rcv_mss: up at once, down when two of the same size follow each other.
TEST(AckPolicyRoom, TheUsualSegmentFollowsWhatComes) {
    Policy p;
    p.data(0, kMss);
    EXPECT_EQ(p.usual_segment(), kMss);
    p.data(1, 9000);
    EXPECT_EQ(p.usual_segment(), kMss) << "no more than we allow";
    p.data(2, 1000);
    EXPECT_EQ(p.usual_segment(), kMss);
    p.data(3, 1000);
    EXPECT_EQ(p.usual_segment(), 1000u) << "the path has become narrower";
    p.data(4, 200, true);
    p.data(5, 200, true);
    EXPECT_EQ(p.usual_segment(), 1000u) << "short and pushed: the ends of writes";
    p.data(6, 200);
    p.data(7, 200);
    EXPECT_EQ(p.usual_segment(), 200u) << "short and not pushed: a very narrow path";
}

// tcp_cleanup_rbuf: what the application has read is acknowledged if the sender may wait for it.
TEST(AckPolicyRoom, AReadOfAllThatWasPushedIsAcknowledged) {
    Policy p;
    p.data(0, kMss);
    p.on_ack_sent();
    p.calm();
    p.data(1, 300, true);
    EXPECT_TRUE(p.is_due_after_read(300, true, kOnce));
    EXPECT_FALSE(p.is_due_after_read(300, false, kOnce));
    p.on_data_sent(ms(2), kOnce);
    EXPECT_FALSE(p.is_due_after_read(300, true, kOnce)) << "ping-pong: the answer carries it";
    p.data(3, 300, true);
    EXPECT_TRUE(p.is_due_after_read(600, true, kOnce)) << "two of them do not wait";
}

TEST(AckPolicyRoom, AFullSegmentThatIsPushedIsAcknowledgedWhenItIsRead) {
    Policy p;
    p.data(0, kMss);
    p.on_ack_sent();
    p.calm();
    p.data(1, kMss);
    EXPECT_FALSE(p.is_due_after_read(kMss, true, kOnce));
    p.on_ack_sent();
    p.data(2, kMss, true);
    EXPECT_TRUE(p.is_due_after_read(kMss, true, kOnce));
}

TEST(AckPolicyRoom, MoreThanASegmentIsAcknowledgedWhenItIsRead) {
    Policy p;
    p.data(0, kMss);
    p.calm();
    p.data(1, kMss);
    p.data(2, kMss);
    EXPECT_TRUE(p.is_due_after_read(2 * kMss, false, kOnce));
}

// The FIN's ACK waits for our answer, as Linux does; where no data ever came, to the next tick.
TEST(AckPolicyRoom, AFinAfterDataMayWaitForOurAnswer) {
    Policy p;
    p.data(0, 100);
    p.on_ack_sent();
    p.owe();
    p.on_fin(kOnce);
    EXPECT_FALSE(p.is_due(1, true, kOnce));
    Policy silent;
    silent.owe();
    silent.on_fin(kOnce);
    EXPECT_FALSE(silent.is_due(1, true, kOnce));
    EXPECT_EQ(silent.wait(100_ms, kOnce), 1_ms);
    Policy three;
    three.data(0, 100);
    three.owe();
    three.on_fin(3);
    EXPECT_TRUE(three.is_pingpong(3));
}

// tcp_grow_window(): while the window opens every segment is acknowledged, beyond the sixteen.
TEST(AckPolicyRoom, AWindowThatOpensEarnsAQuickAck) {
    Policy p;
    for (int i = 0; i < 40; ++i) {
        p.data(10 * i, kMss);
        p.on_window_growth();
        EXPECT_TRUE(p.is_due(kMss, false, kOnce)) << i;
        p.on_ack_sent();
    }
    p.calm();
    p.data(400, kMss);
    EXPECT_FALSE(p.is_due(kMss, false, kOnce));
}

// TCP_QUICKACK: 1 ends the ping-pong, 0 begins it; getsockopt says which.
TEST(AckPolicyRoom, QuickAckTurnsPingPongOffAndOn) {
    Policy p;
    p.data(0, 100);
    p.on_data_sent(ms(1), kOnce);
    EXPECT_TRUE(p.is_pingpong(kOnce));
    p.set_quick(true, kOnce);
    EXPECT_FALSE(p.is_pingpong(kOnce));
    p.set_quick(false, 3);
    EXPECT_TRUE(p.is_pingpong(3));
}

}  // namespace
}  // namespace fairlead::tcp
