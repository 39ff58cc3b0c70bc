#include "tcp/rtt.hpp"

#include <algorithm>

namespace fairlead::tcp {

// minmax_running_min() keeps three of late; two halves tell the same within half a window.
void RttEstimator::begin_half(Duration rtt, Instant now, Duration half) {
    const auto length = static_cast<std::int32_t>(half.ns() >> kRoughShift);
    const bool is_long_over = late(now) >= length;
    shortest_before_ = is_long_over ? ShortDuration{rtt} : shortest_;
    shortest_ = rtt;
    set_end(is_long_over ? rough(now + half) : half_ends_ + static_cast<std::uint32_t>(length));
}

// RFC 9293 MUST-18; RFC 1122 REQ-4.2.2.15; RFC 7323 REQ-4.2
void RttEstimator::on_sample(Duration rtt, Position una, Position next, Duration lowest) {
    rtt = std::max(rtt, Duration::from_ns(1'000));

    if (is_seeded_) {
        variation_ = Duration{highest_deviation_};
        is_seeded_ = false;
    }
    // RFC 6298 §2.2: the first measurement.
    if (!has_sample()) {
        smoothed_ = rtt;
        deviation_ = rtt / 2;
        variation_ = highest_deviation_ = std::max(rtt / 2 * 4, lowest);
        round_end_ = low_bits(next);
        return;
    }

    // RFC 6298 §2.3, with alpha = 1/8 and beta = 1/4.
    const Duration error = rtt - smoothed();
    smoothed_ = smoothed() + error / 8;
    Duration deviation = deviation_;
    if (error < Duration{}) {
        const Duration grown = Duration{} - error - deviation;
        // A path that got shorter is no reason to distrust it (the Eifel algorithm's point 3).
        deviation = deviation + (grown > Duration{} ? grown / 32 : grown / 4);
    } else {
        deviation = deviation + (error - deviation) / 4;
    }
    deviation_ = deviation;
    const Duration highest = std::max<Duration>(highest_deviation_, deviation * 4);
    if (highest > Duration{variation_}) variation_ = highest;
    if (static_cast<std::int32_t>(low_bits(una) - round_end_) > 0) {
        const Duration variation = variation_;
        if (highest < variation) variation_ = variation - (variation - highest) / 4;
        round_end_ = low_bits(next);
        highest_deviation_ = lowest;
    } else {
        highest_deviation_ = highest;
    }
}

}  // namespace fairlead::tcp
