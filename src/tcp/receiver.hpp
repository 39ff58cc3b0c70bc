// tcp/receiver.hpp — the peer's half of the stream: what came, what is kept, what may come.
//
// Owns:      RCV.NXT, the queue the application reads, the out-of-order room (borrowed), the FIN,
//            and one of each room of the receive side.
// Knows:     RFC 9293 §3.10.7.4, seventh and eighth step; Linux's tcp_data_queue for what counts as
//            a duplicate and when that must be said at once; RFC 3168 §6.1.3,
//            RFC 8257 §3.2.
// Memory:    what both queues hold down stays within the receive buffer, whatever the window said: a
//            small segment is copied to the one before it, and what is over is refused.
// Not here:  states and what a FIN means (connection), sending the ACK (connection_output.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "fairlead/packet.hpp"
#include "tcp/acceptance.hpp"
#include "tcp/ack_policy.hpp"
#include "tcp/environment.hpp"
#include "tcp/receive_window.hpp"
#include "tcp/true_size.hpp"

namespace fairlead::tcp {

class Receiver {
public:
    struct Outcome {
        std::int64_t advanced = 0;  // bytes now readable that were not
        bool got_fin = false;       // RCV.NXT has passed it
        bool was_duplicate = false;
        bool was_out_of_order = false;
        bool was_free = false;  // it found place in what was there
    };

    void start(const InitialWindow& offered, ReceiveBuffer buffer, std::uint16_t mss);
    void set_advertised_mss(std::uint16_t mss) { advertised_mss_ = mss; }
    std::uint16_t advertised_mss() const { return advertised_mss_; }
    // Before there is data: the peer's segments are likely like ours (tcp_initialize_rcv_mss).
    void guess_usual_segment(std::uint16_t own) {
        const std::int64_t half = window_.offered() / 2;
        policy_.start(static_cast<std::uint16_t>(
            std::min<std::int64_t>(std::min(own, advertised_mss_), half)));
    }
    void set_uses_sack(bool sack, bool duplicates) {
        uses_sack_ = sack;
        reports_duplicates_ = sack && duplicates;
    }

    // RFC 3168 §6.1.3: a mark is told until the sender says that it has heard.
    void set_uses_ecn(bool on) { uses_ecn_ = on; }
    // RFC 8257 §3.2: each change of the mark is told at once, and CWR means nothing.
    void set_tells_each_mark(bool on) { tells_each_mark_ = on; }
    // What is not acknowledged yet came with another mark than this, and is to be told before it.
    bool changes_mark(const ToReceiver& data) const {
        return tells_each_mark_ && data.ecn != wire::Ecn::NotCapable && data.end() > next_ &&
               (data.ecn == wire::Ecn::Congestion) != was_marked_;
    }
    bool echoes_congestion() const { return echoes_congestion_; }
    bool has_seen_ecn() const { return has_seen_ecn_; }

    Position next() const { return next_; }
    Window acceptable() const {
        return {.last_ack = window_.last_ack(), .next = next_, .size = window_.open(next_)};
    }
    std::int64_t unacknowledged() const { return next_ - window_.last_ack(); }

    // `packet` holds the payload and nothing else; it is taken. `rto`: the connection's; zero for
    // what came with a SYN, which tells nothing of segments to come. `is_predicted`: Linux's fast
    // path, which does not ask whether the buffer has room.
    Outcome on_data(const ToReceiver& data, PacketPtr packet, Duration rto, Environment& env,
                    bool is_predicted = false);
    // A segment from below the window: say what was double (tcp_send_dupack).
    void on_old(const ToReceiver& data, Environment& env);

