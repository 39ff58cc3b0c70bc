// tcp/sender.hpp — our half of the stream: what was written, sent, acknowledged.
//
// Owns:      the send sequence space and window, and one of each room of the send side.
// Answers:   on_ack() what an ACK taught; next_segment() (output.cpp) the one decision what leaves
//            now; on_timeout() what the retransmission timer means.
// Not here:  headers (emit.cpp), the receive side, timers (the corridor arms them).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tcp/congestion/controller.hpp"
#include "tcp/loss_probe.hpp"
#include "tcp/negotiation.hpp"
#include "tcp/recovery.hpp"
#include "tcp/rtt.hpp"
#include "tcp/scoreboard.hpp"
#include "tcp/segment.hpp"
#include "tcp/send_buffer.hpp"

namespace fairlead::tcp {

// How eagerly small segments go: the socket's options.
struct PushRules {
    bool no_delay = false;   // TCP_NODELAY
    bool cork = false;       // TCP_CORK
    bool more = false;       // MSG_MORE on the last write
    bool push_once = false;  // TCP_NODELAY just set, TCP_CORK just cleared: send what waits
    bool gather = true;      // tcp_retrans_collapse: what goes again may take neighbours along
    bool urgent = false;     // urgent data is on its way: one segment a packet, and at once
};

class Sender {
public:
    // --- the sequence space: una <= next <= written ---
    Position una() const { return una_; }
    Position next() const { return next_; }
    Position written() const { return buffer_.end(); }
    std::int64_t window() const { return window_; }
    Position window_end() const { return una_ + window_; }
    std::int64_t largest_window() const { return largest_window_; }
    // The number of a segment without data: what the peer's window still admits, should it have
    // shrunk (tcp_acceptable_seq). Before our SYN is acknowledged no window is known.
    Position acceptable(std::uint8_t scale) const {
        if (una_ == Position{}) return next_;
        const std::int64_t beyond = next_ - window_end();
        return beyond <= 0 || (scale > 0 && beyond < std::int64_t{1} << scale) ? next_
                                                                               : window_end();
    }

    bool start(SendMemory& memory);            // SYN at position 0
    void start_accepted(std::int64_t window);  // our SYN was acknowledged already
    void set_mss(std::uint16_t mss) { mss_ = mss; }
    // No more than half of the most the peer ever offered: one that never offers a full segment
    // is sent what it does offer (RFC 9293 §3.8.6.2.1, Linux's tcp_bound_to_half_wnd).
    std::uint16_t mss() const { return static_cast<std::uint16_t>(whole_mss() - reserved_); }
    // What is in every segment now beside the payload: SACK blocks.
    void reserve(std::uint16_t bytes) {
        reserved_ = std::min<std::uint16_t>(bytes, whole_mss() - kLeastPayload);
    }
    std::uint16_t whole_mss() const {
        if (largest_window_ >= 2 * std::int64_t{mss_} || largest_window_ == 0) return mss_;
        const std::int64_t most =
            largest_window_ > kDefaultMss ? largest_window_ / 2 : largest_window_;
        return static_cast<std::uint16_t>(
            std::min<std::int64_t>(mss_, std::max(most, kSmallestMss)));
    }
    void set_uses_sack(bool on) { uses_sack_ = on; }
    void set_initial_threshold(std::int32_t segments) { recovery_.set_threshold(segments); }

    // --- the application ---
    std::int64_t write(Bytes bytes, SendMemory& memory);
    bool close(SendMemory& memory);  // FIN behind what was written; false: no memory
    void mark_push();                // the end of a write
    void mark_end_of_record();

    // --- the peer ---
    struct AckOutcome {
        bool has_advanced = false;
        bool fin_acked = false;
        Recovery::Step step = Recovery::Step::None;
        std::int32_t lost_by_step = 0;
        bool probe_repaired = false;  // the tail loss probe did
        std::int64_t bytes_acked = 0;
        AckSample sample{};
    };
    // Is the ACK one that can be meant for us? RFC 5961 §5.
    enum class Plausible : std::uint8_t { Yes, Old, TooOld, Unsent };
    Plausible judge(Position ack) const {
        if (ack > next_) return Plausible::Unsent;
        if (ack >= una_) return Plausible::Yes;
        return ack < una_ - std::min(largest_window_, una_.value()) ? Plausible::TooOld
                                                                    : Plausible::Old;
    }
    // It tells nothing that we do not know: neither a number nor a window.
    bool is_repetition(const ToSender& ack, Position seq) const {
        return ack.ack == una_ && !has_newer_window(ack, seq);
    }
    // `seq`, `length`: of the segment that carried it. `echo_rtt`: by timestamps, for where send
    // times say nothing.
    AckOutcome on_ack(const ToSender& ack, Position seq, std::int64_t length, Instant now,
                      const std::optional<Duration>& echo_rtt, const RtoLimits& limits,
                      SendMemory& memory);

