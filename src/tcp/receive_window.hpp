// tcp/receive_window.hpp — how much may the peer send?
//
// Owns:   the window we advertise (its right edge shrinks only when memory is out), the receive
//         buffer it comes from, and their growth.
// Knows:  RFC 9293 §3.8.6.2.2 (receiver's silly-window avoidance), RFC 7323 §2 (scale); Linux's
//         tcp_select_window, tcp_grow_window and tcp_rcv_space_adjust (Dynamic Right-Sizing).
// Memory: a part of the buffer is window, the rest pays for what a segment costs beyond its bytes.
//         The part is half until full segments tell (Linux's scaling_ratio; true_size.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "tcp/options.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

inline constexpr std::int64_t kLargestUnscaledWindow = 65535;
inline constexpr std::uint8_t kLargestScale = 14;

// In 256ths of the buffer.
inline constexpr std::uint8_t kFirstRatio = 128;
constexpr std::int64_t window_from_space(std::int64_t space, std::uint8_t ratio = kFirstRatio) {
    return space * ratio >> 8;
}
constexpr std::int64_t space_from_window(std::int64_t window, std::uint8_t ratio) {
    return (window << 8) / ratio;
}

// SO_RCVBUF, or what there is without it.
struct ReceiveBuffer {
    std::int64_t bytes = 0;
    bool is_locked = false;  // the application said so: no growth
};

inline ReceiveBuffer receive_buffer(const Options& options, const Config& config) {
    const bool is_locked = options.receive_buffer != 0;
    return {is_locked ? std::int64_t{options.receive_buffer} : config.tcp_rmem[1], is_locked};
}

// What the first segment offers (tcp_select_initial_window).
struct InitialWindow {
    std::int32_t window = 0;
    std::int32_t clamp = 0;
    std::uint8_t scale = 0;

    // At most so many segments, as a route may say; 0: it does not.
    InitialWindow of_segments(std::uint32_t most, std::int64_t mss) const {
        if (most == 0) return *this;
        InitialWindow fewer = *this;
        fewer.window =
            static_cast<std::int32_t>(std::min<std::int64_t>(window, std::int64_t{most} * mss));
        return fewer;
    }
};
InitialWindow initial_window(ReceiveBuffer buffer, std::int64_t clamp, std::int64_t mss,
                             bool may_scale, const Config& config);

// A segment that was queued, as far as the window is concerned.
struct QueuedSegment {
    std::int64_t payload = 0;
    std::int64_t charge = 0;  // of it alone
    std::int64_t advertised_mss = 0;
    std::int64_t usual = 0;  // what size the peer's segments have
};

class ReceiveWindow {
public:
    void start(const InitialWindow& offered, Position next, ReceiveBuffer buffer);
    // The handshake is done: one segment of the buffer is kept back (tcp_init_buffer_space).
    void settle(std::int64_t mss, const Config& config, Instant now);
    // The peer refused scaling: what we offered fits into 16 bits.
    void drop_scale();

    std::uint8_t scale() const { return scale_; }
    std::int64_t buffer() const { return buffer_; }
    std::int64_t clamp() const { return clamp_; }
    void set_buffer(std::int64_t bytes, bool is_locked);
    // tcp_set_window_clamp
    void set_clamp(std::int64_t bytes);

    // What is still open, seen from `next`.
    std::int64_t open(Position next) const {
        return std::max<std::int64_t>(0, acked_ + offered_ - next);
    }
    Position last_ack() const { return acked_; }
    std::int64_t offered() const { return offered_; }
    // What the application read in the last round trip, or what the first window lets it.
    std::int64_t measured_space() const { return measured_space_; }
    std::int64_t slow_start_threshold() const { return threshold_; }

