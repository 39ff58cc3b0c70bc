#include "tcp/reassembly.hpp"

#include <map>

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

class ReassemblyRoom : public testing::Test {
protected:
    Reassembly::Inserted insert(std::int64_t begin, std::int64_t end) {
        return room.insert(at(begin), pool.copy(bytes_of(range(begin, end))));
    }
    // What take() gives from `next` on, as one range; checks each byte.
    Range take_all(std::int64_t next) {
        Position end = at(next);
        while (PacketPtr packet = room.take(end).packet) {
            EXPECT_EQ(packet->place, end.value());
            const Range got{end, end + static_cast<std::int64_t>(packet->size())};
            EXPECT_EQ(content(*packet), bytes_of(got));
            end = got.end;
        }
        return {at(next), end};
    }

    PacketPool pool;
    Reassembly room;
};

TEST_F(ReassemblyRoom, KeepsARunUntilTheGapBeforeItIsFilled) {
    const auto done = insert(100, 200);
    EXPECT_EQ(done.run, range(100, 200));
    EXPECT_TRUE(done.duplicate.empty());
    EXPECT_EQ(room.take(at(50)).packet, nullptr);
    EXPECT_EQ(room.take(at(99)).packet, nullptr);
    EXPECT_EQ(take_all(100), range(100, 200));
    EXPECT_TRUE(room.empty());
    EXPECT_EQ(room.bytes(), 0);
}

TEST_F(ReassemblyRoom, RunsThatTouchBecomeOne) {
    insert(100, 200);
    insert(300, 400);
    EXPECT_EQ(room.run_count(), 2u);
    EXPECT_EQ(insert(200, 300).run, range(100, 400));
    EXPECT_EQ(room.run_count(), 1u);
    EXPECT_EQ(insert(50, 100).run, range(50, 400));
    EXPECT_EQ(insert(400, 401).run, range(50, 401));
    EXPECT_EQ(room.bytes(), 351);
    EXPECT_EQ(room.highest(), at(401));
    EXPECT_EQ(take_all(50), range(50, 401));
}

TEST_F(ReassemblyRoom, AnOverlapIsReportedAndKeptOnce) {
    insert(100, 200);
    auto done = insert(150, 250);
    EXPECT_EQ(done.duplicate, range(150, 200));
    EXPECT_EQ(done.run, range(100, 250));
    done = insert(50, 120);
    EXPECT_EQ(done.duplicate, range(100, 120));
    EXPECT_EQ(done.run, range(50, 250));
    done = insert(60, 70);
    EXPECT_EQ(done.duplicate, range(60, 70));
    EXPECT_EQ(done.run, range(50, 250));
    EXPECT_EQ(take_all(50), range(50, 250));
}

TEST_F(ReassemblyRoom, WhatASegmentCoversIsReplacedByIt) {
    insert(100, 110);
    insert(120, 130);
    insert(140, 150);
    insert(165, 170);
    const auto done = insert(105, 160);
    EXPECT_EQ(done.duplicate, range(105, 110));
    EXPECT_EQ(done.run, range(100, 160));
    EXPECT_EQ(room.run_count(), 2u);
    EXPECT_EQ(room.bytes(), 65);
    EXPECT_EQ(take_all(100), range(100, 160));
    EXPECT_EQ(pool.usage().packets, 1u);  // that of [165, 170)
}

TEST_F(ReassemblyRoom, WhatWasReadMeanwhileIsDroppedOnTheWay) {
    insert(100, 110);
    insert(110, 120);
    insert(130, 140);
    EXPECT_EQ(take_all(115), range(115, 120));
    EXPECT_EQ(take_all(200), range(200, 200));
    EXPECT_TRUE(room.empty());
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST_F(ReassemblyRoom, RefusesOneRunTooManyAndStillTakesWhatTouches) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(Reassembly::kMostRuns); ++i) {
        ASSERT_FALSE(insert(10 * i, 10 * i + 1).refused);
    }
    const std::size_t packets = pool.usage().packets;
    EXPECT_TRUE(insert(5, 6).refused);
    EXPECT_EQ(pool.usage().packets, packets);
    EXPECT_EQ(room.bytes(), static_cast<std::int64_t>(Reassembly::kMostRuns));
    EXPECT_FALSE(insert(1, 2).refused);   // touches the first
    EXPECT_FALSE(insert(9, 10).refused);  // touches the second from below
    EXPECT_TRUE(insert(5, 6).refused);
    EXPECT_FALSE(insert(2, 9).refused);              // joins both
    EXPECT_FALSE(insert(100'000, 100'001).refused);  // there is room for one again
    EXPECT_TRUE(insert(100'005, 100'006).refused);
}

TEST_F(ReassemblyRoom, PositionsBeyondFourGigabytesAreAsGoodAsAny) {
    const std::int64_t far = std::int64_t{1} << 32;
    insert(far + 10, far + 20);
    insert(far - 10, far + 10);
    EXPECT_EQ(room.run_count(), 1u);
    EXPECT_EQ(room.take(at(10)).packet, nullptr);
    EXPECT_EQ(take_all(far - 10), range(far - 10, far + 20));
}

// Random inserts and reads beside a map of bytes.
TEST_F(ReassemblyRoom, AgreesWithAMapOfBytes) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        std::map<std::int64_t, bool> model;  // which bytes are held
        std::int64_t next = 1;
        for (int step = 0; step < 400; ++step) {
            if (random.chance(1, 8)) {
                // The segment that was missing came; perhaps more than the gap.
                next += random.chance(1, 2) && !model.empty()
                            ? std::max<std::int64_t>(0, model.begin()->first - next)
                            : static_cast<std::int64_t>(random.below(40));
                std::int64_t end = next;
                while (model.contains(end)) ++end;
                ASSERT_EQ(take_all(next), range(next, end));
                next = end;
                model.erase(model.begin(), model.lower_bound(next));
            } else {
                const auto begin = next + 1 + static_cast<std::int64_t>(random.below(600));
                const auto end = begin + 1 + static_cast<std::int64_t>(random.below(90));
                const auto done = insert(begin, end);
                ASSERT_FALSE(done.refused);
                std::optional<std::int64_t> first_double;
                for (std::int64_t p = begin; p < end; ++p) {
                    if (!model.emplace(p, true).second && !first_double) first_double = p;
                }
                ASSERT_EQ(!done.duplicate.empty(), first_double.has_value());
                ASSERT_TRUE(!first_double || done.duplicate.begin == at(*first_double));
                std::int64_t low = begin;
                std::int64_t high = end;
                while (model.contains(low - 1)) --low;
                while (model.contains(high)) ++high;
                ASSERT_EQ(done.run, range(low, high));
            }
            ASSERT_EQ(room.bytes(), static_cast<std::int64_t>(model.size()));
            std::size_t runs = 0;
            for (const auto& [p, held] : model) runs += model.contains(p - 1) ? 0 : 1;
            ASSERT_EQ(room.run_count(), runs);
        }
        room.clear();
        ASSERT_EQ(pool.usage().packets, 0u);
    }
}

}  // namespace
}  // namespace fairlead::tcp