    // --- sending: output.cpp ---
    struct Plan {
        Chunk* chunk = nullptr;
        bool is_retransmission = false;
    };
    // What may leave now; cut to size. Nothing: not a thing.
    Plan next_segment(const PushRules& rules, SendMemory& memory);
    // It left.
    void on_sent(const Plan& plan, Instant now);
    // The window is shut and the alarm rang: what fits of the first unsent chunk, even a part of a
    // segment; null: nothing fits, send an empty probe.
    Chunk* next_probe(SendMemory& memory);
    // For the retransmission timer: the first segment that is out.
    Chunk* first_out(const PushRules& rules, SendMemory& memory);
    // The tail loss probe (RFC 8985 §7): when, counted from an ACK or from what was just sent; nothing:
    // not now. Then what; null: nothing may.
    std::optional<Duration> loss_probe_wait(Instant now, bool is_after_ack,
                                            const RtoLimits& limits) const;
    Plan next_loss_probe(SendMemory& memory);
    void on_loss_probe_sent(const Plan& plan, Instant now);
    // What is left of the RTO of the first segment that is out.
    Duration rest_of_rto(Instant now, const RtoLimits& limits) const;
    // After silence (RFC 2861 as Linux has it).
    void restart_if_idle(Instant now, Duration rto, bool enabled);
    // The path takes no larger segments than these any more (RFC 1191 §6.4).
    void lower_mss(std::uint16_t mss);
    // RTO. Returns whether anything was out.
    bool on_timeout();

    bool has_unsent() const { return buffer_.first_unsent() != nullptr; }
    bool has_out() const { return scoreboard_.out() > 0; }
    std::int64_t unsent_bytes() const { return buffer_.end() - next_; }
    // The first unsent segment fits the window.
    bool is_window_open() const;

    SendBuffer& buffer() { return buffer_; }
    const SendBuffer& buffer() const { return buffer_; }
    const Scoreboard& scoreboard() const { return scoreboard_; }
    const Recovery& recovery() const { return recovery_; }
    RttEstimator& rtt() { return rtt_; }
    const RttEstimator& rtt() const { return rtt_; }
    AnyController& controller() { return controller_; }
    const AnyController& controller() const { return controller_; }
    Instant last_sent() const { return last_sent_; }
    void force_next() { force_one_ = true; }
    // The transfer begins: what the handshake lost is no congestion of it.
    void restart_controller(std::int32_t segments) {
        std::visit([&]<typename C>(C& c) { c = C{segments}; }, controller_);
    }

private:
    static constexpr std::int64_t kSmallestMss = 48;
    static constexpr std::uint16_t kLeastPayload = 8;

    bool has_newer_window(const ToSender& ack, Position seq) const;
    bool update_window(const ToSender& ack, Position seq, bool has_advanced);
    void take_rtt(const Scoreboard::Acked& acked, const Scoreboard::Sacked& sacked,
                  const std::optional<Duration>& echo_rtt, Instant now, const RtoLimits& limits,
                  AckOutcome& out);
    void recover(AckOutcome& out, bool is_duplicate, SendMemory& memory);
    void steer(const AckOutcome& out);
    void judge_loss_probe(const ToSender& ack, bool is_news, AckOutcome& out);
    bool is_window_limited() const;

    std::int64_t goal() const;
    std::int64_t burst(std::int64_t segment) const;  // segments that leave as one packet
    void push_half_windows(Chunk* from, std::int64_t full);
    Chunk* next_lost(const PushRules& rules, SendMemory& memory);
    bool cut_to_go_again(Chunk& c, std::int32_t segments, SendMemory& memory);
    void gather(Chunk& c, SendMemory& memory);
    Chunk* next_unsent(const PushRules& rules, SendMemory& memory);
    bool holds_back(bool is_partial, const PushRules& rules) const;  // Nagle, as Minshall has it
    void note_usage();

    Position una_{};
    Position next_{};
    std::int64_t window_ = 0;
    std::int64_t largest_window_ = 0;
    Position window_from_{};  // SND.WL1: the segment that last set the window
    Scoreboard scoreboard_;
    Recovery recovery_;
    AnyController controller_ = NewReno{kInitialWindow};
    std::uint16_t mss_ = 536;
    std::uint16_t reserved_ = 0;
    bool uses_sack_ = false;
    bool force_one_ = false;  // the first retransmission of a recovery goes, whatever cwnd
    bool was_window_limited_ = false;
    RttEstimator rtt_;
    SendBuffer buffer_;
    Position small_sent_{};  // end of the last segment that was not full (Minshall)
    Position usage_end_{};   // cwnd usage is judged once a window
    Position pushed_{};      // end of what was last marked PSH
    std::int32_t most_out_ = 0;
    LossProbe loss_probe_;
    Instant last_sent_{};
};

}  // namespace fairlead::tcp
