// tcp/congestion/new_reno.hpp — slow start, then one segment per round trip.
//
// Knows:  RFC 5681 §3.1, RFC 6928 (initial window), RFC 2861 as Linux has it (after idle), counted
//         in segments as Linux counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tcp/ack_sample.hpp"

namespace fairlead::tcp {

class NewReno {
public:
    explicit NewReno(std::int32_t initial_window = 10) : window_{initial_window} {}

    void on_ack(const AckSample& ack) {
        if (!ack.is_window_limited) return;
        std::int32_t acked = ack.delivered();
        if (window_ < threshold_) {  // slow start: every segment acknowledged opens one more
            const std::int32_t grown = std::min(window_ + acked, threshold_);
            acked -= grown - window_;
            window_ = grown;
        }
        // Congestion avoidance: one more per window acknowledged.
        if (credit_ >= window_) credit_ = 0, ++window_;
        credit_ += acked;
        if (credit_ < window_) return;
        const std::int32_t more = credit_ / window_;
        credit_ -= more * window_;
        window_ += more;
    }

    void on_loss(const AckSample&) {
        threshold_ = std::max(window_ / 2, kSmallest);
        window_ = threshold_;
        credit_ = 0;
    }

    void on_timeout(std::int32_t in_flight, bool is_first) {
        if (is_first) threshold_ = std::max(window_ / 2, kSmallest);
        window_ = in_flight + 1;
        credit_ = 0;
    }

    // After `rtos` timeouts' worth of silence the path may have changed: halve for each.
    void on_idle(std::int32_t rtos, std::int32_t restart_window) {
        threshold_ = std::max(threshold_, (window_ >> 1) + (window_ >> 2));
        const std::int32_t floor = std::min(restart_window, window_);
        while (rtos-- > 0 && window_ > floor) window_ >>= 1;
        window_ = std::max(window_, floor);
        credit_ = 0;
    }

    // Recovery or loss has ended: what was borrowed meanwhile is given back.
    void on_recovered() { window_ = std::min(window_, threshold_); }

    std::int32_t window() const { return window_; }
    std::int32_t threshold() const { return threshold_; }
    static constexpr std::string_view name() { return "reno"; }

private:
    static constexpr std::int32_t kSmallest = 2;  // RFC 5681 §3.1, equation 4

    std::int32_t window_;
    std::int32_t threshold_ = INT32_MAX;
    std::int32_t credit_ = 0;  // acknowledged segments not yet turned into window
};

}  // namespace fairlead::tcp
