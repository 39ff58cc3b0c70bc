// drill/differential/round_trips.hpp — the round trips that a host sees.
//
// Owns:   round_trips(): from a trace, what RFC 6298 §2 makes of the times between a segment that left
//         and its ACK, and the shortest of them. What went again tells only where a timestamp comes back
//         (Karn).
// Why:    inputs come to both hosts at the same moments, but what they send leaves a kernel later, by
//         the time that its work takes or that its timers are late. So each measures its own.
// Not here: what hangs on it (compare.cpp).
#pragma once

#include <cstddef>
#include <optional>

#include "drill/differential/play.hpp"

namespace fairlead::drill::differential {

struct RoundTrips {
    Duration smoothed{};
    Duration shortest{};
};

// Of the first `count` entries. Nothing: none was seen.
std::optional<RoundTrips> round_trips(const Trace& trace, std::size_t count);

}  // namespace fairlead::drill::differential
