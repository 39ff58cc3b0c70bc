#include "tcp/scoreboard.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::uint16_t kMss = 1000;

// Ten segments out, in chunks of `per_chunk`, the first byte at 1.
struct Flight : Written {
    explicit Flight(int per_chunk, int segments = 10) {
        write(std::int64_t{kMss} * segments, std::int64_t{kMss} * per_chunk, kMss);
        while (buffer.first_unsent() != nullptr) send_next(board, kMss, ms(0));
    }
    Scoreboard::Sacked sack(const std::vector<Range>& blocks) {
        find();
        return board.on_sacks(blocks, {.rack = &rack}, highest, buffer, memory);
    }
    Scoreboard::Acked ack(std::int64_t position) {
        return board.on_ack(at(position), {}, buffer, memory);
    }
    // From now on there is an index.
    void find() {
        if (!std::exchange(has_index, true)) board.follow(&index, buffer);
    }
    // What was sent before `sent` is lost, if it has not arrived.
    Scoreboard::Lost lose_before(Instant sent, Position end = at(INT64_MAX)) {
        find();
        Rack late;
        late.on_delivered({sent, end}, sent, Duration{});
        return board.mark_overdue(late, Duration{}, sent);
    }
    Scoreboard::Lost time_out() {
        find();
        return board.mark_timed_out(buffer, Rack{}, ms(1000));
    }
    // The marks on the chunks add up to the counts.
    void check() const {
        std::int32_t out = 0, sacked = 0, lost = 0, retransmitted = 0;
        for (const Chunk* c = buffer.chunks().first(); c != buffer.first_unsent(); c = c->next) {
            out += c->segments;
            if (c->is_sacked) sacked += c->segments;
            if (c->is_lost) lost += c->segments;
            if (c->is_retransmitted) retransmitted += c->segments;
            EXPECT_FALSE(c->is_sacked && c->is_lost);
        }
        EXPECT_EQ(board.out(), out);
        EXPECT_EQ(board.sacked(), sacked);
        EXPECT_EQ(board.lost(), lost);
        EXPECT_EQ(board.retransmitted(), retransmitted);
        EXPECT_EQ(board.in_flight(), out - sacked - lost + retransmitted);
        EXPECT_GE(board.in_flight(), 0);
    }
    std::vector<Range> sacked_ranges() const {
        std::vector<Range> out;
        for (const Chunk* c = buffer.chunks().first(); c != nullptr; c = c->next) {
            if (c->is_sacked) out.push_back(c->range());
        }
        return out;
    }

    FlightIndex index;
    bool has_index = false;
    Rack rack;
    Position highest{};
    Scoreboard board;
};

TEST(ScoreboardRoom, CountsSegmentsAndNotChunks) {
    Flight f{4};
    EXPECT_EQ(f.ranges().size(), 3u);
    EXPECT_EQ(f.board.out(), 10);
    EXPECT_EQ(f.board.in_flight(), 10);
    f.check();
}

TEST(ScoreboardRoom, AnAckInTheMiddleOfAChunkTakesItsFrontAway) {
    Flight f{10};
    Scoreboard::Acked acked = f.ack(1 + 2500);
    EXPECT_EQ(acked.segments, 2);
    EXPECT_EQ(acked.bytes, 2500);
    EXPECT_EQ(f.board.out(), 8);
    EXPECT_EQ(f.buffer.bytes(), 7500);
    EXPECT_EQ(content(*f.buffer.chunks().first()), bytes_of(range(2501, 10001)));
    acked = f.ack(10001);
    EXPECT_EQ(acked.segments, 8);
    EXPECT_EQ(acked.bytes, 7500);
    EXPECT_TRUE(f.buffer.chunks().empty());
    f.check();
}

TEST(ScoreboardRoom, TheOldestUnsackedStampMakesTheSample) {
    Flight f{1, 2};
    f.write(1000, 1000, kMss);
    f.send_next(f.board, kMss, ms(7));
    const Scoreboard::Acked acked = f.ack(3001);
    EXPECT_EQ(acked.first_sent, ms(0));
    EXPECT_EQ(acked.last_sent, ms(7));
    EXPECT_FALSE(acked.had_retransmitted);
}

