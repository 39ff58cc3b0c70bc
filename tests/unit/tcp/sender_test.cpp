#include "tcp/sender.hpp"

#include <string>

#include <gtest/gtest.h>

#include "unit/tcp/connected.hpp"

namespace fairlead::tcp {
namespace {

struct SenderRoom : testing::Test, Connected {};

// --- what leaves ---

TEST_F(SenderRoom, TheInitialWindowLeavesInTwoHalvesAndTheRestWaits) {
    write(15'000);
    EXPECT_EQ(flush(), "1-5001 5001-10001");
    EXPECT_EQ(sender.scoreboard().out(), 10);
    EXPECT_EQ(sender.next(), at(10'001));
    EXPECT_EQ(sender.unsent_bytes(), 5000);
    ack(2001);  // two more in flight, two more for slow start
    EXPECT_EQ(flush(), "10001-14001");
}

// RFC 9293 §3.7.4 as Minshall has it: a small segment waits only for a small one that is out.
TEST_F(SenderRoom, NagleHoldsASecondSmallSegmentBack) {
    write(100);
    EXPECT_EQ(flush(), "1-101");
    write(100);
    EXPECT_EQ(flush(), "");
    write(900);
    EXPECT_EQ(flush(), "101-1101") << "a full one does not wait";
    write(50);
    EXPECT_EQ(flush(), "");
    ack(101);
    EXPECT_EQ(flush(), "1101-1151") << "what is out is full";
}

TEST_F(SenderRoom, TheTailOfALargeWriteIsOnlyHeldBackBehindASmallOne) {
    write(2500);
    EXPECT_EQ(flush(), "1-2501");
    write(2500);
    EXPECT_EQ(flush(), "2501-4501");
    ack(2501);
    EXPECT_EQ(flush(), "4501-5001");
}

TEST_F(SenderRoom, NoDelaySendsAtOnce) {
    write(100);
    flush();
    write(100);
    EXPECT_EQ(flush({.no_delay = true}), "101-201");
}

TEST_F(SenderRoom, CorkAndMoreKeepWhatIsNotFull) {
    write(1500);
    EXPECT_EQ(flush({.cork = true}), "1-1001");
    EXPECT_EQ(flush({.more = true}), "");
    EXPECT_EQ(flush({.no_delay = true, .cork = true}), "");
    EXPECT_EQ(flush({.cork = true, .push_once = true}), "1001-1501");
}

TEST_F(SenderRoom, AFinDoesNotWaitForNagleOrCork) {
    write(100);
    flush();
    write(100);
    sender.close(memory);
    EXPECT_EQ(flush({.cork = true}), "101-201F");
    EXPECT_EQ(sender.next(), at(202));
}

// The FIN takes a number and no room in the congestion window.
TEST_F(SenderRoom, AFinRidesOnTheLastSegmentThatTheWindowAdmits) {
    write(10'000);
    sender.close(memory);
    EXPECT_EQ(flush(), "1-5001 5001-10001F");
}

TEST_F(SenderRoom, AnAnswerInARecordOfItsOwnIsNotMixedWithTheNext) {
    write(100);
    sender.mark_end_of_record();
    write(100);
    EXPECT_EQ(flush({.no_delay = true}), "1-101 101-201");
}

// As on lo, whose segments are larger than what a packet holds of smaller ones.
TEST_F(SenderRoom, ASegmentThatFillsAPacketIsCutWhereBlocksTakeOfItsRoom) {
    constexpr std::uint16_t kOfLo = 65'483;
    constexpr std::uint16_t kBlock = 12;
    sender.set_mss(kOfLo);
    write(kOfLo);
    sender.reserve(kBlock);
    const Sender::Plan plan = sender.next_segment({}, memory);
    ASSERT_NE(plan.chunk, nullptr);
    EXPECT_EQ(plan.chunk->payload(), kOfLo - kBlock);
    sender.on_sent(plan, now);
    EXPECT_EQ(sender.unsent_bytes(), kBlock);
}

// --- the peer's window ---

struct SenderAtTheWindow : testing::Test, Connected {
    SenderAtTheWindow() : Connected{7500} {}
};

// Linux's tcp_mss_split_point(): at the edge of the window Nagle decides, as at the stream's end.
TEST_F(SenderAtTheWindow, APartOfASegmentMayFillTheWindowUnlessASmallOneIsOut) {
    write(9000);  // in chunks of no more than half the window, which are joined up to half of cwnd
    EXPECT_EQ(flush(), "1-5001 5001-7501");
    EXPECT_EQ(flush(), "");
}

TEST_F(SenderAtTheWindow, BehindASmallOneThePartWaits) {
    write(100);
    EXPECT_EQ(flush(), "1-101");
    write(9000);
    EXPECT_EQ(flush(), "101-5101 5101-7101");
}

TEST_F(SenderAtTheWindow, NothingLeavesIntoAWindowSmallerThanTheNextSegment) {
    write(9000);
    flush();
    peer_window = 700;
    ack(7501);
    EXPECT_EQ(flush(), "");
    EXPECT_FALSE(sender.is_window_open());
    // RFC 9293 §3.8.6.1: the timer's probe takes what fits.
    Chunk* c = sender.next_probe(memory);
    ASSERT_NE(c, nullptr);
    EXPECT_EQ(c->range(), range(7501, 8201));
    EXPECT_TRUE(c->psh);
    sender.on_sent({c, false}, now);
    EXPECT_EQ(sender.next_probe(memory), nullptr);
    peer_window = 0;
    ack(8201);
    EXPECT_EQ(sender.next_probe(memory), nullptr) << "the window is shut";
}

TEST_F(SenderAtTheWindow, AFinBeyondTheWindowWaits) {
    write(7500);
    flush();
    sender.close(memory);
    EXPECT_EQ(flush(), "");
    EXPECT_FALSE(sender.is_window_open());
    ack(1001);
    EXPECT_EQ(flush(), "7501-7501F");
}

// RFC 9293 §3.8.6.2.1: where the peer never offers a full segment, half of the most it ever offered
// is one (Linux's tcp_bound_to_half_wnd).
struct ATinyWindow : testing::Test, Connected {
    ATinyWindow() : Connected{600} {}
};
TEST_F(ATinyWindow, IsUsedInHalves) {
    EXPECT_EQ(sender.mss(), 300);
    write(1000);
    EXPECT_EQ(flush(), "1-601");
    ack(301);
    EXPECT_EQ(flush(), "601-901");
    peer_window = 500'000;
    ack(601);
    EXPECT_EQ(sender.mss(), 1000);
}
struct TheLeastWindow : testing::Test, Connected {
    TheLeastWindow() : Connected{500} {}
};
TEST_F(TheLeastWindow, IsUsedWhole) { EXPECT_EQ(sender.mss(), 500); }

// --- acknowledgements ---

TEST_F(SenderRoom, AnAckIsJudgedByWhatWasSent) {
    write(5000);
    flush();
    ack(3001);
    EXPECT_EQ(sender.judge(at(5001)), Sender::Plausible::Yes);
    EXPECT_EQ(sender.judge(at(3001)), Sender::Plausible::Yes);
    EXPECT_EQ(sender.judge(at(5002)), Sender::Plausible::Unsent);
    EXPECT_EQ(sender.judge(at(3000)), Sender::Plausible::Old);
    EXPECT_EQ(sender.judge(at(1)), Sender::Plausible::Old);
    EXPECT_EQ(sender.judge(at(0)), Sender::Plausible::TooOld) << "RFC 5961 §5.2";
}

// SND.WL1, SND.WL2: an old segment does not take the window back.
TEST_F(SenderRoom, OnlyANewerSegmentMovesTheWindow) {
    write(1000);
    flush();
    const auto hear = [&](std::int64_t seq, std::int64_t size) {
        sender.on_ack({.ack = at(1), .window = size}, at(seq), 10, context());
        return sender.window();
    };
    EXPECT_EQ(hear(100, 5000), 5000);
    EXPECT_EQ(hear(50, 9000), 5000) << "older";
    EXPECT_EQ(hear(100, 7000), 7000) << "the same place, and more";
    EXPECT_EQ(hear(100, 6000), 7000) << "the same place, and less";
    EXPECT_EQ(hear(100, 0), 0) << "but shut is shut";
    EXPECT_EQ(hear(101, 10), 10);
}

TEST_F(SenderRoom, ARepetitionTellsNeitherANumberNorAWindow) {
    write(1000);
    flush();
    const ToSender known{.ack = at(1), .window = peer_window};
    EXPECT_TRUE(sender.is_repetition(known, at(1)));
    EXPECT_TRUE(sender.is_repetition({.ack = at(1), .window = peer_window - 1}, at(1)));
    EXPECT_FALSE(sender.is_repetition({.ack = at(1), .window = peer_window + 1}, at(1)));
    EXPECT_FALSE(sender.is_repetition({.ack = at(1), .window = 0}, at(1)));
    EXPECT_FALSE(sender.is_repetition({.ack = at(1001), .window = peer_window}, at(1)));
    EXPECT_FALSE(sender.is_repetition(known, at(2))) << "of a later segment: its window is newer";
}

TEST_F(SenderRoom, AnRttIsTakenOfWhatWasSentOnce) {
    write(2000);
    flush();
    now = ms(1100);
    EXPECT_EQ(ack(2001).sample.rtt, 100_ms);
    EXPECT_EQ(sender.rtt().smoothed(), 100_ms);
}

// A part of one segment tells nothing: when it came is not known, and its timer goes on.
TEST_F(SenderRoom, AnAckOfAPartOfASegmentIsNoSample) {
    write(1000);
    flush();
    now = ms(1100);
    const auto outcome = ack(501);
    EXPECT_TRUE(outcome.has_advanced);
    EXPECT_EQ(outcome.sample.newly_acked, 0);
    EXPECT_FALSE(outcome.sample.rtt);
}

// RFC 6298 §5.7, Karn: after a timeout the RTO stays doubled until something tells the round trip.
TEST_F(SenderRoom, AnAckOfWhatWasSentTwiceLeavesTheRtoDoubled) {
    write(1000);
    flush();
    now = ms(1100);
    ack(1001);
    ASSERT_EQ(sender.rtt().rto(kLimits), 300_ms);
    write(1000);
    flush();
    now = ms(1400);
    time_out();
    flush();
    now = ms(1500);
    EXPECT_FALSE(ack(2001).sample.rtt);
    EXPECT_EQ(sender.rtt().rto(kLimits), 600_ms);
    write(1000);
    flush();
    now = ms(1600);
    ack(3001);
    EXPECT_EQ(sender.rtt().rto(kLimits), 300_ms);
}

// RFC 7323 REQ-4.1
TEST_F(SenderRoom, ATimestampTellsTheRoundTripOfWhatWasSentTwice) {
    write(1000);
    flush();
    time_out();
    now = ms(1150);
    EXPECT_EQ(ack(1001, {}, 50_ms).sample.rtt, 50_ms);
    EXPECT_EQ(sender.rtt().backoffs(), 0);
}

TEST_F(SenderRoom, ATimestampOnAnAckOfNothingSaysNothing) {
    write(1000);
    flush();
    EXPECT_FALSE(ack(1, {}, 50_ms).sample.rtt);
}

// --- loss: sender_recovery_test.cpp ---

// A block that begins at the ACK says that what the ACK asks for is there: it is a lie, and believed
// it would keep the segment from ever being sent again.
TEST_F(SenderRoom, LiesInSacksAreNotBelieved) {
    write(10'000);
    flush();
    ack(1, {range(1, 5001)});
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "at the ACK";
    ack(1, {range(5001, 10'002)});
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "never sent";
    ack(1, {range(5001, 5001), range(6001, 5001)});
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "empty, and backwards";
    ack(2001, {range(1, 1001), range(1001, 3001)});
    EXPECT_EQ(sender.scoreboard().sacked(), 0) << "below the ACK: a DSACK";
    ack(2001, {range(9001, 10'001)});
    EXPECT_EQ(sender.scoreboard().sacked(), 1);
}

// RFC 8201 §5.4, RFC 1191 §6.5: what was sent in segments that are too large goes again in smaller
// ones; the window is not to blame.
TEST_F(SenderRoom, ASmallerPathCutsWhatMustGoAgain) {
    write(3000);
    flush();
    const std::int32_t before = window();
    sender.lower_mss(400, context());
    EXPECT_EQ(sender.mss(), 400);
    EXPECT_EQ(sender.scoreboard().out(), 8);
    EXPECT_EQ(sender.scoreboard().in_flight(), 0);
    EXPECT_EQ(flush(), "1-3001r");
    EXPECT_EQ(sender.buffer().chunks().first()->mss, 400);
    EXPECT_EQ(sender.scoreboard().in_flight(), 8);
    EXPECT_EQ(window(), before);
    EXPECT_EQ(sender.rtt().backoffs(), 0);
    EXPECT_EQ(sender.phase(), CongestionState::Loss);
    ack(3001);
    EXPECT_EQ(sender.scoreboard().out(), 0);
}

// --- silence ---

// RFC 2861 as Linux has it: a halving for each RTO that began after the first.
TEST_F(SenderRoom, SilenceBringsTheWindowDown) {
    for (int i = 0; i < 40; ++i) {
        write(window() * 1000);
        flush();
        now = now + 10_ms;
        ack(sender.next().value());
    }
    while (sender.has_unsent()) {  // who goes on with a packet is not asked
        flush();
        now = now + 10_ms;
        ack(sender.next().value());
    }
    ASSERT_GE(window(), 160);
    const std::int32_t before = window();
    sender.restart_if_idle(now + 190_ms, 200_ms, true, kInitialWindow);
    EXPECT_EQ(window(), before);
    sender.restart_if_idle(now - 10_ms + 500_ms, 200_ms, false, kInitialWindow);
    EXPECT_EQ(window(), before);
    sender.restart_if_idle(now - 10_ms + 500_ms, 200_ms, true, kInitialWindow);
    EXPECT_EQ(window(), before / 4);
}

TEST_F(SenderRoom, AWindowThatWasNotUsedDoesNotGrow) {
    for (int i = 0; i < 20; ++i) {
        write(1000);
        flush();
        ack(sender.next().value());
    }
    EXPECT_EQ(window(), 10);
}

// Any interleaving of writes, flushes, ACKs with truthful SACKs and timeouts delivers every byte.
TEST_F(SenderRoom, DeliversEverythingOverAPathThatLoses) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        Connected c;
        const bool sack = random.chance(1, 2);
        c.sender.set_uses_sack(sack);
        std::vector<bool> got(60'001);
        std::int64_t next = 1;  // of the receiver
        std::int64_t written = 1;
        for (int round = 0; round < 5000 && next < 60'001; ++round) {
            if (written < 60'001) {
                const auto n = std::min<std::int64_t>(
                    60'001 - written, static_cast<std::int64_t>(random.between(1, 6000)));
                c.write(n);
                written += n;
            }
            // A segment crosses the path, and its ACK comes back, or not.
            const auto cross = [&](Range r) {
                for (std::int64_t b = r.begin.value(); b < r.end.value(); b += kMss) {
                    if (random.chance(1, 5)) continue;  // lost
                    for (std::int64_t i = b; i < std::min(b + kMss, r.end.value()); ++i) {
                        got[static_cast<std::size_t>(i)] = true;
                    }
                    while (next < 60'001 && got[static_cast<std::size_t>(next)]) ++next;
                    ToSender a{.ack = at(next), .window = c.peer_window};
                    for (std::int64_t i = next; sack && i < 60'001 && a.sack_count < 3; ++i) {
                        if (!got[static_cast<std::size_t>(i)]) continue;
                        const std::int64_t begin = i;
                        while (i < 60'001 && got[static_cast<std::size_t>(i)]) ++i;
                        a.sack_blocks[a.sack_count++] = range(begin, i);
                    }
                    if (random.chance(1, 6)) continue;  // the ACK is lost
                    c.now = c.now + 1_ms;
                    if (c.sender.on_ack(a, at(1), 0, c.context()).has_advanced) c.timeouts = 0;
                    ASSERT_GE(c.sender.scoreboard().in_flight(), 0);
                }
            };
            int sent = 0;
            for (Sender::Plan p; (p = c.sender.next_segment({}, c.memory)).chunk != nullptr;) {
                ASSERT_LT(++sent, 500);
                const Range r = p.chunk->range();
                if (p.is_retransmission) c.retransmitted += p.chunk->segments;
                c.sender.on_sent(p, c.now);
                cross(r);
            }
            if (sent == 0) {
                c.now = c.now + 300_ms;
                if (!c.sender.has_out()) {
                    // The last ACK said all.
                    ASSERT_EQ(c.sender.una(), at(written));
                    continue;
                }
                c.time_out();
                const Chunk& first = *c.sender.buffer().chunks().first();
                ASSERT_EQ(first.begin, c.sender.una()) << "the oldest goes first";
                ASSERT_EQ(first.last_sent, c.now);
                cross(first.range());
            }
        }
        ASSERT_EQ(next, 60'001);
    }
}

}  // namespace
}  // namespace fairlead::tcp
