#include "tcp/ack_policy.hpp"

namespace fairlead::tcp {

void AckPolicy::on_data(std::uint32_t payload, std::uint32_t wire_payload, bool psh,
                        std::int64_t window, std::uint32_t advertised_mss, Duration rto,
                        Instant now) {
    is_owed_ = true;
    // The usual size follows full segments up at once; a short one is a sign of an end.
    last_segment_ = static_cast<std::uint16_t>(std::min<std::uint32_t>(wire_payload, UINT16_MAX));
    if (wire_payload >= usual_segment_) {
        usual_segment_ = static_cast<std::uint16_t>(std::min(wire_payload, advertised_mss));
        if (psh && payload < advertised_mss) was_pushed_ = true;
    } else {
        if (was_pushed_) was_pushed_twice_ = true;
        was_pushed_ = true;
    }

    if (delay_.is_zero()) {
        // The first data: the sender may be in slow start, do not let it wait.
        raise_quick(kMostQuickAcks, window);
        delay_ = kShortestAckDelay;
    } else {
        const Duration gap = now - last_data_;
        if (gap <= kShortestAckDelay / 2) {
            delay_ = delay_ / 2 + kShortestAckDelay / 2;
        } else if (gap < delay_) {
            delay_ = std::min(delay_ / 2 + gap, rto);
        } else if (gap > rto) {
            raise_quick(kMostQuickAcks, window);  // the sender starts anew
        }
    }
    last_data_ = now;
}

Duration AckPolicy::wait(Duration smoothed_rtt, std::int64_t threshold) const {
    Duration wait = delay_;
    if (wait > kShortestAckDelay) {
        Duration most = is_pingpong(threshold) || was_pushed_ ? kLongestAckDelay : 500_ms;
        if (!smoothed_rtt.is_zero()) {
            most = std::min(most, std::max(smoothed_rtt, kShortestAckDelay));
        }
        wait = std::min(wait, most);
    }
    return std::clamp(wait, kShortestAckDelay, kLongestAckDelay);
}

}  // namespace fairlead::tcp
