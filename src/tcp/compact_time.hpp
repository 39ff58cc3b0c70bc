// tcp/compact_time.hpp — times in less room than they are reckoned in.
//
// Owns:   ShortDuration (a span in 4 bytes), RoughInstant (a moment in 5), ShortStamp (one not long
//         ago in 2), LooseInstant (any moment, but not at a word's boundary): members of what there
//         are many of. Everything is reckoned with Duration and Instant.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

// A span of 274 seconds at most, to 64 ns, and never negative. A longer one is cut to that.
class ShortDuration {
public:
    constexpr ShortDuration() = default;
    constexpr ShortDuration(Duration d)
        : units_{static_cast<std::uint32_t>(std::min<std::uint64_t>(
              (static_cast<std::uint64_t>(d.ns()) + kHalf) >> kShift, UINT32_MAX))} {}
    constexpr operator Duration() const {
        return Duration::from_ns(static_cast<std::int64_t>(std::uint64_t{units_} << kShift));
    }
    constexpr bool is_zero() const { return units_ == 0; }

private:
    static constexpr unsigned kShift = 6;
    static constexpr std::uint64_t kHalf = 1 << (kShift - 1);
    std::uint32_t units_ = 0;
};

// An instant that leaves no gap among members of four bytes.
class LooseInstant {
public:
    constexpr LooseInstant(Instant t) : halves_{std::bit_cast<Halves>(t)} {}
    constexpr operator Instant() const { return std::bit_cast<Instant>(halves_); }

private:
    using Halves = std::array<std::uint32_t, 2>;
    Halves halves_;
};

// A moment of the last two minutes: how long ago it was, to 2 ms, in two bytes.
class ShortStamp {
public:
    void set(Instant t) { units_ = units_of(t); }
    Duration age(Instant now) const {
        const auto units = static_cast<std::uint16_t>(units_of(now) - units_);
        return Duration::from_ns(std::int64_t{units} << kShift);
    }

private:
    static constexpr unsigned kShift = 21;
    static std::uint16_t units_of(Instant t) {
        return static_cast<std::uint16_t>(static_cast<std::uint64_t>(t.ns()) >> kShift);
    }
    std::uint16_t units_ = 0;
};

// An instant to a hundredth of a second, never later than the one it stands for.
class RoughInstant {
public:
    RoughInstant(Instant t = Instant{}) {
        const auto units = static_cast<std::uint64_t>(t.ns()) >> kShift;
        for (std::size_t i = 0; i < bytes_.size(); ++i) {
            bytes_[i] = static_cast<std::uint8_t>(units >> 8 * i);
        }
    }
    operator Instant() const {
        std::uint64_t units = 0;
        for (std::size_t i = 0; i < bytes_.size(); ++i) units |= std::uint64_t{bytes_[i]} << 8 * i;
        if (units == static_cast<std::uint64_t>(INT64_MAX) >> kShift) return Instant::never();
        return Instant::from_ns(static_cast<std::int64_t>(units << kShift));
    }

private:
    static constexpr unsigned kShift = 23;  // 8.4 ms, and no bit of 2^63 ns is lost above
    std::array<std::uint8_t, 5> bytes_{};
};

}  // namespace fairlead::tcp
