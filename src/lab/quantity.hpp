// lab/quantity.hpp — rates, times, shares and queues as tc(8) has them on a command line.
//
// Owns:      text -> value; nothing where the text is none of them.
// Not here:  addresses and names (fairlead/address.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "fairlead/time.hpp"
#include "link/queue_rule.hpp"

namespace fairlead::lab {

// "100mbit", "1.5gbit", "64kbit", "9600bit" or "9600"; decimal, as everywhere in networks.
std::optional<std::uint64_t> parse_rate(std::string_view text);
// "25ms", "1.5s", "300us", "80ns"; a bare number is milliseconds.
std::optional<Duration> parse_duration(std::string_view text);
// "1%", "0.1%" or "1", as so many in a million.
std::optional<std::uint32_t> parse_share(std::string_view text);

// "200p" is frames; "64k", "1m" and "65536" are bytes (a k is 1024 of them).
struct QueueLimit {
    std::uint64_t bytes = 0;
    std::uint32_t frames = 0;  // 0: told in bytes

    constexpr bool operator==(const QueueLimit&) const = default;
};
std::optional<QueueLimit> parse_queue(std::string_view text);

// "codel", "red", "step", "none"
std::optional<link::QueueKind> parse_queue_kind(std::string_view text);

}  // namespace fairlead::lab
