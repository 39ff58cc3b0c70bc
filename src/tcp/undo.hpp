// tcp/undo.hpp — was it all a mistake?
//
// Owns:   where the stream stood when the window was reduced, how many of the retransmissions since
//         have not been shown to be needless, when the first of them left, and the threshold to go
//         back to.
// Knows:  RFC 3522 and 4015 (Eifel: an ACK that echoes a timestamp older than the retransmission is
//         of the original), RFC 3708 (a DSACK for each retransmission).
// Not here: F-RTO (sender_recovery.cpp), the window (the controller's).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "fairlead/time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

class Undo {
public:
    // `in_flight`: retransmissions that may yet be reported.
    constexpr void begin(Position una, std::int32_t in_flight) {
        marker_ = una;
        pending_ = in_flight > 0 ? in_flight : kNothingSent;
    }
    constexpr void forget() { marker_ = kNone; }
    constexpr bool is_open() const { return marker_ != kNone; }
    constexpr Position marker() const { return marker_; }

    constexpr void on_retransmitted(std::int32_t segments, Instant now) {
        if (!since_) since_ = now;
        pending_ = std::max(pending_, 0) + segments;
    }
    // A DSACK of retransmissions, the last of which ends there.
    constexpr void on_duplicate(std::int32_t segments, Position end) {
        if (is_open() && pending_ > 0 && end > marker_) pending_ = std::max(0, pending_ - segments);
    }
    constexpr void forget_retransmissions() { since_.reset(); }

    constexpr bool all_were_needless() const { return is_open() && pending_ == 0; }
    // `echoed`: when we sent what the ACK's timestamp echoes, in whole milliseconds as timestamps
    // have them. With nothing sent again, what came was late, unless that is only forgotten
    // (`is_held`: without SACK, everything that was out has arrived).
    constexpr bool was_late(const std::optional<Instant>& echoed, bool is_held = false) const {
        if (!since_) return !is_held;
        return echoed && *echoed < Instant::from_ns(since_->ns() / kMillisecond * kMillisecond);
    }
    constexpr bool is_due(const std::optional<Instant>& echoed, bool is_held = false) const {
        return is_open() && (pending_ == 0 || was_late(echoed, is_held));
    }

    // The slow-start threshold before; 0: there is none to go back to.
    std::int32_t threshold = 0;

private:
    static constexpr std::int32_t kNothingSent = -1;
    static constexpr std::int64_t kMillisecond = 1'000'000;
    static constexpr Position kNone{-1};

    Position marker_ = kNone;
    std::int32_t pending_ = 0;
    std::optional<Instant> since_{};
};

}  // namespace fairlead::tcp
