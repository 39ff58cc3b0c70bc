// controller/gentle.hpp — a congestion controller that the library does not know
//
// Owns:      one rule of growth and one of retreat, as docs/congestion.md shows them.
// Not here:  what a loss is, and when (recovery tells); how a stack gets to know it (main.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"

namespace example {

// Adds a segment a round trip, and gives up a quarter at a loss.
class Gentle {
public:
    static constexpr std::string_view kName = "gentle";

    void on_ack(fairlead::CongestionWindow& window, const fairlead::AckSample& ack) {
        if (!ack.is_window_limited) return;
        std::int32_t acked = ack.delivered;
        if (window.is_slow_start()) acked = window.grow_in_slow_start(acked);
        if (acked > 0) window.grow_by_one_in(window.segments, acked);
    }
    std::int32_t threshold(const fairlead::CongestionWindow& window, fairlead::Instant) {
        ++losses_;
        return std::max(window.segments * 3 / 4, 2);
    }

private:
    std::int32_t losses_ = 0;
};

}  // namespace example
