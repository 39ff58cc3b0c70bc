// tcp/congestion/bbr_units.hpp — the fixed-point numbers of BBR.
#pragma once

#include <cstdint>

namespace fairlead::tcp::bbr {

inline constexpr int kRateBits = 24;  // of segments a microsecond
inline constexpr std::uint64_t kRateUnit = std::uint64_t{1} << kRateBits;
inline constexpr int kGainBits = 8;
inline constexpr std::int32_t kUnit = 1 << kGainBits;
inline constexpr std::uint64_t kMostWindow = 1u << 24;

constexpr std::uint32_t rate_of(std::int64_t segments, std::int64_t us) {
    const std::uint64_t rate = (static_cast<std::uint64_t>(segments) << kRateBits) /
                               static_cast<std::uint64_t>(us > 0 ? us : 1);
    return rate < UINT32_MAX ? static_cast<std::uint32_t>(rate) : UINT32_MAX;
}

}  // namespace fairlead::tcp::bbr
