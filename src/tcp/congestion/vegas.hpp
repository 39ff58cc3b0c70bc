// tcp/congestion/vegas.hpp — the window follows the delay: two to four segments in the queue.
//
// Knows:  Vegas (Brakmo and Peterson) as Linux's tcp_vegas.c has it: alpha 2, beta 4, gamma 1; once a
//         round trip, where more than two round trips were measured, else as NewReno.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/new_reno.hpp"

namespace fairlead::tcp {

class Vegas {
public:
    static constexpr std::string_view kName = "vegas";

    void on_delivered(CongestionWindow&, const AckSample& ack) {
        if (!ack.rtt) return;
        const std::int64_t us = ack.last_rtt.us() + 1;
        shortest_us_ = std::min(shortest_us_, us);
        least_us_ = std::min(least_us_, us);
        ++samples_;
    }
    void on_ack(CongestionWindow& window, const AckSample& ack) {
        if (!is_on_) return NewReno{}.on_ack(window, ack);
        if (ack.acked_to > round_end_) {
            round_end_ = ack.next;
            if (samples_ <= kFewSamples) {
                NewReno{}.on_ack(window, ack);
            } else {
                judge(window, ack);
            }
            samples_ = 0;
            least_us_ = INT32_MAX;
        } else if (window.is_slow_start()) {
            window.grow_in_slow_start(ack.delivered);
        }
    }
    std::int32_t threshold(const CongestionWindow& window, Instant now) {
        return NewReno{}.threshold(window, now);
    }
    // What recovery and loss delay says nothing.
    void on_phase(CongestionState phase) {
        is_on_ = phase == CongestionState::Open;
        samples_ = 0;
        least_us_ = INT32_MAX;
    }
    void on_restart(Instant, Instant) { *this = Vegas{}; }
    // struct tcpvegas_info
    CongestionDetails details() const {
        const auto us = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
        return {.form = CongestionDetails::Form::Vegas,
                .bytes = 16,
                .words = {is_on_ ? 1u : 0u, samples_, us(shortest_us_), us(least_us_)}};
    }

private:
    static constexpr std::uint32_t kFewSamples = 2;
    static constexpr std::int64_t kAlpha = 2;
    static constexpr std::int64_t kBeta = 4;
    static constexpr std::int64_t kGamma = 1;

    void judge(CongestionWindow& window, const AckSample& ack) const {
        const std::int64_t segments = window.segments;
        // Of the window, what lies in a queue.
        const std::int64_t queued = segments * (least_us_ - shortest_us_) / shortest_us_;
        if (window.is_slow_start() && queued > kGamma) {
            const std::int64_t through = segments * shortest_us_ / least_us_;
            window.segments = static_cast<std::int32_t>(std::min(segments, through + 1));
            window.threshold = lowered(window);
        } else if (window.is_slow_start()) {
            window.grow_in_slow_start(ack.delivered);
        } else if (queued > kBeta) {
            --window.segments;
            window.threshold = lowered(window);
        } else if (queued < kAlpha) {
            ++window.segments;
        }
        window.segments = std::max(window.segments, 2);
        window.threshold = window.three_quarters();
    }
    static std::int32_t lowered(const CongestionWindow& window) {
        return std::min(window.threshold, window.segments);
    }

    std::int64_t round_end_ = 0;
    std::int64_t shortest_us_ = INT32_MAX;
    std::int64_t least_us_ = INT32_MAX;  // of this round trip
    std::uint32_t samples_ = 0;
    bool is_on_ = true;
};

}  // namespace fairlead::tcp
