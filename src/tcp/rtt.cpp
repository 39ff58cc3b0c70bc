#include "tcp/rtt.hpp"

#include <algorithm>

namespace fairlead::tcp {

void RttEstimator::on_sample(Duration rtt, Position una, Position next, Duration lowest) {
    rtt = std::max(rtt, Duration::from_ns(1'000));
    minimum_ = std::min(minimum_, rtt);

    // RFC 6298 §2.2: the first measurement.
    if (!has_sample()) {
        smoothed_ = rtt;
        deviation_ = rtt / 2;
        variation_ = std::max(deviation_ * 4, lowest);
        highest_deviation_ = variation_;
        round_end_ = next;
        return;
    }

    // RFC 6298 §2.3, with alpha = 1/8 and beta = 1/4.
    const Duration error = rtt - smoothed_;
    smoothed_ = smoothed_ + error / 8;
    if (error < Duration{}) {
        const Duration grown = Duration{} - error - deviation_;
        // A path that got shorter is no reason to distrust it (the Eifel algorithm's point 3).
        deviation_ = deviation_ + (grown > Duration{} ? grown / 32 : grown / 4);
    } else {
        deviation_ = deviation_ + (error - deviation_) / 4;
    }
    highest_deviation_ = std::max(highest_deviation_, deviation_ * 4);
    variation_ = std::max(variation_, highest_deviation_);
    if (una > round_end_) {
        if (highest_deviation_ < variation_) {
            variation_ = variation_ - (variation_ - highest_deviation_) / 4;
        }
        round_end_ = next;
        highest_deviation_ = lowest;
    }
}

}  // namespace fairlead::tcp
