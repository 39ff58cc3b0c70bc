// tcp/sender.hpp — our half of the stream: what was written, sent, acknowledged.
//
// Owns:      the send sequence space and window, and one of each room of the send side.
// Answers:   on_ack() what an ACK taught; next_segment() (output.cpp) the one decision what leaves
//            now; on_timeout() what the retransmission timer means.
// Files:     sender.cpp (ACKs), sender_recovery.cpp (the phases of RFC 5681 to 9937, as
//            tcp_fastretrans_alert() has them), output.cpp (what leaves).
// Not here:  headers (emit.cpp), the receive side, timers (the corridor arms them).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "tcp/backroom.hpp"
#include "tcp/chronograph.hpp"
#include "tcp/congestion/controller.hpp"
#include "tcp/loss_probe.hpp"
#include "tcp/negotiation.hpp"
#include "tcp/rtt.hpp"
#include "tcp/scoreboard.hpp"
#include "tcp/segment.hpp"
#include "tcp/send_buffer.hpp"

namespace fairlead::tcp {

// How eagerly small segments go: the socket's options.
struct PushRules {
    bool no_delay = false;        // TCP_NODELAY
    bool cork = false;            // TCP_CORK
    bool more = false;            // MSG_MORE on the last write
    bool push_once = false;       // TCP_NODELAY just set, TCP_CORK just cleared: send what waits
    bool gather = true;           // tcp_retrans_collapse: what goes again may take neighbours along
    std::uint8_t near_shift = 9;  // tcp_tso_rtt_log
    std::uint16_t least_burst = 2;  // tcp_min_tso_segs
    bool urgent = false;            // urgent data is on its way: one segment a packet, and at once
    bool singly = false;            // likewise: each has a signature of its own
    bool one_burst = false;    // a chunk is full, and what fits of it goes while more is written
    bool only_repair = false;  // what goes again, and what F-RTO sends instead
    bool after_ack = false;    // an ACK without data left within the last millisecond
    std::uint8_t window_divisor = 3;  // tcp_tso_win_divisor
    Instant now{};
};

// What the rooms of the send side are told at an ACK or an alarm.
struct SendContext {
    Instant now{};
    const Config& config;
    Counters& counters;
    SendMemory& memory;
    std::optional<Duration> echo{};  // how long ago we sent what the ACK's timestamp echoes
    Duration lowest_rto = 200_ms;
    std::uint32_t retransmitted = 0;        // segments, ever
    std::uint32_t chance = 0;               // another for each connection
    std::uint8_t timeouts = 0;              // in a row, before this one
    const AccurateAck* accurate = nullptr;  // RFC 9768: what the ACK tells of marks
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
    // SYNs have crossed: the window of the second is shifted, but the largest is not (as Linux).
    void open_crossed(std::int64_t window) { window_ = static_cast<std::int32_t>(window); }
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
        reserved_ =
            bytes == 0 ? bytes : std::min<std::uint16_t>(bytes, whole_mss() - kLeastPayload);
    }
    std::uint16_t whole_mss() const {
        if (largest_window_ >= 2 * std::int64_t{mss_} || largest_window_ == 0) return mss_;
        const std::int64_t most =
            largest_window_ > kDefaultMss ? largest_window_ / 2 : largest_window_;
        return static_cast<std::uint16_t>(std::min<std::int64_t>(
            mss_, std::max(most, has_timestamps_ ? kSmallestMss - kTimestampBytes : kSmallestMss)));
    }
    void set_has_timestamps(bool on) { has_timestamps_ = on; }
    void set_uses_sack(bool on) { uses_sack_ = on; }
    void set_uses_ecn(bool on) { uses_ecn_ = on; }
    bool uses_ecn() const { return uses_ecn_; }
    // The window came down, and the peer is to be told, once (RFC 3168 §6.1.2).
    bool take_owed_cwr() {
        const bool owes = owes_cwr_;
        owes_cwr_ = false;
        return owes;
    }
    // tcp_reordering: so many duplicates make a loss, as long as nothing is known of the path.
    void set_reordering(std::int64_t segments) {
        reordering_ = static_cast<std::uint16_t>(segments);
    }

    // --- the application ---
    // No chunk is begun where `limit` is charged already.
    std::int64_t write(Bytes bytes, SendMemory& memory, std::int64_t limit = INT64_MAX);
    void begin_write() {
        if (has_unsent()) buffer_.begin_write(goal());
    }
    // As much as ends a chunk.
    std::int64_t room_of_chunk() const { return buffer_.room_of_chunk(goal()); }
    // What is before it was pushed; the low bits.
    std::uint32_t pushed() const { return pushed_; }
    bool begins_chunk() const { return room_of_chunk() >= goal(); }
    bool close(SendMemory& memory);  // FIN behind what was written; false: no memory
    void mark_push();                // the end of a write
    void mark_end_of_record();

