// http/date.hpp — the time of day as HTTP writes it (RFC 9110 §5.6.7).
//
// Owns:      UnixTime, which is handed in: nothing here reads a clock.
// Knows:     the one form that is written, and the three that are read.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::http {

struct UnixTime {
    std::int64_t seconds = 0;

    constexpr auto operator<=>(const UnixTime&) const = default;
};

std::string write_date(UnixTime t);  // "Sun, 06 Nov 1994 08:49:37 GMT"

// IMF-fixdate, RFC 850 or asctime form. `now` settles the century of a two-digit year: a date that
// seems more than 50 years ahead is the past one that ends in the same digits.
std::optional<UnixTime> parse_date(std::string_view text, UnixTime now);

}  // namespace fairlead::http
