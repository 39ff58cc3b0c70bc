// tcp/pacing.hpp — how fast, told by how much leaves at once.
//
// Knows:     Linux's tcp_update_pacing_rate() and tcp_tso_autosize(): a burst is what the path
//            carries in about a millisecond, as the last ACK had it, at least two segments; where
//            the round trip is so short that no queue lies between, as much as a packet holds.
// Not here:  cutting what is sent (output.cpp), waiting between bursts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

inline constexpr int kPacingShift = 10;  // sk_pacing_shift: of a second, what a burst may take

struct PathPace {
    std::int64_t bytes = 0;                   // that the path carries in 1/1024 s
    Duration minimum = Duration::infinite();  // round trip
    unsigned near_shift = 9;                  // tcp_tso_rtt_log
    std::int64_t least = 2;                   // segments: tcp_min_tso_segs
};

// `most`: the bytes that one packet may hold. The answer is in segments.
constexpr std::int64_t burst_segments(const PathPace& p, std::int64_t segment, std::int64_t most) {
    // In steps of 512 us, each of which halves what a short round trip adds.
    const std::int64_t steps = p.minimum.us() >> p.near_shift;
    const std::int64_t for_nearness = steps < 32 ? most >> steps : 0;
    return std::max(std::min(p.bytes + for_nearness, most) / segment, p.least);
}

}  // namespace fairlead::tcp