    // Copies what is readable, and takes it.
    std::size_t read(MutableBytes into);
    // Copies what is readable from that offset on; it stays.
    std::size_t peek(std::size_t offset, MutableBytes into) const;
    // When that byte came; never(): it has not.
    Instant arrival(std::size_t offset) const;
    // Throws away up to n readable bytes (MSG_TRUNC on a stream).
    std::size_t skip(std::size_t n);
    std::int64_t readable() const { return fin_was_taken_ ? next_ - 1 - read_ : next_ - read_; }
    // Bytes of data that came in order, in all.
    std::int64_t received() const { return next_ == Position{} ? 0 : next_ - Position{1}; }
    bool has_fin() const { return fin_was_taken_; }
    // Behind the FIN that was taken, another, of a segment that repeats all up to the first.
    bool has_another_fin(const ToReceiver& data) const {
        return data.fin && data.payload > 0 && data.seq < next_ && data.end() == next_ + 1;
    }
    void take_another_fin(const ToReceiver& data, Duration rto, Environment& env);
    bool has_early_fin() const { return has_heard_fin_ && !fin_was_taken_; }
    // As in Linux, a FIN that came alone lies in the queue until the end of the stream is read.
    bool is_queue_empty() const { return readable() == 0 && !fin_is_unread_; }
    void read_fin() {
        if (fin_is_unread_) charged_ -= true_size(0).charge;
        fin_is_unread_ = false;
    }
    // Bytes held, in order and out of order.
    std::int64_t held() const { return readable() + (gap_ == nullptr ? 0 : gap_->bytes.bytes()); }
    // Something came early: data, or the end of the stream alone.
    bool has_early() const { return has_gap() || has_early_fin(); }
    // What counts against the buffer (Linux's sk_rmem_alloc): a packet costs more than its bytes.
    std::int64_t charged() const {
        return charged_ + (gap_ == nullptr ? 0 : gap_->bytes.charged());
    }
    bool has_gap() const {
        return gap_ != nullptr && !(gap_->bytes.empty() && gap_->sacks.blocks().empty());
    }
    // The memory that the queues hold down, near enough: the bytes, and the rest of a buffer each.
    std::int64_t memory() const { return held() + kPieceCost * pieces(); }
    Position read_position() const { return read_; }

    // What a segment that leaves now offers, in bytes.
    std::int64_t advertise(Environment& env);
    // What it would offer. As Linux has it, the question alone ends the quick ACKs where little is
    // free.
    std::int64_t candidate(const Config& config) {
        if (window_.is_scarce(charged(), config)) policy_.end_quick();
        return window_.candidate(charged(), policy_.usual_segment(), config);
    }

    AckPolicy& policy() { return policy_; }
    const AckPolicy& policy() const { return policy_; }
    ReceiveWindow& window() { return window_; }
    const ReceiveWindow& window() const { return window_; }
    // What lies out of order, newest first, and the duplicate to report before it (RFC 2883).
    std::span<const Range> sacks() const {
        return gap_ == nullptr ? std::span<const Range>{} : gap_->sacks.blocks();
    }
    std::optional<Range> duplicate() const {
        return gap_ == nullptr ? std::nullopt : gap_->sacks.duplicate();
    }
    // Memory ran out, or there was none as the peer's window changed, and nothing has found room since:
    // Linux predicts no segment.
    bool was_pruned() const { return was_pruned_; }
    // tcp_fast_path_check()
    void check_prediction() { was_pruned_ = has_early() || charged() >= window_.buffer(); }
    // A page was taken for what then found place elsewhere, and nothing was given back since.
    bool keeps_page() const { return keeps_page_; }
    void keep_page(bool on) { keeps_page_ = on; }
    // There may be some of either.
    bool has_report() const { return gap_ != nullptr; }
    // An ACK leaves, alone or with data.
    void on_ack_sent(Environment& env) {
        policy_.on_ack_sent();
        if (gap_ != nullptr) end_compression(env);
    }
    // Whether the ACK that is owed for what came early waits for more of its kind (the tail of
    // __tcp_ack_snd_check); of those that wait, `most`.
    bool compress_ack(std::int64_t most);
    int compressed() const { return gap_ == nullptr ? 0 : gap_->compression.compressed; }
    // What waits is told before a block is that nothing was said of lately (tcp_sack_new_ofo_skb).
    bool ends_compression(const ToReceiver& data) const {
        constexpr std::size_t kExpected = 2;
        if (compressed() == 0 || data.seq <= next_ || data.length() == 0) return false;
        std::size_t at = 0;
        for (const Range& block : sacks()) {
            if (block.begin <= data.end() && data.seq <= block.end) break;
            ++at;
        }
        return at >= kExpected;
    }
    // The wait is over: one of them goes.
    void on_compression_over() { --gap_->compression.compressed; }
    // After the FIN, and its ACK where that goes at once: what lies beyond is nobody's.
    void end_stream(Environment& env);
    // It was told, or other news came first.
    void forget_duplicate(Environment& env);
    // How long a round trip takes as the receiver sees it. A full segment told by its timestamp
    // (tcp_rcv_rtt_measure_ts); without, how long a window takes to arrive tells.
    void on_echo(std::uint32_t echo, std::int64_t length, Duration rtt) {
        last_echo_ = echo;
        if (length >= policy_.usual_segment() && !rtt.is_zero()) on_round_trip(rtt, false);
    }
    bool is_new_echo(std::uint32_t echo) const { return echo != last_echo_; }
    Duration round_trip() const { return Duration::from_us(round_trip_x8_us_ / 8); }
    // The packet that is read next: so much of it is unread.
    std::size_t front_bytes() const { return readable_.empty() ? 0 : readable_.front()->size(); }
    // `bytes` were read, the first of them from one packet.
    void after_read(std::size_t bytes, std::size_t first, Environment& env);

