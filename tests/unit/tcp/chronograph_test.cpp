#include "tcp/chronograph.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

using Phase = Chronograph::Phase;

constexpr Instant at_ms(std::int64_t ms) { return Instant::from_ns(ms << 20); }
constexpr Duration ms(std::int64_t ms) { return Duration::from_ns(ms << 20); }

TEST(ChronographRoom, RestsUntilSomethingWaits) {
    Chronograph watch;
    EXPECT_EQ(watch.busy(at_ms(500)), Duration{});
    watch.start(Phase::Busy, at_ms(100));
    EXPECT_EQ(watch.busy(at_ms(130)), ms(30));
    watch.stop(Phase::Busy, true, at_ms(150));
    EXPECT_EQ(watch.busy(at_ms(900)), ms(50));
}

TEST(ChronographRoom, AnAckThatLeavesSomethingGoesOn) {
    Chronograph watch;
    watch.start(Phase::Busy, at_ms(0));
    watch.stop(Phase::Busy, false, at_ms(10));
    EXPECT_EQ(watch.busy(at_ms(20)), ms(20));
}

TEST(ChronographRoom, WhatLimitsIsPartOfBeingBusyAndTheStrongerCounts) {
    Chronograph watch;
    watch.start(Phase::Busy, at_ms(0));
    watch.start(Phase::PeersWindow, at_ms(10));
    EXPECT_TRUE(watch.is_limited());
    watch.start(Phase::Busy, at_ms(15));  // says nothing new
    watch.start(Phase::SendBuffer, at_ms(30));
    watch.stop(Phase::PeersWindow, false, at_ms(35));  // that is not what counts now
    watch.stop(Phase::SendBuffer, false, at_ms(70));
    EXPECT_FALSE(watch.is_limited());
    EXPECT_EQ(watch.in(Phase::PeersWindow, at_ms(80)), ms(20));
    EXPECT_EQ(watch.in(Phase::SendBuffer, at_ms(80)), ms(40));
    EXPECT_EQ(watch.busy(at_ms(80)), ms(80));
}

TEST(ChronographRoom, TheEndOfAllEndsWhateverWas) {
    Chronograph watch;
    watch.start(Phase::PeersWindow, at_ms(0));
    watch.stop(Phase::Busy, true, at_ms(7));
    EXPECT_EQ(watch.in(Phase::PeersWindow, at_ms(100)), ms(7));
    EXPECT_EQ(watch.in(Phase::Busy, at_ms(100)), Duration{});
}

// Its clock has 32 bits; a phase may lie across its end.
TEST(ChronographRoom, APhaseAcrossTheEndOfTheClock) {
    constexpr std::int64_t kEnd = std::int64_t{1} << 32;
    Chronograph watch;
    watch.start(Phase::Busy, at_ms(kEnd - 5));
    watch.stop(Phase::Busy, true, at_ms(kEnd + 8));
    EXPECT_EQ(watch.busy(at_ms(kEnd + 100)), ms(13));
}

}  // namespace
}  // namespace fairlead::tcp
