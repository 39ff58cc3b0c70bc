#include "tcp/pacing.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

constexpr std::int64_t kSegment = 1460;
constexpr std::int64_t kMost = 65'343;

// Of a path of so many bits a second.
std::int64_t burst(std::int64_t bits, Duration round_trip, std::int64_t least = 2) {
    return burst_segments(
        {.bytes = bits / 8 >> kPacingShift, .minimum = round_trip, .least = least}, kSegment,
        kMost);
}

TEST(PacingRoom, ABurstHoldsWhatThePathCarriesInAMillisecond) {
    EXPECT_EQ(burst(100'000'000, 50_ms), 8);
    EXPECT_EQ(burst(200'000'000, 50_ms), 16);
    EXPECT_EQ(burst(1'000'000'000, 50_ms), 44) << "no more than one packet may hold";
}

TEST(PacingRoom, ASlowPathGetsTheLeastAtOnce) {
    EXPECT_EQ(burst(1'000'000, 50_ms), 2);
    EXPECT_EQ(burst(1'000'000, 50_ms, 1), 1);
}

TEST(PacingRoom, APeerThatIsNearGetsMore) {
    EXPECT_EQ(burst(100'000'000, Duration::from_us(100)), 44);
    EXPECT_EQ(burst(100'000'000, Duration::from_us(600)), (12'207 + kMost / 2) / kSegment);
    EXPECT_EQ(burst(100'000'000, 2_ms), (12'207 + kMost / 8) / kSegment);
}

}  // namespace
}  // namespace fairlead::tcp