TEST(ScoreboardRoom, WhatWasSentTwiceSaysNothingOfTheRoundTrip) {
    Flight f{1, 3};
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(5));
    EXPECT_EQ(f.board.retransmitted(), 1);
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(6));
    EXPECT_EQ(f.board.retransmitted(), 1);
    const Scoreboard::Acked acked = f.ack(1001);
    EXPECT_TRUE(acked.had_retransmitted);
    EXPECT_FALSE(acked.first_sent);
    EXPECT_EQ(f.board.retransmitted(), 0);
    f.check();
}

TEST(ScoreboardRoom, ASackCutsAChunkAtSegments) {
    Flight f{10};
    EXPECT_EQ(f.sack({range(2001, 4001), range(7001, 8001)}).segments, 3);
    EXPECT_EQ(f.sacked_ranges(), (std::vector{range(2001, 4001), range(7001, 8001)}));
    EXPECT_EQ(f.board.sacked(), 3);
    EXPECT_EQ(f.board.in_flight(), 7);
    EXPECT_EQ(f.sack({range(2001, 4001), range(7001, 8001)}).segments, 0) << "told twice";
    f.check();
}

TEST(ScoreboardRoom, TheOrderOfTheBlocksDoesNotMatter) {
    Flight f{10};
    EXPECT_EQ(f.sack({range(7001, 8001), range(1001, 2001), range(4001, 5001)}).segments, 3);
    EXPECT_EQ(f.sacked_ranges(),
              (std::vector{range(1001, 2001), range(4001, 5001), range(7001, 8001)}));
    f.check();
}

// Linux's tcp_match_skb_to_sack(): a segment of which only a part was reported is not SACKed, its
// neighbours that lie wholly inside are.
TEST(ScoreboardRoom, ASegmentSackedInPartIsNotSacked) {
    Flight f{10};
    EXPECT_EQ(f.sack({range(1501, 4501)}).segments, 2);
    EXPECT_EQ(f.sacked_ranges(), (std::vector{range(2001, 4001)}));
    f.check();
    Flight single{1};
    EXPECT_EQ(single.sack({range(1501, 4501)}).segments, 2);
    EXPECT_EQ(single.sacked_ranges(), (std::vector{range(2001, 3001), range(3001, 4001)}));
    single.check();
    Flight none{10};
    EXPECT_EQ(none.sack({range(1501, 1900)}).segments, 0);
    EXPECT_TRUE(none.sacked_ranges().empty());
    none.check();
}

TEST(ScoreboardRoom, TheShortSegmentAtTheEndIsSackedWhole) {
    Flight f{10, 2};
    f.write(300, 10'000, kMss);
    f.send_next(f.board, kMss, ms(0));
    EXPECT_EQ(f.sack({range(2001, 2301)}).segments, 1);
    EXPECT_EQ(f.sacked_ranges(), (std::vector{range(2001, 2301)}));
    f.check();
}

// RFC 8985 §6.2: lost is what was sent before something that arrived, and waited for.
TEST(ScoreboardRoom, WhatWasOvertakenIsLost) {
    Flight f{1, 4};
    f.write(3000, 1000, kMss);
    while (f.buffer.first_unsent() != nullptr) f.send_next(f.board, kMss, ms(5));
    f.sack({range(5001, 6001)});
    Rack rack;
    rack.on_delivered({ms(5), at(6001)}, ms(55), Duration{});
    const Scoreboard::Lost patient = f.board.mark_overdue(rack, 100_ms, ms(55));
    EXPECT_EQ(patient.segments, 0);
    EXPECT_EQ(patient.wait, 100_ms) << "for the last of them, sent at 5 ms";
    EXPECT_EQ(f.board.mark_overdue(rack, 100_ms, ms(150)).segments, 4) << "sent at 0 ms";
    EXPECT_EQ(f.board.mark_overdue(rack, 100_ms, ms(155)).segments, 1);
    EXPECT_EQ(f.board.lost(), 5);
    EXPECT_EQ(f.board.in_flight(), 7 - 1 - 5);
    EXPECT_EQ(f.lose_before(ms(5), at(6001)).segments, 0) << "told twice";
    f.check();
}

TEST(ScoreboardRoom, ARetransmissionIsLostWhenItIsOvertakenItself) {
    Flight f{1};
    f.sack({range(1001, 4001)});
    f.lose_before(ms(0), at(4001));
    ASSERT_EQ(f.board.lost(), 1);
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(9));
    EXPECT_EQ(f.board.in_flight(), 10 - 3 - 1 + 1);
    EXPECT_EQ(f.lose_before(ms(8)).segments, 6) << "not the one that left later";
    EXPECT_EQ(f.board.retransmitted(), 1);
    EXPECT_EQ(f.board.first_lost()->begin, at(4001));
    EXPECT_EQ(f.lose_before(ms(10)).retransmissions, 1);
    EXPECT_EQ(f.board.retransmitted(), 0);
    EXPECT_EQ(f.board.first_lost()->begin, at(1));
    f.check();
}

