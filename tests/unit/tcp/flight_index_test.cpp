#include "tcp/flight_index.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr std::uint16_t kMss = 1000;

// `segments` out, a chunk each, sent at 0.
struct Indexed : Written {
    explicit Indexed(int segments) {
        write(std::int64_t{kMss} * segments, kMss, kMss);
        while (buffer.first_unsent() != nullptr) send_next(board, kMss, ms(0));
        board.follow(&index, buffer);
    }
    Scoreboard::Sacked sack(Range block) {
        return board.on_sacks({&block, 1}, {.rack = &rack}, highest, buffer, memory);
    }
    static Range segments(std::int64_t from, std::int64_t to) {
        return range(1 + from * kMss, 1 + to * kMss);
    }
    Scoreboard board;
    FlightIndex index;
    Rack rack;
    Position highest{};
};

TEST(FlightIndexRoom, FindsWhatNoSackHasReported) {
    Indexed f{10};
    f.sack(Indexed::segments(2, 5));
    EXPECT_EQ(f.index.first_ending_above(at(1))->begin, at(1));
    EXPECT_EQ(f.index.first_ending_above(at(2001))->begin, at(5001));
    EXPECT_EQ(f.index.first_ending_above(at(5001))->begin, at(5001));
    EXPECT_EQ(f.index.first_ending_above(at(10'001)), nullptr);
}

TEST(FlightIndexRoom, WhatGoesAgainIsTheLastInTime) {
    Indexed f{3};
    Chunk* first = f.index.first_sent();
    EXPECT_EQ(first->begin, at(1));
    f.index.on_lost(*first);
    EXPECT_EQ(f.index.first_lost(), first);
    EXPECT_EQ(f.index.first_sent()->begin, at(1001));
    f.board.on_retransmitted(*first, ms(9));
    EXPECT_EQ(f.index.first_lost(), nullptr);
    EXPECT_EQ(f.index.first_sent()->filing.after->filing.after, first);
}

TEST(FlightIndexRoom, TheLostAreKeptInStreamOrderHoweverTheyAreFound) {
    Indexed f{6};
    std::vector<Chunk*> all;
    for (Chunk* c = f.buffer.chunks().first(); c != nullptr; c = c->next) all.push_back(c);
    for (const std::size_t i : {3u, 5u, 0u, 4u, 1u, 2u}) f.index.on_lost(*all[i]);
    Chunk* c = f.index.first_lost();
    for (Chunk* expected : all) {
        ASSERT_EQ(c, expected);
        c = c->filing.after;
    }
    EXPECT_EQ(c, nullptr);
}

// Steps for an ACK that reports one more segment above a hole, and for one that fills it.
std::uint64_t steps_for_a_report(int in_flight) {
    Indexed f{in_flight};
    f.sack(Indexed::segments(1, in_flight / 2));
    const std::uint64_t before = f.index.steps();
    const int reports = in_flight / 4;
    for (int i = 0; i < reports; ++i) {
        f.sack(Indexed::segments(1, in_flight / 2 + i + 1));
        f.board.mark_overdue(f.rack, 10_ms, ms(1));
    }
    return (f.index.steps() - before) / static_cast<std::uint64_t>(reports);
}

// Twice the logarithm, not a thousand times the work.
TEST(FlightIndexRoom, AReportCostsTheSameHoweverMuchIsInFlight) {
    const std::uint64_t few = steps_for_a_report(100);
    const std::uint64_t many = steps_for_a_report(100'000);
    EXPECT_LE(many, 5 * few) << few << " and " << many;
    EXPECT_LE(many, 150u);
}

// A peer that names places at random, over and over, what it said before among them: each block is
// a look-up, and what it newly reports.
TEST(FlightIndexRoom, LyingBlocksCostNoMoreThanALookUpEach) {
    constexpr int kInFlight = 20'000;
    Indexed f{kInFlight};
    Prng random{7};
    std::uint64_t worst = 0;
    for (int i = 0; i < 2000; ++i) {
        const auto from = static_cast<std::int64_t>(random.below(kInFlight));
        const auto to = static_cast<std::int64_t>(random.between(1, kInFlight));
        const std::uint64_t before = f.index.steps();
        const Scoreboard::Sacked sacked = f.sack(Indexed::segments(from, std::max(from, to)));
        const std::uint64_t steps = f.index.steps() - before;
        worst = std::max(worst,
                         steps - std::min(steps, std::uint64_t{80} *
                                                     static_cast<std::uint64_t>(sacked.segments)));
    }
    EXPECT_LE(worst, 80u);
    EXPECT_LE(f.chunks.size(), kInFlight);
}

}  // namespace
}  // namespace fairlead::tcp
