#include <gtest/gtest.h>

#include "unit/tcp/connected.hpp"

namespace fairlead::tcp {
namespace {

// A path of 100 ms, ten segments out since ms(1000).
struct SenderInTrouble : testing::Test, Connected {
    SenderInTrouble() {
        write(1000);
        flush();
        now = now + 100_ms;
        ack(1001);
        write(10'000);
        flush();
        now = now + 100_ms;
    }
    // The n-th of the ten, from 0.
    static constexpr std::int64_t edge(std::int64_t n) { return 1001 + n * kMss; }
    static Range segments(std::int64_t from, std::int64_t to) {
        return range(edge(from), edge(to));
    }
};

// --- found by SACKs: RFC 8985 ---

TEST_F(SenderInTrouble, ThreeSackedSegmentsBringTheFirstBack) {
    auto out = ack(edge(0), {segments(1, 3)});
    EXPECT_EQ(sender.phase(), Phase::Disorder);
    EXPECT_EQ(out.look_again, 25_ms + 2_ms) << "a quarter of the round trip, and Linux's 2 ms";
    EXPECT_EQ(flush(), "");
    out = ack(edge(0), {segments(1, 4)});
    EXPECT_EQ(sender.phase(), Phase::Recovery);
    EXPECT_EQ(out.sample.newly_lost, 1);
    EXPECT_EQ(sender.congestion().threshold, 5);
    EXPECT_EQ(flush(), "1001-2001r");
    EXPECT_EQ(count(Counter::TcpExtTCPSackRecovery), 1u);
    ack(edge(10));
    EXPECT_EQ(sender.phase(), Phase::Open);
    EXPECT_EQ(window(), 6) << "half, and one for the seven that this ACK tells of";
}

// RFC 8985 §6.3: fewer are waited for, a quarter of the round trip.
TEST_F(SenderInTrouble, WhatWasOvertakenByOneIsLostWhenTheAlarmRings) {
    ack(edge(0), {segments(3, 4)});
    now = now + 27_ms;
    sender.on_reorder_timeout(context());
    EXPECT_EQ(sender.phase(), Phase::Recovery);
    EXPECT_EQ(sender.scoreboard().lost(), 3);
    EXPECT_EQ(flush(), "1001-2001r") << "one at first: PRR";
}

// A retransmission that is lost is found by what was sent after it.
TEST_F(SenderInTrouble, ALostRetransmissionIsFoundByTime) {
    write(10'000);
    ack(edge(0), {segments(1, 4)});
    EXPECT_EQ(flush(), "1001-2001r 11001-12001") << "PRR: half of three, rounded up";
    now = now + 10_ms;
    ack(edge(0), {segments(1, 8)});
    EXPECT_EQ(flush(), "12001-13001");
    now = now + 90_ms;
    const auto out = ack(edge(0), {range(edge(10), edge(11)), segments(1, 10)});
    EXPECT_EQ(out.retransmissions_lost, 1) << "it left with what arrived now";
    EXPECT_EQ(count(Counter::TcpExtTCPLostRetransmit), 1u);
    EXPECT_EQ(flush().substr(0, 10), "1001-2001r");
}

// A path that reorders: what came late was sent once. From then on three are not enough.
TEST_F(SenderInTrouble, AfterReorderingDuplicatesDoNotCount) {
    ack(edge(0), {segments(2, 3)});
    ack(edge(0), {segments(1, 3)});
    EXPECT_EQ(count(Counter::TcpExtTCPSACKReorder), 1u);
    EXPECT_EQ(sender.reorderings(), 1u);
    ack(edge(0), {segments(1, 6)});
    EXPECT_EQ(sender.phase(), Phase::Disorder);
    EXPECT_EQ(flush(), "");
    ack(edge(6));
    EXPECT_EQ(sender.phase(), Phase::Open);
    EXPECT_EQ(sender.reordering(), 6) << "the first came after five that were sent later";
}

TEST_F(SenderInTrouble, TheLearntDegreeHasALimit) {
    config.tcp_max_reordering = 4;
    ack(edge(0), {segments(9, 10)});
    ack(edge(1), {segments(9, 10)});
    EXPECT_EQ(sender.reordering(), 4);
}

// RFC 3042: each duplicate lets a new segment out.
TEST_F(SenderInTrouble, DuplicatesSendWhatIsNew) {
    write(10'000);
    flush();
    const std::int32_t before = sender.scoreboard().out();
    ack(edge(0), {segments(1, 2)});
    flush();
    EXPECT_EQ(sender.scoreboard().out(), before + 1);
}

// An ACK that a later one overtook moves nothing, but what its SACK blocks say is true all the same.
TEST_F(SenderInTrouble, TheSacksOfAnOvertakenAckAreRead) {
    ack(edge(1));
    peer_window = 1;
    ack(edge(0), {segments(2, 6)});
    EXPECT_EQ(sender.phase(), Phase::Recovery);
    EXPECT_EQ(sender.una(), at(edge(1)));
    EXPECT_EQ(sender.window(), 1'000'000);
    ack(edge(0), {range(501, 1501)});
    EXPECT_EQ(sender.scoreboard().sacked(), 4) << "below what is acknowledged: nothing";
}

// --- without SACK: RFC 6582 ---

struct SenderWithoutSack : SenderInTrouble {
    SenderWithoutSack() { sender.set_uses_sack(false); }
};

TEST_F(SenderWithoutSack, ThreeDuplicatesDo) {
    ack(edge(0));
    ack(edge(0));
    EXPECT_EQ(sender.phase(), Phase::Disorder);
    EXPECT_EQ(flush(), "");
    ack(edge(0));
    EXPECT_EQ(sender.phase(), Phase::Recovery);
    EXPECT_EQ(count(Counter::TcpExtTCPRenoRecovery), 1u);
    EXPECT_EQ(flush(), "1001-2001r");
    ack(edge(3));
    EXPECT_EQ(flush(), "") << "PRR: five are out, and no more may be";
    ack(edge(3));
    EXPECT_EQ(flush(), "4001-5001r") << "a part was acknowledged: the next hole";
}

TEST_F(SenderWithoutSack, TheEndIsHeldUntilSomethingAboveItIsAcknowledged) {
    for (int i = 0; i < 3; ++i) ack(edge(0));
    flush();
    ack(edge(10));
    EXPECT_EQ(sender.phase(), Phase::Recovery);
    write(3000);
    flush();
    for (int i = 0; i < 5; ++i) ack(edge(10));
    EXPECT_EQ(sender.scoreboard().lost(), 0) << "late duplicates begin nothing";
    ack(edge(11));
    EXPECT_EQ(sender.phase(), Phase::Open);
}

// RFC 5681 §2: what carries data, or moves the window, is no duplicate.
TEST_F(SenderWithoutSack, OnlyABareRepetitionIsADuplicate) {
    const auto hear = [&](std::int64_t seq, std::int64_t length, std::int64_t size) {
        return sender.on_ack({.ack = at(edge(0)), .window = size}, at(seq), length, context());
    };
    for (int i = 0; i < 5; ++i) hear(1 + 100 * i, 100, peer_window);
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "data";
    for (int i = 1; i < 5; ++i) hear(401, 0, peer_window + i);
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "window updates";
    for (int i = 1; i < 5; ++i) hear(401, 0, 0);
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "a shut window";
    EXPECT_EQ(sender.phase(), Phase::Open);
}

TEST_F(SenderWithoutSack, MoreDuplicatesThanCanBeAreReordering) {
    for (int i = 0; i < 12; ++i) ack(edge(0));
    EXPECT_EQ(count(Counter::TcpExtTCPRenoReorder), 3u);
    EXPECT_EQ(sender.reordering(), 10);
    EXPECT_EQ(sender.scoreboard().sacked(), 9);
}

// --- taking it back ---

// RFC 4015: the ACK echoes a timestamp older than the retransmission: the original was only late.
TEST_F(SenderInTrouble, AnEchoOfTheOriginalUndoesTheRecovery) {
    ack(edge(0), {segments(1, 4)});
    flush();
    EXPECT_EQ(sender.congestion().threshold, 5);
    now = now + 20_ms;
    ack(edge(10), {}, 120_ms);  // what we sent at the start
    EXPECT_EQ(count(Counter::TcpExtTCPFullUndo), 1u);
    EXPECT_EQ(sender.phase(), Phase::Open);
    EXPECT_EQ(window(), 10 + 7) << "slow start goes on, with the seven that this ACK tells of";
    EXPECT_EQ(sender.congestion().threshold, CongestionWindow::kNoThreshold);
}

TEST_F(SenderInTrouble, AnEchoOfTheRetransmissionUndoesNothing) {
    ack(edge(0), {segments(1, 4)});
    flush();
    now = now + 100_ms;
    ack(edge(10), {}, 100_ms);
    EXPECT_EQ(count(Counter::TcpExtTCPFullUndo), 0u);
    EXPECT_EQ(sender.congestion().threshold, 5);
}

// RFC 3708: a DSACK for all that was sent again.
TEST_F(SenderInTrouble, ADsackForEachRetransmissionUndoesTheRecovery) {
    ack(edge(0), {segments(1, 4)});
    EXPECT_EQ(flush(), "1001-2001r");
    now = now + 20_ms;
    ack(edge(4));
    now = now + 80_ms;
    ack(edge(4), {segments(0, 1)});
    EXPECT_EQ(count(Counter::TcpExtTCPDSACKRecv), 1u);
    EXPECT_EQ(count(Counter::TcpExtTCPDSACKUndo), 1u);
    EXPECT_EQ(window(), 10);
    EXPECT_EQ(sender.duplicates(), 1u);
}

// More duplicates than were ever sent again: the peer makes them up.
TEST_F(SenderInTrouble, InventedDsacksUndoNothing) {
    for (int i = 0; i < 50; ++i) ack(edge(1), {segments(0, 1)});
    EXPECT_EQ(count(Counter::TcpExtTCPDSACKIgnoredDubious), 50u);
    EXPECT_EQ(count(Counter::TcpExtTCPDSACKUndo), 0u);
    EXPECT_EQ(sender.delivered(), 2u) << "nothing of it counts as delivered";
}

// --- timeouts ---

TEST_F(SenderInTrouble, ATimeoutSendsTheFirstSegmentAlone) {
    EXPECT_EQ(time_out(), "1001-2001");
    EXPECT_EQ(sender.phase(), Phase::Loss);
    EXPECT_EQ(window(), 1);
    EXPECT_EQ(sender.congestion().threshold, 5);
    EXPECT_EQ(flush(), "");
    now = now + 300_ms;
    time_out();
    EXPECT_EQ(sender.congestion().threshold, 5) << "the same data: it falls once";
}

// RFC 5682 §3.1: something new is sent first; its arrival before the rest shows a real loss.
TEST_F(SenderInTrouble, AfterATimeoutSomethingNewIsTriedFirst) {
    write(10'000);
    time_out();
    now = now + 100_ms;
    ack(edge(1));
    EXPECT_EQ(flush(), "11001-12001 12001-13001") << "step 2.b";
    now = now + 100_ms;
    ack(edge(1), {range(edge(10), edge(12))});
    EXPECT_EQ(sender.phase(), Phase::Loss);
    EXPECT_EQ(flush(), "2001-3001r 3001-4001r") << "step 3.a: it was a loss";
}

TEST_F(SenderInTrouble, AnOriginalThatArrivesAfterATimeoutUndoesIt) {
    write(10'000);
    time_out();
    now = now + 10_ms;
    ack(edge(1));
    flush();
    now = now + 10_ms;
    const auto out = ack(edge(3));
    EXPECT_TRUE(out.was_spurious);
    EXPECT_EQ(count(Counter::TcpExtTCPSpuriousRTOs), 1u);
    EXPECT_EQ(count(Counter::TcpExtTCPLossUndo), 1u);
    EXPECT_EQ(sender.phase(), Phase::Open);
    EXPECT_EQ(sender.scoreboard().lost(), 0);
    EXPECT_GE(window(), 10);
}

TEST_F(SenderInTrouble, WithoutFrtoWhatIsLostGoesFirst) {
    config.tcp_frto = 0;
    write(10'000);
    time_out();
    now = now + 100_ms;
    ack(edge(1));
    EXPECT_EQ(flush(), "2001-3001r 3001-4001r");
}

// RFC 2018 §8; Linux gives a receiver that took back what it had SACKed half a round trip.
TEST_F(SenderInTrouble, AReceiverThatTookItsSacksBackIsServed) {
    ack(edge(0), {segments(1, 10)});
    flush();
    now = now + 100_ms;
    const auto out = ack(edge(1));
    EXPECT_EQ(out.time_out, 50_ms);
    EXPECT_FALSE(out.restarts_timer);
    EXPECT_EQ(time_out(), "2001-3001");
    EXPECT_EQ(count(Counter::TcpExtTCPSACKReneging), 1u);
    EXPECT_EQ(sender.scoreboard().sacked(), 0);
}

// --- what it costs ---

TEST_F(SenderInTrouble, ABackroomIsGivenBackWhenNothingIsMissing) {
    EXPECT_EQ(backrooms.size(), 0u);
    ack(edge(0));
    EXPECT_EQ(backrooms.size(), 1u);
    ack(edge(10));
    EXPECT_EQ(backrooms.size(), 0u);
}

TEST_F(SenderInTrouble, ARecoveryIsRemembered) {
    ack(edge(0), {segments(1, 4)});
    flush();
    ack(edge(10));
    EXPECT_EQ(backrooms.size(), 1u) << "a DSACK may yet undo it";
    sender.clear(memory);
    EXPECT_EQ(backrooms.size(), 0u);
}

}  // namespace
}  // namespace fairlead::tcp
