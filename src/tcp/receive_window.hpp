// tcp/receive_window.hpp — how much may the peer send?
//
// Owns:   the window we advertise (its right edge shrinks only when memory is out), the receive
//         buffer it comes from, and their growth.
// Knows:  RFC 9293 §3.8.6.2.2 (receiver's silly-window avoidance), RFC 7323 §2 (scale); Linux's
//         tcp_select_window, tcp_grow_window and tcp_rcv_space_adjust (Dynamic Right-Sizing).
// Memory: half of the buffer is window, the other half pays for what a segment costs beyond its
//         bytes (Linux's scaling ratio of 128/256).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

inline constexpr std::int64_t kLargestUnscaledWindow = 65535;
inline constexpr std::uint8_t kLargestScale = 14;

constexpr std::int64_t window_from_space(std::int64_t space) { return space / 2; }
constexpr std::int64_t space_from_window(std::int64_t window) { return window * 2; }

// What the first segment offers (tcp_select_initial_window).
struct InitialWindow {
    std::int64_t window = 0;
    std::uint8_t scale = 0;

    // At most so many segments, as a route may say; 0: it does not.
    InitialWindow of_segments(std::uint32_t most, std::int64_t mss) const {
        if (most == 0) return *this;
        return {.window = std::min(window, std::int64_t{most} * mss), .scale = scale};
    }
};
InitialWindow initial_window(std::int64_t receive_buffer, std::int64_t clamp, std::int64_t mss,
                             bool may_scale, const Config& config);

class ReceiveWindow {
public:
    void start(const InitialWindow& offered, Position next, std::int64_t buffer, std::int64_t mss,
               Instant now);
    // The handshake is done: one segment of the buffer is kept back (tcp_init_buffer_space).
    void settle(std::int64_t mss, const Config& config);
    // The peer refused scaling: what we offered fits into 16 bits.
    void drop_scale();

    std::uint8_t scale() const { return scale_; }
    std::int64_t buffer() const { return buffer_; }
    std::int64_t clamp() const { return clamp_; }
    void set_buffer(std::int64_t bytes, bool is_locked);
    void set_clamp(std::int64_t bytes) { clamp_ = narrow(bytes); }

    // What is still open, seen from `next`.
    std::int64_t open(Position next) const {
        return std::max<std::int64_t>(0, acked_ + offered_ - next);
    }
    Position last_ack() const { return acked_; }
    std::int64_t offered() const { return offered_; }
    // What the application read in the last round trip, or what the first window lets it.
    std::int64_t measured_space() const { return measured_space_; }
    std::int64_t slow_start_threshold() const { return threshold_; }

    // What an ACK sent now would offer (__tcp_select_window); `held`: bytes in our queues;
    // `segment`: the usual size of the peer's.
    std::int64_t candidate(std::int64_t held, std::int64_t segment, const Config& config) const;
    // Takes it: what a segment that leaves now says, in bytes. Never left of the present edge.
    std::int64_t advertise(Position next, std::int64_t held, std::int64_t segment,
                           const Config& config);

    // A segment that says `next` leaves, and what it offers is what was offered before.
    void acknowledge(Position next) { acked_ = next; }

    // Memory has run out: what was promised is taken back (Linux's ICSK_ACK_NOMEM).
    void shut(Position next) {
        acked_ = next;
        offered_ = 0;
    }

    // Payload arrived in order, merged or not: the window may open further (tcp_grow_window).
    // True: more may be offered than before.
    bool on_data(std::int64_t payload, std::int64_t mss, std::int64_t held);
    // The application read up to `read`: grow the buffer to twice what it reads in a round trip.
    void on_read(Position read, std::int64_t mss, Duration rtt, Instant now, const Config& config);

private:
    std::int64_t full_space() const { return window_from_space(buffer_); }
    bool may_shrink(const Config& config) const {
        return config.tcp_shrink_window != 0 && scale_ > 0;
    }

    // Each connection has these: kept in half of the room that they are reckoned in. A window is
    // below 1 GiB (RFC 7323 §2.3), a buffer at most INT_MAX.
    static std::int32_t narrow(std::int64_t bytes) {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(bytes, 0, INT32_MAX));
    }

    Position acked_{};  // RCV.NXT when the window was last advertised
    Position measured_from_{};
    Instant measured_at_{};
    std::int32_t measured_space_ = 0;
    std::int32_t offered_ = 0;
    std::int32_t threshold_ = 0;  // rcv_ssthresh
    std::int32_t clamp_ = 0;
    std::int32_t buffer_ = 0;  // SO_RCVBUF
    std::uint8_t scale_ = 0;
    bool is_locked_ = false;  // SO_RCVBUF was set: no growth
};

}  // namespace fairlead::tcp
