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
    Scoreboard::Sacked sack(std::initializer_list<Range> blocks) {
        const std::vector<Range> all{blocks};
        return board.on_sacks(all, buffer, memory);
    }
    Scoreboard::Acked ack(std::int64_t position) {
        return board.on_ack(at(position), buffer, memory);
    }
    // The marks on the chunks add up to the counts.
    void check() const {
        std::int32_t out = 0, sacked = 0, lost = 0, retransmitted = 0;
        for (const Chunk* c = buffer.chunks().first(); c != buffer.first_unsent(); c = c->next) {
            out += c->segments;
            if (c->is_sacked) sacked += c->segments;
            if (c->is_lost) lost += c->segments;
            if (c->is_retransmitted) retransmitted += c->segments;
            EXPECT_FALSE(c->is_sacked && (c->is_lost || c->is_retransmitted));
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

// RFC 6675 §4: lost is what has three segments SACKed above it.
TEST(ScoreboardRoom, ThreeSackedAboveMakeALoss) {
    Flight f{1};
    f.sack({range(2001, 4001)});
    EXPECT_EQ(f.board.mark_lost_below_sacked(f.buffer, 3), 0);
    f.sack({range(5001, 6001)});
    EXPECT_EQ(f.board.mark_lost_below_sacked(f.buffer, 3), 2);
    EXPECT_EQ(f.board.lost(), 2);  // [1, 2001); above [4001, 5001) there is only one
    EXPECT_EQ(f.board.in_flight(), 10 - 3 - 2);
    EXPECT_EQ(f.board.mark_lost_below_sacked(f.buffer, 3), 0) << "told twice";
    f.check();
}

TEST(ScoreboardRoom, ARetransmissionInFlightIsNotLostAgainByTheSameSacks) {
    Flight f{1};
    f.sack({range(1001, 4001)});
    f.board.mark_lost_below_sacked(f.buffer, 3);
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(9));
    EXPECT_EQ(f.board.in_flight(), 10 - 3 - 1 + 1);
    f.sack({range(1001, 6001)});
    EXPECT_EQ(f.board.mark_lost_below_sacked(f.buffer, 3), 0);
    f.check();
}

TEST(ScoreboardRoom, ASackOfALostSegmentFindsIt) {
    Flight f{1};
    f.sack({range(2001, 5001)});
    f.board.mark_lost_below_sacked(f.buffer, 3);
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
    EXPECT_EQ(f.board.mark_all_lost(f.buffer), 8);
    EXPECT_EQ(f.board.in_flight(), 0);
    f.check();
    f.board.on_retransmitted(*f.buffer.chunks().first(), ms(300));
    EXPECT_EQ(f.board.in_flight(), 3);
    EXPECT_EQ(f.board.mark_all_lost(f.buffer), 8) << "the retransmission is lost as well";
    EXPECT_EQ(f.board.in_flight(), 0);
    f.check();
}

// RFC 2018 §8: a receiver may take back what it SACKed. When the timer rings and the oldest
// segment is SACKed, it did; no mark can be believed, and the oldest must go again.
TEST(ScoreboardRoom, ATimeoutWithTheOldestSackedBelievesNoSack) {
    Flight f{5};
    f.sack({range(1, 2001), range(4001, 10001)});
    EXPECT_EQ(f.board.mark_all_lost(f.buffer), 10);
    EXPECT_EQ(f.board.sacked(), 0);
    EXPECT_TRUE(f.sacked_ranges().empty());
    f.check();
}

TEST(ScoreboardRoom, WithoutSackTheFirstSegmentIsCutOffAndLost) {
    Flight f{10};
    for (int i = 0; i < 3; ++i) f.board.count_duplicate_ack();
    EXPECT_EQ(f.board.mark_first_lost(f.buffer, f.memory), 1);
    EXPECT_EQ(f.buffer.chunks().first()->range(), range(1, 1001));
    EXPECT_EQ(f.board.lost(), 1);
    EXPECT_EQ(f.board.in_flight(), 10 - 3 - 1);
    EXPECT_EQ(f.board.mark_first_lost(f.buffer, f.memory), 0) << "it is lost already";
}

TEST(ScoreboardRoom, DuplicateAcksNeverStandForMoreThanIsOut) {
    Flight f{10, 3};
    for (int i = 0; i < 9; ++i) f.board.count_duplicate_ack();
    EXPECT_EQ(f.board.sacked(), 3);
    EXPECT_EQ(f.board.in_flight(), 0);
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
                    ASSERT_EQ(f.board.on_sacks(blocks, f.buffer, f.memory).segments, fresh);
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
                case 3: {  // losses by SACKs above
                    std::int32_t newly = 0;
                    for (int s = una; s < total; ++s) {
                        int above = 0;
                        for (int t = s + 1; t < total; ++t) {
                            above += model[static_cast<std::size_t>(t)].sacked ? 1 : 0;
                        }
                        Segment& m = model[static_cast<std::size_t>(s)];
                        if (above < 3 || m.sacked || m.lost || m.retransmitted) continue;
                        m.lost = true;
                        ++newly;
                    }
                    ASSERT_EQ(f.board.mark_lost_below_sacked(f.buffer, 3), newly);
                    break;
                }
                case 4: {  // a lost chunk goes again, or a part of it
                    for (Chunk* c = f.buffer.chunks().first(); c != nullptr; c = c->next) {
                        if (!c->is_lost || c->is_retransmitted) continue;
                        if (c->segments > 1 && random.chance(1, 2)) {
                            Chunk* rest = f.buffer.split(*c, kMss, f.memory);
                            f.board.recount(*c, *rest);
                        }
                        f.board.on_retransmitted(*c, ms(step));
                        for (Position p = c->begin; p < c->end; p = p + kMss) {
                            model[static_cast<std::size_t>(p.value() / kMss)].retransmitted = true;
                        }
                        break;
                    }
                    break;
                }
                default: {
                    if (!random.chance(1, 4)) break;
                    f.board.mark_all_lost(f.buffer);
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
