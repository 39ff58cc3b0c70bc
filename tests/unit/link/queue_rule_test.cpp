#include "link/queue_rule.hpp"

#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;
using link::QueueKind;
using link::QueueRule;
using link::QueueRules;
using link::QueueVerdict;

namespace {

constexpr std::uint64_t kSeed = 8289;
constexpr Duration kSending = 100_us;

Instant at(Duration d) { return Instant{} + d; }

// Frames that leave every millisecond, each after the same wait; the milliseconds at which they leave
// and are chosen.
std::vector<std::int64_t> chosen(const QueueRules& rules, Duration wait, int milliseconds) {
    QueueRule rule;
    Prng chance{kSeed};
    std::vector<std::int64_t> found;
    for (int ms = 0; ms < milliseconds; ++ms) {
        const Instant leaves = at(Duration::from_ms(1000 + ms));
        const auto verdict = rule.ask(
            rules, {.entered = leaves - wait, .wait = wait, .sending = kSending, .waiting = 60},
            chance);
        if (verdict == QueueVerdict::Drop) found.push_back(ms);
    }
    return found;
}

TEST(QueueRule, APlainQueueLeavesEveryFrameAlone) { EXPECT_TRUE(chosen({}, 1_s, 10'000).empty()); }

TEST(QueueRule, CodelLetsAWaitUnderTheTargetBe) {
    EXPECT_TRUE(chosen({.kind = QueueKind::Codel}, 4'900_us, 10'000).empty());
}

TEST(QueueRule, CodelWaitsForAnIntervalAndThenComesFasterAndFaster) {
    // RFC 8289 §5.3: 100 ms, then 100/sqrt(1), 100/sqrt(2), 100/sqrt(3) later.
    const auto all = chosen({.kind = QueueKind::Codel}, 20_ms, 500);
    ASSERT_GE(all.size(), 5u);
    EXPECT_EQ(all[0], 100);
    EXPECT_EQ(all[1], 200);
    EXPECT_EQ(all[2], 271);
    EXPECT_EQ(all[3], 329);
    EXPECT_EQ(all[4], 379);
}

TEST(QueueRule, CodelForgetsALateFrameOnceOneWasInTime) {
    QueueRule rule;
    Prng chance{kSeed};
    const QueueRules rules{.kind = QueueKind::Codel};
    for (int ms = 0; ms < 1000; ++ms) {
        const Duration wait = ms % 90 == 0 ? 1_ms : 50_ms;
        const Instant leaves = at(Duration::from_ms(1000 + ms));
        EXPECT_EQ(
            rule.ask(rules, {.entered = leaves - wait, .wait = wait, .sending = kSending}, chance),
            QueueVerdict::Pass)
            << ms;
    }
}

TEST(QueueRule, CodelTakesTheSendingOfOneLargeFrameForNoQueue) {
    QueueRule rule;
    Prng chance{kSeed};
    for (int i = 0; i < 100; ++i) {
        const Instant leaves = at(Duration::from_ms(1000 + 12 * i));
        const auto verdict =
            rule.ask({.kind = QueueKind::Codel},
                     {.entered = leaves - 11_ms, .wait = 11_ms, .sending = 12_ms}, chance);
        EXPECT_EQ(verdict, QueueVerdict::Pass);
    }
}

TEST(QueueRule, WhatMayBeMarkedIsMarkedAndNotDropped) {
    const QueueRules marks{.kind = QueueKind::Red, .marks = true, .red_least = 0, .red_most = 1};
    QueueRule rule;
    Prng chance{kSeed};
    QueueRule::Frame frame{.sending = kSending, .waiting = 1000};
    for (int i = 0; i < 10; ++i) rule.ask(marks, frame, chance);
    EXPECT_EQ(rule.ask(marks, frame, chance), QueueVerdict::Drop);
    frame.may_be_marked = true;
    EXPECT_EQ(rule.ask(marks, frame, chance), QueueVerdict::Mark);
    QueueRules drops = marks;
    drops.marks = false;
    EXPECT_EQ(rule.ask(drops, frame, chance), QueueVerdict::Drop);
}

TEST(QueueRule, AStepMarksWhatWaitsLongerAndDropsNothing) {
    QueueRule rule;
    Prng chance{kSeed};
    const QueueRules rules{.kind = QueueKind::Step, .marks = true, .step = 1_ms};
    const auto ask = [&](Duration wait, bool may_be_marked) {
        return rule.ask(rules, {.wait = wait, .may_be_marked = may_be_marked}, chance);
    };
    EXPECT_EQ(ask(1_ms, true), QueueVerdict::Pass);
    EXPECT_EQ(ask(1'001_us, true), QueueVerdict::Mark);
    EXPECT_EQ(ask(100_ms, false), QueueVerdict::Pass);
}

TEST(QueueRule, RedTakesSoManyOfAHundredAsTheAverageSays) {
    // 60 frames lie half way between 30 and 90: odds of 1 % between two chosen ones grow until 2 % of
    // all are taken.
    const auto all = chosen({.kind = QueueKind::Red}, 6_ms, 200'000);
    EXPECT_GT(all.size(), 3'600u);
    EXPECT_LT(all.size(), 4'400u);
    constexpr std::int64_t kSettled = 10'000;  // by then the average is the 60 that there are
    for (std::size_t i = 1; i < all.size(); ++i) {
        EXPECT_TRUE(all[i] - all[i - 1] <= 101 || all[i - 1] < kSettled) << all[i];
    }
}

TEST(QueueRule, RedForgetsAQueueThatWasEmptyForLong) {
    QueueRule rule;
    Prng chance{kSeed};
    const QueueRules rules{.kind = QueueKind::Red};
    QueueRule::Frame frame{.entered = at(1_s), .sending = kSending, .waiting = 200};
    bool was_dropped = false;
    for (int i = 0; i < 2000; ++i) {
        was_dropped = rule.ask(rules, frame, chance) == QueueVerdict::Drop || was_dropped;
    }
    EXPECT_TRUE(was_dropped);
    frame = {.entered = at(10_s), .sending = kSending, .waiting = 0};
    EXPECT_EQ(rule.ask(rules, frame, chance), QueueVerdict::Pass);
    frame = {.entered = at(10_s), .sending = kSending, .waiting = 29};
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(rule.ask(rules, frame, chance), QueueVerdict::Pass) << i;
    }
}

}  // namespace
