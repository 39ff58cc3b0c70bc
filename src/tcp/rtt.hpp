// tcp/rtt.hpp — how long is the path?
//
// Owns:      smoothed RTT, its variation, the RTO they give, and the shortest of late.
// Knows:     RFC 6298 with Linux's three differences: the floor (200 ms) lies under the variation
//            and not under the sum; a falling RTT moves the variation by an eighth only; the
//            variation falls once a round trip, and rises at once. The shortest is that of a window
//            of time (tcp_min_rtt_wlen), which goes on by halves.
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
    // Of the last segment that an ACK acknowledges: nothing waited for it. What is longer than
    // `window` ago is forgotten.
    void on_shortest(Duration rtt, Instant now, Duration window) {
        rtt = std::max(rtt, Duration::from_ns(1'000));
        if (rtt <= minimum()) {
            shortest_ = shortest_before_ = rtt;
            set_end(rough(now + window / 2));
        } else if (is_half_over(now)) {
            begin_half(rtt, now, window / 2);
        } else if (rtt < Duration{shortest_}) {
            shortest_ = rtt;
        }
    }
    void on_timeout() {
        if (backoffs_ < kMostBackoffs) ++backoffs_;
    }
    void reset_backoff() { backoffs_ = 0; }
    void revert_backoff() {
        if (backoffs_ > 0) --backoffs_;
    }
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
        for (int i = 0; i < backoffs() && rto < limits.highest; ++i) rto = rto * 2;
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
    Duration minimum() const { return std::min<Duration>(shortest_, shortest_before_); }
    int backoffs() const { return static_cast<int>(backoffs_); }
    bool has_sample() const { return !smoothed_.is_zero(); }

private:
    static constexpr int kMostBackoffs = 32;
    static constexpr Duration kPatience = 3_s;

    // Times of a window: of 67 ms each, and those of 6 days before and after now.
    static constexpr unsigned kRoughShift = 26;
    static constexpr unsigned kRoughBits = 24;
    static std::uint32_t rough(Instant t) {
        return static_cast<std::uint32_t>(t.ns() >> kRoughShift);
    }
    void set_end(std::uint32_t at) { half_ends_ = at & ((1u << kRoughBits) - 1); }
    std::int32_t late(Instant now) const {
        constexpr unsigned kRest = 32 - kRoughBits;
        return static_cast<std::int32_t>((rough(now) - half_ends_) << kRest) >> kRest;
    }
    bool is_half_over(Instant now) const { return late(now) >= 0; }
    void begin_half(Duration rtt, Instant now, Duration half);

    std::uint32_t round_end_ = 0;  // of a Position
    ShortDuration smoothed_{};
    ShortDuration deviation_{};                      // mdev: as RFC 6298 has RTTVAR
    ShortDuration highest_deviation_{};              // 4 times it, the largest of this round trip
    ShortDuration variation_{};                      // what the RTO adds
    ShortDuration shortest_ = Duration::infinite();  // of this half of the window
    ShortDuration shortest_before_ = Duration::infinite();  // of the half before
    std::uint32_t half_ends_ : kRoughBits = 0;
    std::uint32_t backoffs_ : 6 = 0;
    bool is_patient_ : 1 = false;
    bool is_seeded_ : 1 = false;
};

}  // namespace fairlead::tcp
