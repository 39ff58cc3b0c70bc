// tcp/ack_policy.hpp — when to acknowledge.
//
// Owns:   whether an ACK is owed, quick-ACK mode, ping-pong mode, the delay and its adaptation, and
//         what size the peer's segments usually have.
// Knows:  RFC 9293 §3.8.6.3, RFC 5681 §4.2 (at least every second full segment, at once when out of
//         order), in Linux's form: 40 to 200 ms, quick ACKs while a flow starts.
// Not here: the timer itself (timers.hpp), sending (connection_output.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/time.hpp"
#include "tcp/compact_time.hpp"
#include "tcp/segment.hpp"

namespace fairlead::tcp {

inline constexpr Duration kShortestAckDelay = 40_ms;
inline constexpr Duration kLongestAckDelay = 200_ms;
inline constexpr int kMostQuickAcks = 16;

// What says that a segment may be short because a write ends with it (TCP_REMNANT).
struct EndMarks {
    constexpr EndMarks(bool has_psh, bool has_other = false)
        : psh{has_psh}, any{has_psh || has_other} {}
    bool psh;
    bool any;  // PSH, FIN or URG
};

class AckPolicy {
public:
    void start(std::uint16_t mss_guess) {
        usual_segment_ = static_cast<std::uint16_t>(std::clamp<int>(mss_guess, 88, 536));
    }

    // What is sent soon after the handshake answers it (tcp_finish_connect).
    void begin(Instant now) { last_data_ = now; }
    // Data arrived in order. `window` is what we offer: enough for how many quick ACKs. True: it is
    // a full segment, and of a size that was not usual.
    bool on_data(std::uint32_t wire_payload, EndMarks marks, std::int64_t window,
                 std::uint32_t advertised_mss, Duration rto, Instant now, OptionBytes options = {});
    // What size the peer's segments have, of one out of order too (tcp_measure_rcv_mss).
    bool measure(std::uint32_t wire_payload, EndMarks marks, std::uint32_t advertised_mss,
                 OptionBytes options = {});
    // Something that must be answered at once: a duplicate, a gap, a full gap.
    void enter_quick(int most, std::int64_t window) {
        raise_quick(most, window);
        pingpong_ = 0;
        delay_ = kShortestAckDelay;
    }
    void end_quick() { quick_ = 0; }
    // tcp_grow_window() sets the lowest bit: one quick ACK more, if the count was even.
    void on_window_growth() { quick_ |= 1; }
    void owe() { is_owed_ = true; }
    // The peer has ended: our answer, or our own FIN, can carry the ACK. Linux delays it as it
    // delayed the data's, and where there was none to its next tick.
    void on_fin(std::int64_t threshold) { enter_pingpong(threshold); }
    void owe_nothing() { is_owed_ = false; }
    void owe_now() { is_owed_ = is_urgent_ = true; }

    void on_ack_sent(std::uint32_t count = 1) {
        // Data of ours that answers nothing uses no quick ACK up.
        if (is_owed_ && quick_ > 0) {
            quick_ = count >= quick_ ? std::uint8_t{0} : static_cast<std::uint8_t>(quick_ - count);
            if (quick_ == 0) delay_ = kShortestAckDelay;
        }
        is_owed_ = is_urgent_ = was_pushed_ = was_pushed_twice_ = false;
    }
    // Without data.
    void on_ack_left_alone(Instant now) { left_alone_us_ = microseconds(now); }
    bool has_left_alone_within_a_millisecond(Instant now) const {
        return microseconds(now) - left_alone_us_ <= 1'000;
    }
    // We answer within the delay: the ACK may ride on our data from now on.
    void on_data_sent(Instant now, std::int64_t threshold) {
        if (now - last_data_ < delay() && pingpong_ < threshold) ++pingpong_;
    }

    bool is_owed() const { return is_owed_; }
    // The ACK cannot wait: more than a segment unacknowledged and the window moves on (the caller
    // knows), quick mode, or a reason to hurry.
    bool is_due(std::int64_t unacknowledged, bool window_moves, std::int64_t threshold) const {
        if (!is_owed_) return false;
        return is_urgent_ || is_quick(threshold) ||
               (unacknowledged > usual_segment_ && window_moves);
    }
    // The application read everything: the ACK it made room for may go.
    bool is_due_after_read(std::int64_t unacknowledged, bool read_all,
                           std::int64_t threshold) const {
        if (!is_owed_) return false;
        if (unacknowledged > usual_segment_) return true;
        return read_all && (was_pushed_twice_ || (was_pushed_ && !is_pingpong(threshold)));
    }
    bool is_quick(std::int64_t threshold) const {
        return is_always_quick_ || (quick_ > 0 && !is_pingpong(threshold));
    }
    bool is_pingpong(std::int64_t threshold) const { return pingpong_ >= threshold; }

    // How long the ACK may wait from now.
    Duration wait(Duration smoothed_rtt, std::int64_t threshold) const;
    // The wait is over: adapt. An ACK is sent by the caller.
    void on_delay_over(Duration rto, std::int64_t threshold) {
        if (is_pingpong(threshold)) {
            pingpong_ = 0;
            delay_ = kShortestAckDelay;
        } else {
            delay_ = std::min(delay() * 2, rto);
        }
    }
    // As the route says.
    void set_always_quick(bool on) { is_always_quick_ = on; }
    // TCP_QUICKACK: ends the ping-pong, or begins it. What is owed may go once it is read, but where a
    // FIN of ours has left.
    void set_quick(bool on, std::int64_t threshold, bool has_ended = false) {
        if (!on) return enter_pingpong(threshold);
        pingpong_ = 0;
        if (is_owed_ && !has_ended) was_pushed_ = true;
    }

    std::uint32_t usual_segment() const { return usual_segment_; }
    Duration delay() const { return delay_; }
    Instant last_data() const { return last_data_; }

private:
    static std::uint32_t microseconds(Instant t) {
        return static_cast<std::uint32_t>(t.ns() / 1'000);
    }
    void enter_pingpong(std::int64_t threshold) {
        pingpong_ = static_cast<std::uint8_t>(std::min<std::int64_t>(threshold, UINT8_MAX));
    }
    void raise_quick(int most, std::int64_t window) {
        const auto enough = static_cast<int>(window / (2 * std::int64_t{usual_segment_}));
        const int wanted = std::min(enough == 0 ? 2 : enough, most);
        quick_ = static_cast<std::uint8_t>(std::max<int>(quick_, wanted));
    }

    Instant last_data_{};
    ShortDuration delay_{};  // zero: no data yet
    std::uint16_t usual_segment_ = 536;
    std::uint16_t last_segment_ = 0;  // of the one before, if it was shorter than usual
    std::uint8_t quick_ = 0;
    std::uint8_t pingpong_ = 0;
    bool is_owed_ = false;
    bool is_urgent_ : 1 = false;
    bool was_pushed_ : 1 = false;
    bool was_pushed_twice_ : 1 = false;
    bool is_always_quick_ : 1 = false;
    std::uint32_t left_alone_us_ =
        0;  // when an ACK left without data: of the microseconds the low bits
};

}  // namespace fairlead::tcp