    // --- the peer ---
    struct AckOutcome {
        bool has_advanced = false;
        bool is_late = false;         // another came before it that acknowledged more
        bool restarts_timer = false;  // RTO, or the loss probe
        bool was_spurious = false;    // the timeouts so far were a mistake
        Duration look_again{};        // then, for what is overdue; zero: not for that
        Duration time_out{};          // an RTO sooner than it was armed for
        std::int32_t retransmissions_lost = 0;
        AckSample sample{};
    };
    // Is the ACK one that can be meant for us? RFC 5961 §5.
    enum class Plausible : std::uint8_t { Yes, Old, TooOld, Unsent };
    Plausible judge(Position ack) const {
        if (ack > next_) return Plausible::Unsent;
        if (ack >= una_) return Plausible::Yes;
        // RFC 5961 §5.2: no number that was never ours to send. Linux counts the SYN of a
        // connect() among what was acknowledged, not that of an accept().
        const std::int64_t acked = una_.value() - (was_accepted_ ? 1 : 0);
        return ack < una_ - std::min<std::int64_t>(largest_window_, acked) ? Plausible::TooOld
                                                                           : Plausible::Old;
    }
    // Data that was as predicted: the window that is known is its, though a later one came before
    // (tcp_update_wl).
    void note_window_of(Position seq) { window_from_ = low_bits(seq); }
    // It tells nothing that we do not know: neither a number nor a window.
    bool is_repetition(const ToSender& ack, Position seq) const {
        return ack.ack == una_ && !has_newer_window(ack, seq);
    }
    // `seq`, `length`: of the segment that carried it.
    AckOutcome on_ack(const ToSender& ack, Position seq, std::int64_t length,
                      const SendContext& in);

    // --- sending: output.cpp ---
    struct Plan {
        Chunk* chunk = nullptr;
        bool is_retransmission = false;
        bool is_window_probe = false;
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
    Plan next_loss_probe(const PushRules& rules, SendMemory& memory);
    void on_loss_probe_sent(const Plan& plan, Instant now);
    // Of what waits, what would leave in one packet, were it not held back.
    struct FirstPacket {
        std::int64_t segments = 0;
        bool is_cut = false;  // a chunk is longer
    };
    FirstPacket first_packet(const PushRules& rules) const;
    // The alarm for what was overtaken rang (RFC 8985 §6.3).
    void on_reorder_timeout(const SendContext& in);
    // What is left of the RTO of the first segment that is out.
    Duration rest_of_rto(Instant now, const RtoLimits& limits) const;
    // After silence (RFC 2861 as Linux has it).
    // True: it was silent for so long.
    bool restart_if_idle(Instant now, Duration rto, bool enabled, std::int32_t first_window);
    // The path takes no larger segments than these any more (RFC 1191 §6.4).
    void lower_mss(std::uint16_t mss, const SendContext& in);
    // All that is out goes again, and no congestion is read from it (tcp_simple_retransmit).
    void resend_all(const SendContext& in) { resend_larger_than(0, in); }
    // RTO. Returns whether anything was out.
    bool on_timeout(const SendContext& in);
    // Gives all memory back.
    void clear(SendMemory& memory);
    // The next so many bytes as one segment, larger than others; null: they do not lie together.
    Chunk* next_path_probe(std::int64_t payload, SendMemory& memory);

    bool has_unsent() const { return buffer_.first_unsent() != nullptr; }
    bool has_out() const { return scoreboard_.out() > 0; }
    // Something is lost, and goes again when the window admits it.
    bool has_repairs() const {
        return scoreboard_.lost() > 0 && backroom_->repair != Repair::Nothing;
    }
    // tcp_stream_is_thin(): too little to learn of a loss but by time.
    bool is_thin() const {
        return scoreboard_.out() < 4 && congestion_.threshold != CongestionWindow::kNoThreshold;
    }
    std::int64_t unsent_bytes() const { return buffer_.end() - next_; }
    // The first unsent segment fits the window.
    bool is_window_open() const;

