#include "tcp/send_buffer.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

TEST(SendBufferRoom, AWriteFillsTheLastUnsentChunkUpToTheGoal) {
    Written w;
    EXPECT_EQ(w.write(300, 1000, 100), 300);
    EXPECT_EQ(w.write(500, 1000, 100), 500);
    EXPECT_EQ(w.write(1500, 1000, 100), 1500);
    EXPECT_EQ(w.ranges(), (std::vector{range(1, 1001), range(1001, 2001), range(2001, 2301)}));
    EXPECT_EQ(w.buffer.end(), at(2301));
    EXPECT_EQ(w.buffer.bytes(), 2300);
    EXPECT_EQ(w.buffer.charged(), 2300 + 3 * SendBuffer::kChunkCharge);
    EXPECT_EQ(w.buffer.chunks().first()->segments, 10);
    EXPECT_EQ(w.buffer.chunks().last()->segments, 3);
    for (const Chunk* c = w.buffer.chunks().first(); c != nullptr; c = c->next) {
        EXPECT_EQ(content(*c), bytes_of(c->range()));
    }
}

TEST(SendBufferRoom, ASentChunkIsNotAppendedTo) {
    Written w;
    Scoreboard board;
    w.write(300, 1000, 100);
    w.send_next(board, 100, ms(0));
    w.write(10, 1000, 100);
    EXPECT_EQ(w.ranges(), (std::vector{range(1, 301), range(301, 311)}));
    EXPECT_EQ(w.buffer.first_unsent(), w.buffer.chunks().last());
}

TEST(SendBufferRoom, ARecordEndsItsChunk) {
    Written w;
    w.write(10, 1000, 100);
    w.buffer.chunks().last()->end_of_record = true;
    w.write(10, 1000, 100);
    EXPECT_EQ(w.ranges(), (std::vector{range(1, 11), range(11, 21)}));
}

TEST(SendBufferRoom, AnotherWriteTakesThePushAwayAndMoreOfTheSameDoesNot) {
    Written w;
    w.write(10, 1000, 100);
    w.buffer.chunks().last()->psh = true;
    w.write(10, 1000, 100);
    EXPECT_TRUE(w.buffer.chunks().last()->psh);
    w.buffer.begin_write(20);
    EXPECT_TRUE(w.buffer.chunks().last()->psh) << "it is full: the write begins behind it";
    w.buffer.begin_write(1000);
    EXPECT_FALSE(w.buffer.chunks().last()->psh);
}

TEST(SendBufferRoom, AFinEndsTheLastUnsentChunkOrStandsAlone) {
    Written w;
    Scoreboard board;
    w.write(50, 1000, 100);
    EXPECT_TRUE(w.buffer.append_fin(w.memory));
    const Chunk& both = *w.buffer.chunks().last();
    EXPECT_EQ(both.range(), range(1, 52));
    EXPECT_EQ(both.payload(), 50);
    EXPECT_EQ(both.segments, 1);
    EXPECT_EQ(w.buffer.end(), at(52));

    Written alone;
    alone.write(50, 1000, 100);
    alone.send_next(board, 100, ms(0));
    EXPECT_TRUE(alone.buffer.append_fin(alone.memory));
    EXPECT_EQ(alone.ranges(), (std::vector{range(1, 51), range(51, 52)}));
    EXPECT_EQ(alone.buffer.first_unsent()->payload(), 0);
}

TEST(SendBufferRoom, ASynIsOneNumberAndNoByte) {
    Written w;
    EXPECT_TRUE(w.buffer.append_syn(at(0), w.memory));
    EXPECT_EQ(w.ranges(), (std::vector{range(0, 1)}));
    EXPECT_EQ(w.buffer.first_unsent()->payload(), 0);
    EXPECT_EQ(w.buffer.end(), at(1));
}

