// tcp/rtt.hpp — how long is the path?
//
// Owns:      smoothed RTT, its variation, the minimum, and the RTO they give.
// Knows:     RFC 6298 with Linux's three differences: the floor (200 ms) lies under the variation
//            and not under the sum; a falling RTT moves the variation by an eighth only; the
//            variation falls once a round trip, and rises at once.
// Not here:  which ACK gives a sample (sender.cpp), arming the timer (timers.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"
#include "tcp/compact_time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

struct RtoLimits {
    Duration initial = 1_s;
    Duration lowest = 200_ms;
    Duration highest = 120_s;
};

class RttEstimator {
public:
    // `una` and `next`: the send sequence space as the ACK leaves it.
    void on_sample(Duration rtt, Position una, Position next, Duration lowest);
    // Of the last segment that an ACK acknowledges: nothing waited for it.
    void on_shortest(Duration rtt) {
        rtt = std::max(rtt, Duration::from_ns(1'000));
        if (rtt < minimum()) minimum_ = rtt;
    }
    void on_timeout() {
        if (backoffs_ < kMostBackoffs) ++backoffs_;
    }
    void reset_backoff() { backoffs_ = 0; }
    void revert_backoff() { backoffs_ = backoffs_ > 0 ? backoffs_ - 1 : 0; }
    // RFC 6298 §5.7: a handshake that was repeated and told no round trip is followed by patience.
    void end_handshake() {
        backoffs_ = 0;
        is_patient_ = !has_sample();
    }

    // What is remembered of the destination, where that is longer than what the handshake took: the first
    // RTO is made of it, since a SYN is small; the first sample of data ends that (tcp_init_metrics()).
    void seed(Duration remembered, Duration lowest) {
        if (remembered <= smoothed()) return;
        variation_ = remembered - smoothed() + std::max(remembered * 2, lowest);
        is_seeded_ = true;
        is_patient_ = false;
    }

    // RFC 6298 §5.5: doubled with each timeout, up to the limit.
    Duration rto(const RtoLimits& limits) const {
        Duration rto = base_rto(limits);
        for (int i = 0; i < backoffs_ && rto < limits.highest; ++i) rto = rto * 2;
        return std::min(rto, limits.highest);
    }
    // Without the backoff.
    Duration base_rto(const RtoLimits& limits) const {
        const Duration guess = is_patient_ ? std::max(kPatience, limits.initial) : limits.initial;
        const bool is_known = has_sample() || is_seeded_;
        return std::min(is_known ? smoothed() + Duration{variation_} : guess, limits.highest);
    }
    Duration smoothed() const { return smoothed_; }
    Duration variation() const { return deviation_; }
    Duration minimum() const { return minimum_; }
    int backoffs() const { return backoffs_; }
    bool has_sample() const { return !smoothed_.is_zero(); }

private:
    static constexpr int kMostBackoffs = 32;
    static constexpr Duration kPatience = 3_s;

    Position round_end_{};
    ShortDuration smoothed_{};
    ShortDuration deviation_{};          // mdev: as RFC 6298 has RTTVAR
    ShortDuration highest_deviation_{};  // 4 times it, the largest of this round trip
    ShortDuration variation_{};          // what the RTO adds
    ShortDuration minimum_ = Duration::infinite();
    std::uint8_t backoffs_ = 0;
    bool is_patient_ : 1 = false;
    bool is_seeded_ : 1 = false;
};

}  // namespace fairlead::tcp