    SendBuffer& buffer() { return buffer_; }
    const SendBuffer& buffer() const { return buffer_; }
    const Scoreboard& scoreboard() const { return scoreboard_; }
    CongestionState phase() const { return phase_; }
    std::int32_t reordering() const { return reordering_; }
    std::uint32_t reorderings() const { return backroom_ == nullptr ? 0 : backroom_->reorderings; }
    std::uint32_t duplicates() const { return backroom_ == nullptr ? 0 : backroom_->duplicates; }
    std::uint32_t delivered() const { return delivered_; }
    void count_syn_delivered() { ++delivered_; }
    // SYN and data were one segment.
    void count_syn_data_once() { delivered_ -= delivered_ > 1 ? 1 : 0; }
    RttEstimator& rtt() { return rtt_; }
    const RttEstimator& rtt() const { return rtt_; }
    const CongestionOperations& controller() const { return *controller_; }
    // The connection is open: a controller that paces, or tells of itself, does so from the first
    // window on.
    void begin(const SendContext& in) { (void)controller_state(in); }
    // What it tells of itself.
    CongestionDetails details() const {
        if (controller_->details == nullptr) return {};
        if (!controller_->has_state) return controller_->details(nullptr);
        const bool can_tell = backroom_ != nullptr && backroom_->has_controller;
        return can_tell ? controller_->details(backroom_->controller.data()) : CongestionDetails{};
    }
    // The window stays; what the one before knew is forgotten.
    void set_controller(const CongestionOperations& controller) {
        controller_ = &controller;
        if (backroom_ != nullptr) backroom_->has_controller = false;
    }
    const CongestionWindow& congestion() const { return congestion_; }
    // Bytes a second: the window in a round trip, and some more, so that it can grow; 0: unknown.
    std::int64_t pacing_rate(const Config& config) const;
    // What a burst holds hangs on the rate as it is now (tcp_update_pacing_rate).
    // `segment`: if that is not the MSS of now.
    void note_pace(const Config& config, std::int64_t segment = 0);
    // Nothing leaves before; long ago: it is not paced.
    Instant paced_until() const {
        return backroom_ != nullptr && backroom_->pacer.is_on() ? backroom_->pacer.next()
                                                                : Instant{};
    }
    bool set_most_pacing_rate(std::int64_t most, const SendContext& in);  // false: no memory
    // The device's queue paces (SK_PACING_FQ): what leaves says when it departs.
    void hold_departures(bool is_held, const SendContext& in);
    // When what leaves now departs; zero: at once.
    Instant departure(Instant now) const {
        return backroom_ != nullptr && backroom_->pacer.is_held() ? backroom_->pacer.departure(now)
                                                                  : Instant{};
    }
    std::int64_t most_pacing_rate() const {
        return backroom_ == nullptr ? Pacer::kUnbounded : backroom_->pacer.most();
    }
    FlightRate::Rate delivery_rate() const {
        return backroom_ == nullptr ? flight_rate_.rate() : backroom_->rate.told();
    }
    const Pacer* pacer() const {
        return backroom_ != nullptr && backroom_->pacer.is_on() ? &backroom_->pacer : nullptr;
    }
    Instant last_sent() const { return last_sent_; }
    Chronograph& chronograph() { return chronograph_; }
    const Chronograph& chronograph() const { return chronograph_; }
    // After all that may leave has left: what holds back the rest, or those who have it.
    void note_limit(bool has_sent, bool waits_for_room, Instant now);
    // The transfer begins: what the handshake lost is no congestion of it.
    // Half of what of the window was not used, but for the first window (RFC 2861).
    void give_up_unused(std::int32_t first_window);
    void restart_window(std::int32_t segments) { congestion_ = {.segments = segments}; }
    // Where slow start ended the last time; 0: nobody knows.
    void begin_with_threshold(std::int32_t segments) {
        if (segments != 0) congestion_.threshold = segments;
    }

private:
    static constexpr std::int64_t kSmallestMss = 48;
    static constexpr std::uint16_t kLeastPayload = 8;
    static constexpr Duration kShortestWait = 2_ms;     // TCP_TIMEOUT_MIN_US
    static constexpr Duration kRenegePatience = 10_ms;  // RFC 2018 §8 says nothing of it

    // The flags of Linux's tcp_ack().
    struct News {
        Position una_before{};
        Position highest_before{};           // the end of what was SACKed
        std::uint32_t delivered_before = 0;  // when what is delivered now was sent
        std::int32_t duplicates = 0;         // ACKs that tell nothing but that something left
        bool had_out = false;                // before it
        bool has_advanced = false;
        bool has_data = false;
        bool moves_window = false;
        bool has_acked = false;
        bool has_sacked = false;
        bool has_duplicate = false;   // a DSACK
        bool names_probe = false;     // a DSACK of the loss probe
        bool has_mark = false;        // some of it came marked
        bool are_all_marked = false;  // as far as ECE tells
        bool had_original = false;    // something sent once, before the loss, arrived
        bool has_reneged = false;
        std::optional<Instant> first_sacked{};  // when it was sent
        Instant last_sacked{};