TEST(SendBufferRoom, SplitLeavesEveryByteInItsPlaceAndTheFlagsAtTheEnds) {
    for (const std::int64_t cut : {1, 99, 100, 101, 150, 299, 300}) {
        SCOPED_TRACE(cut);
        Written w;
        w.write(300, 1000, 100);
        w.buffer.append_fin(w.memory);
        Chunk& c = *w.buffer.chunks().first();
        c.psh = c.end_of_record = c.is_lost = c.was_retransmitted = true;
        c.first_sent = ms(3);
        c.last_sent = ms(4);
        c.mss = 100;
        Chunk& rest = *w.buffer.split(c, cut, w.memory);
        EXPECT_EQ(c.range(), range(1, 1 + cut));
        EXPECT_EQ(rest.range(), range(1 + cut, 302));
        EXPECT_EQ(c.next, &rest);
        EXPECT_EQ(content(c), bytes_of(range(1, 1 + cut)));
        EXPECT_EQ(content(rest), bytes_of(range(1 + cut, 301)));
        EXPECT_FALSE(c.psh || c.fin || c.end_of_record);
        EXPECT_TRUE(rest.psh && rest.fin && rest.end_of_record);
        EXPECT_TRUE(c.is_lost && rest.is_lost && rest.was_retransmitted);
        EXPECT_EQ(rest.first_sent, ms(3));
        EXPECT_EQ(rest.last_sent, ms(4));
        EXPECT_EQ(rest.mss, 100);
        EXPECT_EQ(rest.payload(), 300 - cut);
        EXPECT_EQ(w.buffer.bytes(), 300);
    }
}

// Chunks of many slices (writes of several connections share one arena) cut and trimmed anywhere.
TEST(SendBufferRoom, RandomSplitsAndTrimsLoseNoByte) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        Written w;
        Written other;
        other.buffer.start_at(at(5'000'000'000));
        for (int i = 0; i < 40; ++i) {
            w.write(static_cast<std::int64_t>(random.between(1, 900)), 4000, 536);
            // Another connection's bytes come between in the same buffer.
            std::vector<std::byte> foreign(random.between(1, 50));
            other.buffer.write(foreign, 4000, 536, w.memory);
        }
        const std::int64_t total = w.buffer.bytes();
        for (int i = 0; i < 60; ++i) {
            std::vector<Chunk*> all;
            for (Chunk* c = w.buffer.chunks().first(); c != nullptr; c = c->next) all.push_back(c);
            Chunk& c = *all[random.below(all.size())];
            if (c.length() < 2) continue;
            const auto cut = static_cast<std::int64_t>(
                random.between(1, static_cast<std::uint64_t>(c.length()) - 1));
            ASSERT_NE(w.buffer.split(c, cut, w.memory), nullptr);
        }
        Position next = at(1);
        std::int64_t seen = 0;
        for (Chunk* c = w.buffer.chunks().first(); c != nullptr; c = c->next) {
            ASSERT_EQ(c->begin, next);
            ASSERT_EQ(content(*c), bytes_of(c->range()));
            seen += c->length();
            next = c->end;
            const auto off =
                static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(c->length())));
            c->trim_front(off);
            ASSERT_EQ(content(*c), bytes_of(c->range()));
        }
        EXPECT_EQ(seen, total);
        EXPECT_EQ(w.buffer.bytes(), total);
        other.buffer.clear(w.memory);
    }
}

TEST(SendBufferRoom, NothingIsTakenWhenThereIsNoMemory) {
    PacketPool pool{{.packets = 10, .buffer_bytes = 2 * PacketPool::kLargeBytes}};
    Slab<Chunk> chunks{3};
    WriteArena arena{pool};
    Slab<Backroom> backrooms;
    SendMemory memory{chunks, arena, backrooms};
    SendBuffer buffer;
    buffer.start_at(at(1));
    const std::vector<std::byte> bytes(200'000);
    const std::int64_t first = buffer.write(bytes, 30'000, 1000, memory);
    EXPECT_GT(first, 0);
    EXPECT_LE(first, 90'000);
    EXPECT_EQ(buffer.bytes(), first);
    EXPECT_EQ(buffer.end(), at(1 + first));
    EXPECT_EQ(buffer.write(bytes, 30'000, 1000, memory), 0);
    EXPECT_EQ(buffer.end(), at(1 + first));
    buffer.clear(memory);
    EXPECT_EQ(buffer.write(bytes, 30'000, 1000, memory), first);
    buffer.clear(memory);
    EXPECT_EQ(chunks.size(), 0u);
}

}  // namespace
}  // namespace fairlead::tcp