TEST(ScoreboardRoom, ASackOfALostSegmentFindsIt) {
    Flight f{1};
    f.sack({range(2001, 5001)});
    f.lose_before(ms(0), at(5001));
    EXPECT_EQ(f.board.lost(), 2);
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(9));
    f.sack({range(1001, 5001)});
    EXPECT_EQ(f.board.lost(), 1);
    f.check();
    f.sack({range(1, 5001)});
    EXPECT_EQ(f.board.lost(), 0);
    EXPECT_EQ(f.board.retransmitted(), 0);
    f.check();
}

TEST(ScoreboardRoom, ATimeoutLosesAllThatWasNotSacked) {
    Flight f{5};
    f.sack({range(3001, 5001)});
    EXPECT_EQ(f.time_out().segments, 8);
    EXPECT_EQ(f.board.in_flight(), 0);
    f.check();
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(300));
    EXPECT_EQ(f.board.in_flight(), 3);
    EXPECT_EQ(f.time_out().retransmissions, 3) << "the retransmission is lost as well";
    EXPECT_EQ(f.board.in_flight(), 0);
    f.check();
}

// tcp_timeout_mark_lost(): but the first, what left less than a round trip ago may yet arrive.
TEST(ScoreboardRoom, ATimeoutDoesNotLoseWhatHasJustLeft) {
    Flight f{1, 2};
    f.write(1000, 1000, kMss);
    f.send_next(f.board, kMss, ms(150));
    f.find();
    const Rack rack{100_ms};
    EXPECT_EQ(f.board.mark_timed_out(f.buffer, rack, ms(200)).segments, 2);
    EXPECT_EQ(f.board.in_flight(), 1);
    f.check();
}

// RFC 2018 §8: a receiver may take back what it SACKed. When the timer rings and the oldest
// segment is SACKed, it did; no mark can be believed, and the oldest must go again.
TEST(ScoreboardRoom, ATimeoutWithTheOldestSackedBelievesNoSack) {
    Flight f{5};
    f.sack({range(1, 2001), range(4001, 10001)});
    EXPECT_EQ(f.time_out().segments, 10);
    EXPECT_EQ(f.board.sacked(), 0);
    EXPECT_TRUE(f.sacked_ranges().empty());
    f.check();
}

TEST(ScoreboardRoom, WhenItWasAMistakeNothingIsLostAndAllIsWatchedAgain) {
    Flight f{1};
    f.time_out();
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(300));
    f.board.forget_losses(f.buffer);
    EXPECT_EQ(f.board.lost(), 0);
    EXPECT_EQ(f.board.retransmitted(), 1) << "it is on its way all the same";
    EXPECT_EQ(f.board.first_lost(), nullptr);
    f.check();
    EXPECT_EQ(f.lose_before(ms(1)).segments, 9);
}