    // What an ACK sent now would offer (__tcp_select_window); `charged`: memory that our queues
    // take; `segment`: the usual size of the peer's.
    std::int64_t candidate(std::int64_t charged, std::int64_t segment, const Config& config) const;
    // Less than half is free: no ACK goes quicker than it must.
    bool is_scarce(std::int64_t charged, const Config& config) const {
        const std::int64_t free = space(charged);
        const std::int64_t half = std::min<std::int64_t>(clamp_, full_space()) >> 1;
        return free < half || (may_shrink(config) && free >> scale_ << scale_ < half);
    }
    // Takes it: what a segment that leaves now says, in bytes. Never left of the present edge.
    std::int64_t advertise(Position next, std::int64_t charged, std::int64_t segment,
                           const Config& config);
    // What was promised kept it from saying 0.
    bool is_held_open() const { return is_held_open_; }

    // A segment that says `next` leaves, and what it offers is what was offered before.
    void acknowledge(Position next) { acked_ = next; }

    // Memory has run out: what was promised is taken back (Linux's ICSK_ACK_NOMEM).
    void shut(Position next) {
        acked_ = next;
        offered_ = 0;
    }

    // It costs more than its bytes are worth: a copy of it is cheaper (tcp_collapse).
    bool is_bloated(std::int64_t charge, std::int64_t bytes) const {
        return window_from_space(charge, ratio_) > bytes;
    }
    // A segment larger than any before it, or of another size than usual: it tells what part of
    // the buffer is payload (tcp_measure_rcv_mss).
    void on_full_segment(std::int64_t payload, std::int64_t charge);
    // The window may open further (tcp_grow_window); `charged`: with the segment. True: more may be
    // offered than before.
    bool on_data(const QueuedSegment& segment, std::int64_t charged, const Config& config);
    // Memory is over: the buffer grows to what is held, or the window will shrink
    // (tcp_clamp_window).
    void on_overrun(std::int64_t charged, std::int64_t mss, bool may_grow, const Config& config);
    // The stack's memory is scarce (tcp_adjust_rcv_ssthresh).
    void keep_small(std::int64_t mss) {
        constexpr std::int64_t kFewSegments = 4;
        threshold_ = narrow(std::min<std::int64_t>(threshold_, kFewSegments * mss));
    }
    // The application read up to `read`, and `unread` bytes are left: grow the buffer to twice what
    // it reads in a round trip. `early`: how far what lies out of order reaches.
    void on_read(Position read, std::int64_t unread, std::int64_t early, Duration rtt, Instant now,
                 const Config& config);
    // Something lies out of order: the sender is that much ahead.
    void on_early(std::int64_t early, const Config& config) {
        grow_buffer(measured_space_, early, config);
    }

private:
    // tcp_full_space, and what of it is free (tcp_space): negative where more is held.
    std::int64_t full_space() const { return window_from_space(buffer_, ratio_); }
    std::int64_t space(std::int64_t charged) const {
        return window_from_space(buffer_ - charged, ratio_);
    }
    void grow_buffer(std::int64_t copied, std::int64_t early, const Config& config);
    bool may_shrink(const Config& config) const {
        return config.tcp_shrink_window != 0 && scale_ > 0;
    }

    // Each connection has these: kept in half of the room that they are reckoned in. A window is
    // below 1 GiB (RFC 7323 §2.3), a buffer at most INT_MAX.
    static std::int32_t narrow(std::int64_t bytes) {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(bytes, 0, INT32_MAX));
    }

    Position acked_{};                  // RCV.NXT when the window was last advertised
    std::uint32_t measured_from_ = 0;   // of a position the low bits: less than 2 GiB are between
    std::uint32_t measured_at_us_ = 0;  // likewise
    std::int32_t measured_space_ = 0;
    std::int32_t offered_ = 0;
    std::int32_t threshold_ = 0;  // rcv_ssthresh
    std::int32_t clamp_ = 0;
    std::int32_t buffer_ = 0;  // SO_RCVBUF
    std::uint8_t scale_ = 0;
    std::uint8_t ratio_ = kFirstRatio;  // of a buffer that is window
    bool is_locked_ : 1 = false;        // SO_RCVBUF was set: no growth
    bool is_held_open_ : 1 = false;
};

}  // namespace fairlead::tcp
