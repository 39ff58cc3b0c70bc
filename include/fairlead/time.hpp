// fairlead/time.hpp — moments and spans, with no clock behind them.
//
// Owns:      Instant, Duration (signed 64-bit nanoseconds; about 292 years each way).
// Not here:  now(). Time enters a stack through Stack::poll(now) and nowhere else.
#pragma once

#include <compare>
#include <cstdint>

namespace fairlead {

class Duration {
public:
    constexpr Duration() = default;

    static constexpr Duration from_ns(std::int64_t ns) { return Duration{ns}; }
    static constexpr Duration from_us(std::int64_t us) { return Duration{us * 1'000}; }
    static constexpr Duration from_ms(std::int64_t ms) { return Duration{ms * 1'000'000}; }
    static constexpr Duration from_s(std::int64_t s) { return Duration{s * 1'000'000'000}; }
    static constexpr Duration infinite() { return Duration{INT64_MAX}; }

    constexpr std::int64_t ns() const { return ns_; }
    constexpr std::int64_t us() const { return ns_ / 1'000; }
    constexpr std::int64_t ms() const { return ns_ / 1'000'000; }
    constexpr bool is_zero() const { return ns_ == 0; }

    constexpr auto operator<=>(const Duration&) const = default;
    friend constexpr Duration operator+(Duration a, Duration b) { return Duration{a.ns_ + b.ns_}; }
    friend constexpr Duration operator-(Duration a, Duration b) { return Duration{a.ns_ - b.ns_}; }
    friend constexpr Duration operator*(Duration a, std::int64_t k) { return Duration{a.ns_ * k}; }
    friend constexpr Duration operator/(Duration a, std::int64_t k) { return Duration{a.ns_ / k}; }
    friend constexpr std::int64_t operator/(Duration a, Duration b) { return a.ns_ / b.ns_; }

private:
    explicit constexpr Duration(std::int64_t ns) : ns_{ns} {}
    std::int64_t ns_ = 0;
};

class Instant {
public:
    constexpr Instant() = default;

    static constexpr Instant from_ns(std::int64_t ns) { return Instant{ns}; }
    static constexpr Instant never() { return Instant{INT64_MAX}; }

    constexpr std::int64_t ns() const { return ns_; }

    constexpr auto operator<=>(const Instant&) const = default;
    friend constexpr Instant operator+(Instant t, Duration d) { return Instant{t.ns_ + d.ns()}; }
    friend constexpr Instant operator-(Instant t, Duration d) { return Instant{t.ns_ - d.ns()}; }
    friend constexpr Duration operator-(Instant a, Instant b) {
        return Duration::from_ns(a.ns_ - b.ns_);
    }

private:
    explicit constexpr Instant(std::int64_t ns) : ns_{ns} {}
    std::int64_t ns_ = 0;
};

inline namespace time_literals {
constexpr Duration operator""_ns(unsigned long long n) {
    return Duration::from_ns(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_us(unsigned long long n) {
    return Duration::from_us(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_ms(unsigned long long n) {
    return Duration::from_ms(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_s(unsigned long long n) {
    return Duration::from_s(static_cast<std::int64_t>(n));
}
}  // namespace time_literals

}  // namespace fairlead