// Linux strikes what RACK finds lost off its list; being sent again brings it back.
TEST(ScoreboardRoom, WhatRackGaveUpByMistakeIsNotFoundLostTwice) {
    Flight f{1};
    EXPECT_EQ(f.lose_before(ms(1)).segments, 10);
    f.board.forget_losses(f.buffer);
    EXPECT_EQ(f.board.lost(), 0);
    EXPECT_EQ(f.lose_before(ms(2)).segments, 0);
    f.check();
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(3));
    EXPECT_EQ(f.lose_before(ms(4)).segments, 1);
    f.ack(2001);
    f.sack({range(4001, 5001)});
    EXPECT_EQ(f.time_out().segments, 7);
    EXPECT_EQ(f.board.first_lost(), f.buffer.chunks().first());
    f.check();
}

// tcp_skb_spurious_retrans()
TEST(ScoreboardRoom, AnEchoOfTheOriginalTellsRackNothing) {
    Flight f{1};
    f.find();
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(300));
    const auto ack = [&](std::int64_t position, Instant echoed) {
        f.board.on_ack(at(position), {.now = ms(400), .echoed = echoed, .rack = &f.rack}, f.buffer,
                       f.memory);
        return f.rack.take_news();
    };
    EXPECT_FALSE(ack(1001, ms(0)));
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(300));
    EXPECT_TRUE(ack(2001, ms(300)));
    EXPECT_TRUE(f.rack.is_overtaken(ms(299), at(9001)));
    EXPECT_TRUE(ack(3001, ms(0))) << "sent once";
}

TEST(ScoreboardRoom, WithoutSackTheFirstSegmentIsCutOffAndLost) {
    Flight f{10};
    f.find();
    for (int i = 0; i < 3; ++i) f.board.count_duplicate_ack();
    EXPECT_EQ(f.board.mark_first_lost(f.buffer, f.memory).segments, 1);
    EXPECT_EQ(f.buffer.chunks().first()->range(), range(1, 1001));
    EXPECT_EQ(f.board.lost(), 1);
    EXPECT_EQ(f.board.in_flight(), 10 - 3 - 1);
    EXPECT_EQ(f.board.mark_first_lost(f.buffer, f.memory).segments, 0) << "it is lost already";
}

// tcp_limit_reno_sacked(): at least one is missing, or there would be no duplicates.
TEST(ScoreboardRoom, DuplicateAcksNeverStandForMoreThanIsOut) {
    Flight f{10, 3};
    f.find();
    EXPECT_FALSE(f.board.count_duplicate_ack());
    EXPECT_FALSE(f.board.count_duplicate_ack());
    for (int i = 0; i < 7; ++i) EXPECT_TRUE(f.board.count_duplicate_ack()) << "reordering";
    EXPECT_EQ(f.board.sacked(), 2);
    EXPECT_EQ(f.board.in_flight(), 1);
    f.board.mark_first_lost(f.buffer, f.memory);
    EXPECT_EQ(f.board.sacked(), 2);
    EXPECT_EQ(f.board.in_flight(), 0);
}

// A partial ACK for n segments: one was the retransmission, n - 1 had sent duplicates.
TEST(ScoreboardRoom, APartialAckTakesDuplicatesBack) {
    Flight f{1};
    for (int i = 0; i < 5; ++i) f.board.count_duplicate_ack();
    const Scoreboard::Acked acked = f.ack(3001);
    f.board.forget_duplicate_acks(acked.segments);
    EXPECT_EQ(f.board.sacked(), 3);
    EXPECT_EQ(f.board.in_flight(), 4);
    f.board.forget_duplicate_acks(100);
    EXPECT_EQ(f.board.sacked(), 0);
}

