// tcp/congestion/bbr_units.hpp — the fixed-point numbers of BBR, and what both versions reckon with them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/congestion.hpp"

namespace fairlead::tcp::bbr {

inline constexpr int kRateBits = 24;  // of segments a microsecond
inline constexpr std::uint64_t kRateUnit = std::uint64_t{1} << kRateBits;
inline constexpr int kGainBits = 8;
inline constexpr std::int32_t kUnit = 1 << kGainBits;
inline constexpr std::uint64_t kMostWindow = 1u << 24;
inline constexpr std::uint32_t kUnknown = UINT32_MAX;  // of a round trip in microseconds
inline constexpr std::int32_t kLeastWindow = 4;

constexpr bool is_before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

constexpr std::uint32_t rate_of(std::int64_t segments, std::int64_t us) {
    const std::uint64_t rate = (static_cast<std::uint64_t>(segments) << kRateBits) /
                               static_cast<std::uint64_t>(us > 0 ? us : 1);
    return rate < UINT32_MAX ? static_cast<std::uint32_t>(rate) : UINT32_MAX;
}

// bbr_rate_bytes_per_sec(): a hundredth below, so that no queue builds up.
constexpr std::int64_t bytes_per_second(std::uint64_t rate, std::int32_t gain, std::int32_t mss) {
    std::uint64_t bytes = rate * static_cast<std::uint64_t>(mss);
    bytes = bytes * static_cast<std::uint64_t>(gain) >> kGainBits;
    return static_cast<std::int64_t>(bytes * 990'000 >> kRateBits);
}

// The window in a round trip, before anything was measured; of an unknown one it is a millisecond.
constexpr std::uint64_t first_rate(std::int32_t window, Duration smoothed) {
    const std::int64_t us = smoothed.is_zero() ? 1000 : std::max<std::int64_t>(smoothed.us(), 1);
    return (static_cast<std::uint64_t>(window) << kRateBits) / static_cast<std::uint64_t>(us);
}

// What leaves as one packet (bbr_tso_segs_goal).
constexpr std::int32_t burst_of(std::int64_t pacing_rate, std::int32_t mss) {
    constexpr std::int64_t kMostSegments = 127;
    constexpr std::int64_t kMostBytes = 65'536 - 1 - 320;
    constexpr std::int64_t kSlow = 1'200'000 / 8;  // a second, below which a segment is a burst
    const std::int64_t bytes = std::min(pacing_rate >> 10, kMostBytes);
    const std::int64_t least = pacing_rate < kSlow ? 1 : 2;
    return static_cast<std::int32_t>(
        std::min(std::max(mss > 0 ? bytes / mss : 0, least), kMostSegments));
}

// The bandwidth-delay product (bbr_bdp).
constexpr std::int32_t product_of(std::uint32_t rate, std::uint32_t round_trip_us,
                                  std::int32_t gain) {
    if (round_trip_us == kUnknown) return kInitialWindow;
    const std::uint64_t one = std::uint64_t{rate} * round_trip_us;
    const std::uint64_t segments =
        ((one * static_cast<std::uint64_t>(gain) >> kGainBits) + kRateUnit - 1) >> kRateBits;
    return static_cast<std::int32_t>(std::min<std::uint64_t>(segments, kMostWindow));
}

// xorshift, as a coin that is the same in every run of a seed.
constexpr std::uint32_t next_chance(std::uint32_t& chance) {
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance;
}

}  // namespace fairlead::tcp::bbr
