// tcp/pacer.hpp — when the next may leave.
//
// Owns:   Pacer: the rate of a sender that is paced, and the moment before which nothing leaves.
// Knows:  Linux's internal pacing (tcp_update_skb_after_send, tcp_pacing_check): a packet takes as
//         long as its bytes at the rate, and what was not used before counts for half of it; the first
//         ten segments of data are not held back.
// Not here: the rate of a window (Sender::pacing_rate), the alarm (connection_output.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

class Pacer {
public:
    static constexpr std::int64_t kUnbounded = INT64_MAX;

    // Only where the controller or the application asks for it, or the device's queue paces.
    bool is_on() const { return rate_ != kUnbounded || is_held(); }
    std::int64_t rate() const { return rate_; }  // bytes a second
    void set_rate(std::int64_t rate) { rate_ = std::clamp<std::int64_t>(rate, 1, most_); }
    std::int64_t most() const { return most_; }
    // SO_MAX_PACING_RATE
    void set_most(std::int64_t most) {
        most_ = std::max<std::int64_t>(most, 1);
        rate_ = std::min(rate_, most_);
    }

    // The device's queue holds each packet until it departs (fq): it may come there as much earlier.
    static constexpr Duration kLead = 1_ms;
    void set_held(bool is_held) { lead_ = is_held ? kLead : Duration{}; }
    bool is_held() const { return !lead_.is_zero(); }
    // When what goes to the device now is to leave it.
    Instant departure(Instant now) const { return is_held() ? std::max(next_, now) : now; }

    Duration until_departure(Instant now) const { return std::max(next_ - now, Duration{}); }
    // When the next may go to the device.
    Instant next() const { return next_ - lead_; }
    bool may_leave(Instant now) const { return next() <= now; }
    // `segments`: of data that left so far, this included.
    void on_sent(std::int64_t bytes, std::uint32_t segments, Instant now) {
        const Duration unused = std::max(now - next_, Duration{});
        next_ = std::max(next_, now);
        if (segments < kFree) return;
        Duration takes = Duration::from_ns(bytes * 1'000'000'000 / rate_);
        takes = takes - std::min(takes / 2, unused);
        next_ = next_ + takes;
    }

private:
    static constexpr std::uint32_t kFree = 10;  // segments

    std::int64_t rate_ = kUnbounded;
    std::int64_t most_ = kUnbounded;
    Instant next_{};
    Duration lead_{};
};

}  // namespace fairlead::tcp