// Any sequence of SACKs, ACKs, splits, losses and retransmissions beside a model of one record a
// segment.
TEST(ScoreboardRoom, AgreesWithAModelOfSingleSegments) {
    struct Segment {
        bool sacked = false, lost = false, retransmitted = false;
        int sent = 0;
    };
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        const auto per_chunk = static_cast<int>(random.between(1, 12));
        const int total = 60;
        Flight f{per_chunk, total};
        std::vector<Segment> model(total);
        int una = 0;
        const auto edge = [](int segment) { return 1 + std::int64_t{kMss} * segment; };
        for (int step = 0; step < 120 && una < total; ++step) {
            switch (random.below(6)) {
                case 0:
                case 1: {  // SACKs, of whole segments
                    std::vector<Range> blocks;
                    std::int32_t fresh = 0;
                    for (std::uint64_t i = 0; i < random.between(1, 4); ++i) {
                        const auto from = static_cast<int>(
                            random.between(static_cast<std::uint64_t>(una), total - 1));
                        const int to =
                            std::min(total, from + static_cast<int>(random.between(1, 5)));
                        blocks.push_back(range(edge(from), edge(to)));
                        for (int s = from; s < to; ++s) {
                            if (!model[static_cast<std::size_t>(s)].sacked) ++fresh;
                            model[static_cast<std::size_t>(s)] = {.sacked = true};
                        }
                    }
                    ASSERT_EQ(f.sack(blocks).segments, fresh);
                    break;
                }
                case 2: {  // an ACK
                    const int to = std::min(total, una + static_cast<int>(random.below(6)));
                    const auto acked = f.ack(edge(to));
                    ASSERT_EQ(acked.segments, to - una);
                    std::int32_t sacked_before = 0;
                    for (int s = una; s < to; ++s) {
                        sacked_before += model[static_cast<std::size_t>(s)].sacked ? 1 : 0;
                    }
                    ASSERT_EQ(acked.sacked_before, sacked_before);
                    ASSERT_EQ(acked.bytes, std::int64_t{kMss} * (to - una));
                    una = to;
                    break;
                }
                case 3: {  // losses of what was sent before
                    std::int32_t newly = 0;
                    const auto before = static_cast<int>(random.below(120));
                    for (int s = una; s < total; ++s) {
                        Segment& m = model[static_cast<std::size_t>(s)];
                        if (m.sacked || m.sent >= before || (m.lost && !m.retransmitted)) continue;
                        m.lost = true;
                        m.retransmitted = false;
                        ++newly;
                    }
                    ASSERT_EQ(f.lose_before(ms(before), at(0)).segments, newly);
                    break;
                }
                case 4: {  // a lost chunk goes again, or a part of it
                    f.find();
                    if (Chunk* c = f.board.first_lost(); c != nullptr) {
                        ASSERT_TRUE(c->is_lost && !c->is_retransmitted);
                        if (c->segments > 1 && random.chance(1, 2)) {
                            Chunk* rest = f.buffer.split(*c, kMss, f.memory);
                            f.board.recount(*c, *rest);
                        }
                        f.board.on_retransmitted(*c, ms(step));
                        for (Position p = c->begin; p < c->end; p = p + kMss) {
                            Segment& m = model[static_cast<std::size_t>(p.value() / kMss)];
                            m.retransmitted = true;
                            m.sent = step;
                        }
                    }
                    break;
                }
                default: {
                    if (!random.chance(1, 4)) break;
                    f.time_out();
                    const bool reneged = model[static_cast<std::size_t>(una)].sacked;
                    for (int s = una; s < total; ++s) {
                        Segment& m = model[static_cast<std::size_t>(s)];
                        if (reneged) m.sacked = false;
                        m.lost = !m.sacked;
                        m.retransmitted = false;
                    }
                }
            }
            std::int32_t sacked = 0, lost = 0, retransmitted = 0;
            for (int s = una; s < total; ++s) {
                const Segment& m = model[static_cast<std::size_t>(s)];
                sacked += m.sacked ? 1 : 0;
                lost += m.lost ? 1 : 0;
                retransmitted += m.retransmitted ? 1 : 0;
            }
            ASSERT_EQ(f.board.out(), total - una);
            ASSERT_EQ(f.board.sacked(), sacked);
            ASSERT_EQ(f.board.lost(), lost);
            ASSERT_EQ(f.board.retransmitted(), retransmitted);
            f.check();
            if (testing::Test::HasFailure()) return;
        }
    }
}

}  // namespace
}  // namespace fairlead::tcp
