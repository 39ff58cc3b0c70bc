#include "tcp/stamps.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

std::vector<std::int64_t> marks_in(const StampMarks& marks, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> bytes;
    marks.for_each({Position{begin}, Position{end}},
                   [&](const StampMarks::Mark& m) { bytes.push_back(m.byte - Position{0}); });
    return bytes;
}

using Numbers = std::vector<std::int64_t>;

TEST(StampMarks, OfWhatLeavesTogetherTheLastByteHasTheMark) {
    StampMarks marks;
    EXPECT_TRUE(marks.empty());
    marks.add(Position{100}, kStampSent, Position{1});
    marks.add(Position{200}, kStampAcked, Position{1});
    marks.add(Position{300}, kStampAcked, Position{201});
    EXPECT_EQ(marks_in(marks, 0, 1000), (Numbers{200, 300}));
    marks.for_each({Position{200}, Position{201}}, [](const StampMarks::Mark& m) {
        EXPECT_EQ(m.wanted, kStampSent | kStampAcked);
    });
}

TEST(StampMarks, ARangeHasItsFirstByteAndNotItsEnd) {
    StampMarks marks;
    for (int i = 1; i <= 5; ++i) marks.add(Position{10 * i}, kStampSent, Position{10 * i});
    EXPECT_EQ(marks_in(marks, 20, 40), (Numbers{20, 30}));
    EXPECT_EQ(marks_in(marks, 21, 30), Numbers{});
    marks.forget_below(Position{30});
    EXPECT_EQ(marks_in(marks, 0, 100), (Numbers{30, 40, 50}));
    marks.forget_below(Position{100});
    EXPECT_TRUE(marks.empty());
}

TEST(Stamps, WhatMayNotBeAskedForTogetherIsKnown) {
    EXPECT_TRUE(are_stamps(0));
    EXPECT_TRUE(are_stamps(kStampNumbered | kStampFromWritten));
    EXPECT_FALSE(are_stamps(kStampFromWritten));
    EXPECT_FALSE(are_stamps(0x80000));
    EXPECT_FALSE(are_stamps(-1));
    EXPECT_TRUE(go_together(kStampOnly | kStampStatistics));
    EXPECT_FALSE(go_together(kStampStatistics));
}

}  // namespace
}  // namespace fairlead::tcp
