#include "drill/timing.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

constexpr Instant kBegin = Instant::from_ns(5'000'000'000);

Event at(EventTime time, Direction direction = Direction::Out) {
    return {.time = time, .action = PacketLine{.direction = direction}};
}
Event relative(Duration d, Direction direction = Direction::Out) {
    return at({.kind = TimeKind::Relative, .at = d}, direction);
}

class TimingTest : public testing::Test {
protected:
    TimingTest() { timing.begin(kBegin); }
    Settings settings;
    Timing timing{settings};
};

TEST_F(TimingTest, AbsoluteTimesCountFromTheBegin) {
    const Due due = timing.take_up(at({.at = 3_s}), kBegin + 1_s);
    EXPECT_EQ(due.from, kBegin + 3_s);
    EXPECT_EQ(due.until, due.from);
}

TEST_F(TimingTest, RelativeTimesCountFromWhenTheEventIsTakenUp) {
    EXPECT_EQ(timing.take_up(relative(1_s), kBegin + 7_s).from, kBegin + 8_s);
}

TEST_F(TimingTest, InboundAfterInboundCountsFromWhenTheFirstWasDue) {
    timing.take_up(relative(1_s, Direction::In), kBegin);
    EXPECT_EQ(timing.take_up(relative(1_s, Direction::In), kBegin + 1500_ms).from, kBegin + 2_s);
    // An outbound one between them, and it is the moment again.
    timing.take_up(relative(0_s), kBegin + 2_s);
    EXPECT_EQ(timing.take_up(relative(1_s, Direction::In), kBegin + 5_s).from, kBegin + 6_s);
}

TEST_F(TimingTest, RangesHaveTwoEnds) {
    const Due due = timing.take_up(at({.kind = TimeKind::RelativeRange, .at = 1_s, .until = 2_s}),
                                   kBegin + 1_s);
    EXPECT_EQ(due.from, kBegin + 2_s);
    EXPECT_EQ(due.until, kBegin + 3_s);
    EXPECT_FALSE(timing.check(due, kBegin + 3_s + due.tolerance));
    EXPECT_TRUE(timing.check(due, kBegin + 3_s + due.tolerance + 1_ns));
    EXPECT_FALSE(timing.check(due, kBegin + 2_s - due.tolerance));
    EXPECT_TRUE(timing.check(due, kBegin + 2_s - due.tolerance - 1_ns));
}

TEST_F(TimingTest, AnyTimeIsNeverWrong) {
    const Due due = timing.take_up(at({.kind = TimeKind::Any}), kBegin);
    EXPECT_FALSE(timing.check(due, kBegin + 1000_s));
}

TEST_F(TimingTest, ToleranceIsFourMillisecondsOrAnEighthOfTheGap) {
    const Due soon = timing.take_up(relative(10_ms), kBegin);
    EXPECT_EQ(soon.tolerance, 4_ms);
    const Due later = timing.take_up(relative(800_ms), soon.from);
    EXPECT_EQ(later.tolerance, 100_ms);
    EXPECT_EQ(timing.check(later, soon.from + 901_ms),
              "at 0.911 s, not at 0.81 s (give or take 0.1)");
}

TEST_F(TimingTest, TheEndOfABlockingCallHasATolerance) {
    Event call{.time = {.kind = TimeKind::Relative, .at = 0_s, .ends = 80_ms}, .action = Call{}};
    const Due due = timing.take_up(call, kBegin);
    EXPECT_EQ(due.ends, kBegin + 80_ms);
    EXPECT_EQ(due.end_tolerance, 10_ms);
    EXPECT_FALSE(timing.check_end(due, kBegin + 90_ms));
    EXPECT_TRUE(timing.check_end(due, kBegin + 91_ms));
    EXPECT_TRUE(timing.check_end(due, kBegin + 69_ms));
}

}  // namespace
}  // namespace fairlead::drill
