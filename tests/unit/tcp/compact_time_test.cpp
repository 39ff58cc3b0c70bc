#include "tcp/compact_time.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

TEST(ShortDurationRoom, KeepsASpanToTheNearestOf64Nanoseconds) {
    for (const Duration d : {Duration{}, 1_us, 40_ms, 200_ms, 120_s, Duration::from_ns(31),
                             Duration::from_ns(33), Duration::from_ns(123'456'789)}) {
        const Duration kept = ShortDuration{d};
        EXPECT_LE(std::abs((kept - d).ns()), 32) << d.ns();
    }
    EXPECT_EQ(Duration{ShortDuration{40_ms}}, 40_ms);
    EXPECT_EQ(Duration{ShortDuration{200_ms}}, 200_ms);
}

TEST(ShortDurationRoom, CutsWhatIsTooLong) {
    EXPECT_GT(Duration{ShortDuration{Duration::infinite()}}, 270_s);
    EXPECT_EQ(Duration{ShortDuration{300_s}}, Duration{ShortDuration{Duration::infinite()}});
}

TEST(RoughInstantRoom, IsNeverLaterAndAHundredthEarlierAtMost) {
    EXPECT_EQ(Instant{RoughInstant{Instant::never()}}, Instant::never());
    for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{999'999'999},
                                  std::int64_t{1'790'000'000'123'456'789}, INT64_MAX - (1 << 24)}) {
        const Duration lost = Instant::from_ns(ns) - Instant{RoughInstant{Instant::from_ns(ns)}};
        EXPECT_GE(lost, 0_ms) << ns;
        EXPECT_LT(lost, 10_ms) << ns;
    }
}

}  // namespace
}  // namespace fairlead::tcp