    // What is in order goes.
    void drop_readable();
    // Everything goes (close with unread data, reset).
    void clear(Environment& env);
    // What comes may go beyond it, once (tcp_can_ingest); where the stack's memory is out, each has
    // its least.
    bool has_room(const Environment& env) const {
        const std::int64_t held = charged();
        return held <= window_.buffer() &&
               (!env.budget.is_exhausted() || held < env.config.tcp_rmem[0]);
    }

private:
    // True: it costs nothing more.
    bool accept(PacketPtr packet, const TrueSize& size, Position seq, Environment& env);
    bool queue(PacketPtr packet, bool follows, Environment& env);
    void measure(const ToReceiver& data, const TrueSize& size, Duration rto, Environment& env);
    void measure_round_trip(Instant now);
    void on_round_trip(Duration rtt, bool is_of_a_window);
    bool make_room(Position seq, Environment& env, bool is_predicted = false);
    bool prune(Position seq, Environment& env);
    void drop_early(Position seq, Environment& env);
    std::int64_t pieces() const {
        return static_cast<std::int64_t>(pieces_ +
                                         (gap_ == nullptr ? 0 : gap_->bytes.piece_count()));
    }
    // What early pieces hold down is bounded by what they cost, which for small ones is thrice what
    // they are charged for: they cannot be copied together.
    bool is_overfull() const {
        return std::max(memory(), kSmallBufferCost * pieces()) >
               std::max(2 * window_.buffer(), kLeastHeld);
    }
    std::int64_t early() const {
        return gap_ == nullptr || gap_->bytes.empty() ? 0 : gap_->bytes.highest() - next_;
    }
    bool is_worth_packing(const Packet& packet, Position begin) const;
    void collapse(bool is_charged_anew, Environment& env);
    void pack(Position begin, bool is_charged_anew, Environment& env);
    void drop_front();
    void trim_front(std::size_t n);
    void fill_gap(bool ends, Outcome& out, Environment& env);
    void keep(const ToReceiver& data, PacketPtr packet, Environment& env);
    void report_duplicate(Range range, Environment& env);
    void hear_fin(Position at, bool is_bare);
    void keep_early_fin(Position at, Environment& env);
    void charge_early_fin(bool on);
    void take_fin(Outcome& out, Environment& env);
    void take_mark(const ToReceiver& data);
    void take_note(const ToReceiver& data, const TrueSize& size, Duration rto, Environment& env);
    Outcome take_duplicate(const ToReceiver& data, Environment& env);
    Outcome shut_out(const ToReceiver& data, Environment& env);
    Outcome refuse(Environment& env);
    Gap& need_gap(Environment& env);
    void end_gap(Environment& env);
    void end_compression(Environment& env);

    // Of a packet and a small buffer, what is not the bytes of a full segment: an honest window of
    // them is just within the buffer.
    static constexpr std::int64_t kPieceCost = 1280;
    static constexpr std::int64_t kSmallBufferCost = 2740;
    static constexpr std::int64_t kLeastHeld = 40 * 1024;  // in truth, however small the buffer

    Position next_{};
    Position read_{};
    PacketQueue readable_;
    std::uint32_t pieces_ = 0;  // of the packets in readable_
    std::int32_t charged_ = 0;  // for them
    Gap* gap_ = nullptr;        // borrowed while something is missing or double
    // Of a position the low bits, as all that is heard of is less than 2 GiB away.
    std::uint32_t fin_at_ = 0;       // where a FIN was heard of
    std::uint32_t window_edge_ = 0;  // when it is reached, a round trip has gone by
    ReceiveWindow window_;
    AckPolicy policy_;
    std::uint32_t round_trip_x8_us_ = 0;
    std::uint32_t measured_since_us_ = 0;  // since the edge was set; 0: not yet
    std::uint32_t last_echo_ = 0;          // that told of a round trip
    std::uint16_t advertised_mss_ = 536;
    bool uses_sack_ : 1 = false;
    bool reports_duplicates_ : 1 = false;
    bool has_heard_fin_ : 1 = false;
    bool fin_was_bare_ : 1 = false;  // without data
    bool fin_was_taken_ : 1 = false;
    bool fin_is_unread_ : 1 = false;
    bool uses_ecn_ : 1 = false;
    bool has_seen_ecn_ : 1 = false;
    bool echoes_congestion_ : 1 = false;
    bool tells_each_mark_ : 1 = false;
    bool was_marked_ : 1 = false;
    bool was_pruned_ : 1 = false;
    bool keeps_page_ : 1 = false;
    bool early_fin_is_alone_ : 1 = false;  // and charged for
};

}  // namespace fairlead::tcp
