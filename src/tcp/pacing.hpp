// tcp/pacing.hpp — how fast, told by how much leaves at once.
//
// Knows:     Linux's tcp_update_pacing_rate() and tcp_tso_autosize(): a burst is what the path
//            carries in about a millisecond, at least two segments; where the round trip is so
//            short that no queue lies between, as much as a packet holds.
// Not here:  cutting what is sent (output.cpp), waiting between bursts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

struct PathPace {
    std::int64_t window_bytes = 0;  // what is in the network in one round trip
    bool is_growing = false;        // well below the threshold of slow start
    Duration smoothed{};            // round trips
    Duration minimum = Duration::infinite();
    unsigned near_shift = 9;  // tcp_tso_rtt_log
    std::int64_t least = 2;   // segments: tcp_min_tso_segs
    std::int64_t rate = 0;    // bytes a second, of a sender that is paced
};

// As tcp_pacing_ss_ratio and tcp_pacing_ca_ratio: in percent, so that a window can grow.
inline constexpr std::int64_t kGrowingPace = 200;
inline constexpr std::int64_t kSteadyPace = 120;

// `most`: the bytes that one packet may hold. The answer is in segments.
constexpr std::int64_t burst_segments(const PathPace& p, std::int64_t segment, std::int64_t most) {
    // In steps of 512 us, each of which halves what a short round trip adds.
    const std::int64_t steps = p.minimum.us() >> p.near_shift;
    const std::int64_t for_nearness = steps < 32 ? most >> steps : 0;
    const std::int64_t smoothed = std::max<std::int64_t>(p.smoothed.us(), 1);
    const std::int64_t percent = p.is_growing ? kGrowingPace : kSteadyPace;
    // In 1/1024 s: 1'000'000 / 1024 / 100 = 625 / 64.
    const std::int64_t by_rate =
        p.rate > 0 ? p.rate / 1024 : p.window_bytes * percent / smoothed * 625 / 64;
    return std::max(std::min(by_rate + for_nearness, most) / segment, p.least);
}

}  // namespace fairlead::tcp