        bool is_duplicate() const {
            return !has_advanced && !has_data && !moves_window && !has_acked && !has_duplicate;
        }
        bool is_dubious() const {
            return (!has_data && !moves_window && !has_acked) || has_sacked || has_mark ||
                   has_duplicate;
        }
    };

    bool has_newer_window(const ToSender& ack, Position seq) const;
    bool update_window(const ToSender& ack, Position seq, bool has_advanced);
    void take_in_order(const ToSender& ack, Position seq, AckOutcome& out, const SendContext& in);
    void take_in_doubt(const ToSender& ack, Position seq, std::int64_t length, AckOutcome& out,
                       const SendContext& in);
    void take_sacks(const ToSender& ack, News& news, AckOutcome& out, const SendContext& in);
    bool take_duplicate(const ToSender& ack, News& news, const SendContext& in);
    void take_marks(const ToSender& ack, std::uint32_t delivered_before, News& news,
                    AckSample& sample, const SendContext& in) const;
    void sum_up(std::uint32_t delivered_before, const News& news, AckSample& sample) const;
    bool is_useful(const Range& block, bool is_duplicate) const;
    void take_acked(News& news, AckOutcome& out, const SendContext& in);
    void count_delivered(const Scoreboard::Acked& acked, const SendContext& in);
    bool find_rtt(const Scoreboard::Acked& acked, const News& news, AckOutcome& out,
                  const SendContext& in);
    struct RoundTrip {
        Duration first{};  // of what was sent first, of what is acknowledged now
        Duration last{};   // and of what was sent last
        const Scoreboard::Acked* alone = nullptr;  // what tells it, if no SACK does
    };
    bool is_maybe_delayed(const Scoreboard::Acked& acked) const;
    bool take_rtt(const RoundTrip& told, AckOutcome& out, const SendContext& in);
    Delivering delivering(const SendContext& in);
    void judge_loss_probe(const News& news, AckOutcome& out, const SendContext& in);
    void steer(AckOutcome& out, bool is_forward, const SendContext& in);
    bool is_window_limited() const;
    void measure(AckSample& sample, bool has_reneged, const SendContext& in);
    void measure_flight(const FlightRate::Acked& last, Instant now);
    void stamp(Chunk& c, Instant now);
    void tell(AckSample& sample, const SendContext& in);
    void note_pause();

    // sender_recovery.cpp
    Backroom* open_backroom(const SendContext& in);
    Backroom* make_backroom(const SendContext& in);
    Chunk* first_in_flight() { return has_out() ? buffer_.chunks().first() : nullptr; }
    void tidy_backroom(SendMemory& memory);
    struct Acting {
        const CongestionOperations* controller;
        void* state;
    };
    void* controller_state(const SendContext& in);
    // Who decides now: as long as nothing but slow start is wanted, or there is no memory, NewReno.
    Acting acting_controller(const SendContext& in) {
        if (!controller_->has_state) return {controller_, nullptr};
        const bool has_state = backroom_ != nullptr && backroom_->has_controller;
        const bool is_plain = congestion_.threshold == CongestionWindow::kNoThreshold &&
                              congestion_.segments < controller_->stateless_below;
        void* state = has_state || !is_plain ? controller_state(in) : nullptr;
        return state != nullptr ? Acting{controller_, state} : Acting{&kReno, nullptr};
    }
    void set_pace(const Acting& acting, const Config& config);

