// tcp/congestion/new_reno.hpp — slow start, then one segment per round trip.
//
// Knows:  RFC 5681 §3.1, counted in segments as Linux counts.
#pragma once

#include <algorithm>
#include <string_view>

#include "fairlead/congestion.hpp"

namespace fairlead::tcp {

class NewReno {
public:
    static constexpr std::string_view kName = "reno";
    static constexpr std::uint8_t kKeptAtMark = 80;  // RFC 8511 §3.1

    void on_ack(CongestionWindow& window, const AckSample& ack) {
        if (!ack.is_window_limited) return;
        std::int32_t acked = ack.delivered;
        if (window.is_slow_start()) {
            acked = window.grow_in_slow_start(acked);
            if (acked == 0) return;
        }
        window.grow_by_one_in(window.segments, acked);
    }
    std::int32_t threshold(const CongestionWindow& window, Instant) {
        return std::max(window.segments >> 1, 2);  // RFC 5681 §3.1, equation 4
    }
};

}  // namespace fairlead::tcp
