// tcp/congestion/prague.hpp — a window for queues that are kept nearly empty (L4S).
//
//      alpha <- alpha + (F - alpha) / 16        once a virtual round trip; F: what part of it was marked
//      a mark: W <- W (1 - alpha / 2)           a loss: W <- W / 2
//      growth: (R / V)^2 segments a round trip  V: the virtual round trip, R or 25 ms if that is more
//
// Knows:  draft-briscoe-iccrg-prague-congestion-control §2.3 and §2.4, RFC 9331 §4: ECT(1), accurate
//         ECN, pacing, growth by what was not marked alone, fractions of a segment, and no advantage
//         of a short round trip (after as many rounds as make it fair to short flows first).
// Not here: who acts where the peer tells no marks, or in the older form (handshake.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"

namespace fairlead::tcp {

class Prague {
public:
    static constexpr std::string_view kName = "prague";
    static constexpr std::uint8_t kEcnCodepoint = 1;  // ECT(1)
    static constexpr bool kNeedsAccurateEcn = true;
    static constexpr int kShift = 20;  // of alpha, and of a segment's fraction
    static constexpr std::uint32_t kWhole = 1u << kShift;

    void on_ack(CongestionWindow& window, const AckSample& ack) {
        if (!ack.is_window_limited) return;
        std::int32_t unmarked = std::max(ack.delivered - ack.marked, 0);
        if (window.is_slow_start()) {
            was_slow_start_ = true;
            unmarked = window.grow_in_slow_start(unmarked);
        }
        grow(window.segments, unmarked, ack.smoothed_rtt);
    }
    std::int32_t threshold(const CongestionWindow& window, Instant) {
        fraction_ = 0;
        return std::max(window.segments >> 1, kLeast);
    }
    std::int32_t threshold_of_mark(const CongestionWindow& window, Instant) {
        const std::uint64_t before =
            (static_cast<std::uint64_t>(window.segments) << kShift) + fraction_;
        const std::uint64_t left = before - (before * alpha_ >> (kShift + 1));
        fraction_ = static_cast<std::uint32_t>(left & (kWhole - 1));
        return std::max(static_cast<std::int32_t>(left >> kShift), kLeast);
    }
    void on_phase(CongestionState phase) { is_coming_down_ = phase == CongestionState::Cwr; }
    void on_delivered(CongestionWindow& window, const AckSample& ack) {
        delivered_ += static_cast<std::uint32_t>(ack.delivered);
        marked_ += static_cast<std::uint32_t>(ack.marked);
        // On the way down what was not marked still counts: for where it ends.
        if (is_coming_down_) {
            grow(window.threshold, std::max(ack.delivered - ack.marked, 0), ack.smoothed_rtt);
        }
        if (ack.acked_to >= round_end_) end_round(ack);
        pace(window, ack);
    }
    std::int64_t pacing_rate() const { return pacing_rate_; }

    std::uint32_t alpha() const { return alpha_; }

private:
    static constexpr std::int32_t kLeast = 2;
    static constexpr int kGain = 4;  // 1/16
    static constexpr Duration kReference = 25_ms;
    static constexpr std::uint32_t kRoundsOfAnyLength = 500;

    void grow(std::int32_t& segments, std::int32_t acked, Duration rtt) {
        const auto more = static_cast<std::uint64_t>(acked) * step(rtt);
        const std::uint64_t all = fraction_ + more / static_cast<std::uint64_t>(segments);
        segments += static_cast<std::int32_t>(all >> kShift);
        fraction_ = static_cast<std::uint32_t>(all & (kWhole - 1));
    }
    // Of a round trip, in 2^20ths of a segment.
    std::uint64_t step(Duration rtt) const {
        if (rounds_ < kRoundsOfAnyLength || rtt >= kReference) return kWhole;
        const auto part = static_cast<std::uint64_t>((rtt.ns() << (kShift / 2)) / kReference.ns());
        return part * part;
    }
    void end_round(const AckSample& ack) {
        round_end_ = ack.next;
        if (was_slow_start_) {
            was_slow_start_ = false;
            rounds_ = 0;
        } else {
            rounds_ = std::min(rounds_ + 1, kRoundsOfAnyLength);
        }
        if (ack.now < virtual_end_) return;
        virtual_end_ = ack.now + std::max(ack.smoothed_rtt, kReference);
        const std::uint64_t marked = std::min(marked_, delivered_);
        const auto share =
            static_cast<std::uint32_t>((marked << kShift) / std::max(delivered_, 1u));
        alpha_ = alpha_ - (alpha_ >> kGain) + (share >> kGain);
        delivered_ = marked_ = 0;
    }
    // The window in a round trip; twice that in slow start, for it to grow.
    void pace(const CongestionWindow& window, const AckSample& ack) {
        constexpr std::int64_t kSecond = 1'000'000;  // us
        const std::int64_t us = ack.smoothed_rtt.us();
        if (us <= 0) return;
        const std::int64_t factor = window.segments < window.threshold / 2 ? 2 : 1;
        const std::int64_t segments = std::max(window.segments, ack.in_flight);
        pacing_rate_ = factor * segments * ack.mss * kSecond / us;
    }

    std::int64_t round_end_ = 0;
    Instant virtual_end_{};
    std::int64_t pacing_rate_ = INT64_MAX;
    std::uint32_t alpha_ = kWhole;
    std::uint32_t fraction_ = 0;  // of a segment, beside the window
    std::uint32_t delivered_ = 0;
    std::uint32_t marked_ = 0;
    std::uint32_t rounds_ = 0;  // since slow start
    bool is_coming_down_ = false;
    bool was_slow_start_ = false;
};

}  // namespace fairlead::tcp