    enum class Cause : std::uint8_t { Loss, Mark };
    std::int32_t threshold_after(Cause cause, const SendContext& in);
    void recover(News& news, AckOutcome& out, const SendContext& in);
    bool may_leave_phase(const SendContext& in);
    bool go_on_recovering(News& news, AckOutcome& out, const SendContext& in);
    bool go_on_after_timeout(News& news, AckOutcome& out, const SendContext& in);
    void judge_timeout(News& news, AckOutcome& out, const SendContext& in);
    bool try_tentatively(const News& news, AckOutcome& out, const SendContext& in);
    void find_lost(const News& news, AckOutcome& out, const SendContext& in);
    void note_lost(const Scoreboard::Lost& lost, const SendContext& in);
    Duration reordering_window(const SendContext& in) const;
    void note_reordering(Position low, Counter counter, const SendContext& in);
    void note_too_many_duplicates(std::int32_t more, const SendContext& in);
    void count_duplicates(std::int32_t count, const SendContext& in);
    void enter(CongestionState phase, const SendContext& in);
    void enter_recovery(bool has_mark, const SendContext& in);
    void enter_reduction(const SendContext& in);
    void begin_reduction(Cause cause, const SendContext& in);
    void end_reduction();
    void try_open(const News& news, const SendContext& in);
    void keep_open(const SendContext& in);
    void reduce(const AckSample& sample, bool has_advanced);
    bool is_undo_due(const SendContext& in) const;
    bool undo_recovery(const SendContext& in);
    bool undo_timeout(bool is_tentative, AckOutcome& out, const SendContext& in);
    bool undo_in_part(const News& news, const SendContext& in);
    bool undo_by_duplicates(const SendContext& in);
    void undo_reduction(bool unmarks, const SendContext& in);
    bool is_held_open() const;
    // Linux enters Loss for a SYN, too, and so holds it (tcp_try_undo_recovery).
    bool is_held_since_syn() const { return syn_timed_out_ && !uses_sack_ && una_ == Position{1}; }
    bool has_retransmitted() const;
    void begin_undo();
    bool is_reducing() const {
        return phase_ == CongestionState::Cwr || phase_ == CongestionState::Recovery;
    }
    std::optional<Instant> echoed(const SendContext& in) const;

    std::int64_t goal() const;
    // Segments that leave as one packet.
    std::int64_t burst(std::int64_t segment, const PushRules& rules) const;
    // Bytes of one packet of new data.
    std::int64_t most_at_once(std::int64_t quota, std::int64_t segment,
                              const PushRules& rules) const;
    void push_half_windows(Chunk* from, std::int64_t full);
    Chunk* next_in_doubt(PushRules rules, SendMemory& memory);
    void resend_larger_than(std::uint16_t mss, const SendContext& in);
    Chunk* next_lost(const PushRules& rules, SendMemory& memory);
    void note_sent(Chunk& c, bool is_retransmission, Instant now);
    bool cut_to_go_again(Chunk& c, std::int32_t segments, SendMemory& memory);
    void gather(Chunk& c, SendMemory& memory);
    Chunk* next_unsent(const PushRules& rules, SendMemory& memory);
    bool holds_back(bool is_partial, const PushRules& rules) const;  // Nagle, as Minshall has it
    enum class Wait : std::uint8_t { No, Yes, ForCongestionWindow };
    Wait wait_to_grow(const Chunk& c, std::int64_t segment, const PushRules& rules) const;
    void note_usage();
    void set_usage(bool is_full) {
        was_window_limited_ = is_full;
        most_out_ = scoreboard_.out();
        usage_end_ = low_bits(next_);
    }

    Position una_{};
    Position next_{};
    std::int32_t window_ = 0;  // below 1 GiB (RFC 7323 §2.3)
    std::int32_t largest_window_ = 0;
    Scoreboard scoreboard_;
    Backroom* backroom_ = nullptr;
    const CongestionOperations* controller_ = &kReno;
    CongestionWindow congestion_{};
    std::uint32_t delivered_ = 0;  // segments
    std::uint16_t mss_ = 536;
    std::uint16_t reserved_ = 0;
    std::uint16_t reordering_ = 3;  // segments
    CongestionState phase_ = CongestionState::Open;
    bool uses_sack_ : 1 = false;
    bool was_window_limited_ : 1 = false;
    bool uses_ecn_ : 1 = false;
    bool owes_cwr_ : 1 = false;
    bool was_accepted_ : 1 = false;
    bool syn_timed_out_ : 1 = false;
    bool has_timestamps_ : 1 = false;
    RttEstimator rtt_;
    SendBuffer buffer_;
    // Of positions the low bits: they are less than 2 GiB away.
    std::uint32_t small_sent_ = 0;   // end of the last segment that was not full (Minshall)
    std::uint32_t window_from_ = 0;  // SND.WL1: the segment that last set the window
    std::uint32_t usage_end_ = 0;    // cwnd usage is judged once a window
    std::uint32_t pushed_ = 0;       // end of what was last marked PSH
    std::uint32_t pace_ = 0;         // bytes in 1/1024 s, as the last ACK had it; 0: unknown
    Chronograph chronograph_{};
    std::int32_t most_out_ = 0;
    LossProbe loss_probe_;
    Instant last_sent_{};
    FlightRate flight_rate_{};  // as long as there is no backroom
};

}  // namespace fairlead::tcp
