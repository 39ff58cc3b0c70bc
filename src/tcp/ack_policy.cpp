#include "tcp/ack_policy.hpp"

#include <utility>

namespace fairlead::tcp {

// Linux's tcp_measure_rcv_mss().
bool AckPolicy::measure(std::uint32_t wire_payload, EndMarks marks, std::uint32_t advertised_mss,
                        OptionBytes options) {
    constexpr std::uint32_t kUsualLowest = 536;  // RFC 9293 §3.7.1
    constexpr std::uint32_t kLowest = 88;
    const std::uint16_t before = std::exchange(last_segment_, std::uint16_t{0});
    if (wire_payload >= usual_segment_) {
        const bool is_new = wire_payload != usual_segment_;
        usual_segment_ = static_cast<std::uint16_t>(std::min(wire_payload, advertised_mss));
        // A write that ended with a full segment: the sender may wait for this ACK.
        if (marks.psh) was_pushed_ = true;
        return is_new;
    }
    // A short one is the end of a write, unless two of one size follow each other: then the path
    // has become narrower. Options that vary, as SACK blocks do, count as payload.
    const std::uint32_t with_options = wire_payload + options.all;
    if (with_options >= kUsualLowest || (with_options >= kLowest && !marks.any)) {
        const std::int64_t size = std::int64_t{wire_payload} + options.extra;
        last_segment_ = static_cast<std::uint16_t>(std::clamp<std::int64_t>(size, 1, UINT16_MAX));
        if (last_segment_ == before) {
            usual_segment_ = before;
            return false;
        }
    }
    if (was_pushed_) was_pushed_twice_ = true;
    was_pushed_ = true;
    return false;
}

bool AckPolicy::on_data(std::uint32_t wire_payload, EndMarks marks, std::int64_t window,
                        std::uint32_t advertised_mss, Duration rto, Instant now,
                        OptionBytes options) {
    is_owed_ = true;
    const bool is_new_size = measure(wire_payload, marks, advertised_mss, options);

    if (delay_.is_zero()) {
        // The first data: the sender may be in slow start, do not let it wait.
        raise_quick(kMostQuickAcks, window);
        delay_ = kShortestAckDelay;
    } else {
        const Duration gap = now - last_data_;
        if (gap <= kShortestAckDelay / 2) {
            delay_ = delay() / 2 + kShortestAckDelay / 2;
        } else if (gap < delay()) {
            delay_ = std::min(delay() / 2 + gap, rto);
        } else if (gap > rto) {
            raise_quick(kMostQuickAcks, window);  // the sender starts anew
        }
    }
    last_data_ = now;
    return is_new_size;
}

// RFC 9293 MUST-40, SHLD-18; RFC 1122 REQ-4.2.3.2
Duration AckPolicy::wait(Duration smoothed_rtt, std::int64_t threshold) const {
    constexpr Duration kTick = 1_ms;
    if (delay_.is_zero()) return kTick;  // no data yet: a FIN is to be acknowledged
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
