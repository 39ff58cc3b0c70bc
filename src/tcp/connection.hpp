// tcp/connection.hpp — the corridor: it owns the rooms and walks a segment past their doors.
//
// Owns:      the state, and one value of each room; the order of RFC 9293 §3.10.
// Answers:   what the layer must do (Effects): wake the socket, keep a TIME-WAIT entry, let go.
// Files:     connection.cpp (calls of the application), connection_input.cpp (segments),
//            connection_output.cpp (what leaves), connection_timers.cpp (alarms), handshake.cpp,
//            connection_urgent.cpp (urgent data), connection_errors.cpp (the error queue),
//            connection_fast_open.cpp, connection_ecn.cpp (marks).
// Not here:  any algorithm. If a line computes something, it belongs in a room.
#pragma once

#include <cstdint>
#include <optional>

#include "base/slab.hpp"
#include "base/timer_wheel.hpp"
#include "fairlead/info.hpp"
#include "fairlead/socket.hpp"
#include "ip/local_ports.hpp"
#include "tcp/acceptance.hpp"
#include "tcp/emit.hpp"
#include "tcp/environment.hpp"
#include "tcp/flow.hpp"
#include "tcp/negotiation.hpp"
#include "tcp/options.hpp"
#include "tcp/receiver.hpp"
#include "tcp/sender.hpp"
#include "tcp/state.hpp"
#include "tcp/timers.hpp"

namespace fairlead::ip {
class SentFrames;
}

namespace fairlead::tcp {

struct Listener;
struct Request;

inline constexpr std::uint32_t kNoSocket = UINT32_MAX;
inline constexpr std::uint32_t kInAcceptQueue = UINT32_MAX - 1;  // no socket yet

// What follows for those outside.
struct Effects {
    Readiness wake = 0;      // what may be true of the socket now that was not
    bool ready = false;      // there may be something to send: flush() soon
    bool reset = false;      // answer the segment with a RST (layer_input.cpp)
    bool ended = false;      // the connection is over; free it once no socket holds it
    bool time_wait = false;  // and is remembered for a while
    State time_wait_state = State::TimeWait;  // or FinWait2, for an orphan
    Duration time_wait_for{};

    Effects& operator+=(const Effects& other) {
        wake |= other.wake;
        ready |= other.ready;
        reset |= other.reset;
        ended |= other.ended;
        if (other.time_wait) {
            time_wait = true;
            time_wait_state = other.time_wait_state;
            time_wait_for = other.time_wait_for;
        }
        return *this;
    }
};

// The first of its cache lines is all that an alarm which turns out to be early looks at.
class Connection : public TimerEntry {
    TimerTable timers_;
    std::uint32_t socket_;
    State state_ = State::Closed;
    bool waits_for_pace_ = false;
    ShortStamp window_judged_;  // what was sent came, or the window was found too large

public:
    explicit Connection(std::uint32_t socket) : socket_{socket} {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    SlabNumber slab_number{};
    FlowKey key{};
    // For the layer, which files and lists connections; nothing else writes here.
    struct Filing {
        bool is_ready = false;
        std::uint8_t unfiled_in = 0;  // the round whose list has it: its alarm is to be filed
        bool is_hashed : 1 = false;
        bool is_bound : 1 = false;        // a port is taken
        bool has_bound_port : 1 = false;  // by bind() or listen(), and not by connect()
        bool is_port_locked : 1 = false;  // bind() named it: it survives a connection
        bool has_bound_address : 1 = false;
        bool has_ended : 1 = false;
        bool is_counted_orphan : 1 = false;
        bool is_connecting : 1 = false;  // connect() has not yet said that it is done
        Readiness woken = 0;             // what was told since somebody looked
        Connection* next_ready = nullptr;
        Connection* next_bound = nullptr;
        Connection* prev_bound = nullptr;
        union {
            Connection* next_accept = nullptr;  // of one that nobody accepted yet
            Listener* listener;                 // in State::Listen
        };
    } filing;
    Options options{};

private:
    std::uint32_t annex_ = AnnexPool::kNone;  // lies where there was room

public:
    State state() const { return state_; }
    std::uint32_t socket() const { return socket_; }
    bool is_orphan() const { return socket_ == kNoSocket; }
    void set_socket(std::uint32_t socket) { socket_ = socket; }
    Instant next_deadline() const { return waits_for_pace_ ? next_of_paced() : timers_.next(); }
    const ip::Path& path() const { return path_; }

    // --- the application (connection.cpp) ---
    // `key` and the path are set; the ISNs are the layer's.
    Result<Effects> open(std::uint32_t isn, std::uint32_t timestamp_offset, const ip::Path& path,
                         Environment& env);
    // What the request says, before anything is heard of its third segment.
    void take_request(const Request& request, const ip::Path& path, Environment& env);
    // `peer_window`: of the third segment. What the SYN offered says nothing of the windows to come.
    void open_accepted(const Request& request, std::int64_t peer_window, Environment& env);
    void listen(Environment& env) { enter(State::Listen, env); }
    void stop_listening(Environment& env) { enter(State::Closed, env); }
    // A socket whose attempt ended may try again.
    void renew(Environment& env);
    Result<std::size_t> write(Bytes bytes, SendFlags flags, Environment& env, Effects& effects);
    Result<std::size_t> read(MutableBytes into, ReceiveFlags flags, Environment& env);
    // The oldest message of the error queue.
    std::optional<ErrorMessage> receive_error(MutableBytes into, Environment& env);
    // SO_TIMESTAMPING
    Result<void> set_timestamping(std::int64_t flags, Environment& env);
    Stamps timestamping(const Environment& env) const {
        return has_annex() ? env.annexes.at(annex_)->stamping.flags : 0;
    }
    Result<void> stamp_written(Stamps wanted, Environment& env);
    // never(): the byte is not there.
    Instant arrival(std::size_t offset) const { return receiver_.arrival(offset); }
    bool is_at_mark(const Environment& env) const;  // what is read next follows the urgent byte
    std::int64_t readable_to_mark(const Environment& env) const;
    Effects shutdown(Shutdown how, Environment& env);
    // The socket lets go.
    Effects close(Environment& env);
    // Ends at once: RST if the peer knows of us, and what the application hears.
    Effects abort(Environment& env, Errc error = Errc{});
    Effects apply_options(Environment& env);
    // What waits goes, as far as Nagle lets it; `at_once`: he is not asked, nor the cork.
    Effects push_pending(bool at_once);
    void set_receive_buffer(std::int64_t bytes) { receiver_.window().set_buffer(bytes, true); }
    void set_window_clamp(std::int64_t bytes) { receiver_.window().set_clamp(bytes); }
    void set_quick_ack(bool on, const Config& config) {
        const bool has_ended = !is_one_of(state_, State::Established, State::CloseWait);
        receiver_.policy().set_quick(on, config.tcp_pingpong_thresh, has_ended);
    }
    bool is_quick_ack(const Config& config) const {
        return !receiver_.policy().is_pingpong(config.tcp_pingpong_thresh);
    }
    // Whatever else a segment has to tell now (tcp_mss_cache).
    std::uint16_t send_mss() const {
        const int beside = signature_bytes() + header_option_bytes();
        return static_cast<std::uint16_t>(sender_.whole_mss() - beside);
    }
    // After a read, and where TCP_QUICKACK asks for it.
    void acknowledge_read(Environment& env);

    Readiness readiness(const Environment& env) const;
    Errc take_error() { return std::exchange(error_, Errc{}); }
    // SO_ERROR tells of a hint as well, where there is nothing worse.
    Errc take_error_or_hint() {
        return error_ != Errc{} ? take_error() : std::exchange(soft_error_, Errc{});
    }
    Errc error() const { return error_; }
    void set_error(Errc error) { error_ = error; }
    void mark_shutdown(Shutdown how) {
        read_is_shut_ |= how != Shutdown::Write;
        write_is_shut_ |= how != Shutdown::Read;
    }
    bool has_write_shutdown() const { return write_is_shut_; }
    bool has_read_shutdown() const { return read_is_shut_; }
    std::int64_t readable() const { return receiver_.readable(); }
    // Of a connection that opens, neither is told.
    bool is_opening() const { return is_one_of(state_, State::SynSent, State::SynReceived); }
    std::int64_t unacked() const { return is_opening() ? 0 : sender_.written() - sender_.una(); }
    std::int64_t unsent() const { return is_opening() ? 0 : sender_.unsent_bytes(); }
    std::int64_t send_buffer_limit() const { return send_limit_; }
    // How much more is charged than the stack's budget knows of (memory_budget.hpp).
    std::int64_t unweighed() const {
        return receiver_.charged() + sender_.buffer().charged() - weighed_;
    }
    void set_weighed(std::int64_t more) { weighed_ += static_cast<std::uint32_t>(more); }
    // More than the least of a send buffer (SOCK_MIN_SNDBUF).
    bool is_sending_much() const { return sender_.buffer().charged() > kLeastSendBuffer; }
    std::int64_t receive_buffer_limit() const { return receiver_.window().buffer(); }
    bool was_connected() const { return was_connected_; }

    TcpInfo info(const Environment& env) const;
    void describe_timer(SocketInfo& row, Instant now) const;
    SocketMemory memory(const Config& config) const;
    void set_controller(const CongestionOperations& c);
    const CongestionOperations& controller() const { return sender_.controller(); }
    CongestionDetails congestion_details() const;
    // SO_MAX_PACING_RATE: who has one is paced.
    Result<void> set_most_pacing_rate(std::int64_t most, Environment& env) {
        if (most < 0) return std::unexpected{Errc::InvalidArgument};
        if (!sender_.set_most_pacing_rate(most, send_context(env))) {
            return std::unexpected{Errc::NoBuffers};
        }
        return {};
    }
    std::int64_t most_pacing_rate() const { return sender_.most_pacing_rate(); }

    // --- Fast Open (connection_fast_open.cpp) ---
    // Null: nothing was ever asked or done that needs it.
    FastOpen* fast_open(const Environment& env) const {
        return has_annex() ? &env.annexes.at(annex_)->fast_open : nullptr;
    }
    // Of a connection that a SYN made, until the SYN-ACK is acknowledged; null: it is no such.
    Request* request(const Environment& env) const {
        if (!has_annex()) return nullptr;
        const FastOpen& f = env.annexes.at(annex_)->fast_open;
        return f.is_confirmed ? nullptr : f.request;
    }
    bool is_confirmed(const Environment& env) const {
        return has_annex() && env.annexes.at(annex_)->fast_open.is_confirmed;
    }
    FastOpen* need_fast_open(Environment& env) {  // null: no memory
        Annex* annex = need_annex(env);
        return annex == nullptr ? nullptr : &annex->fast_open;
    }
    bool keep_request(Request& request, Environment& env);  // false: no memory
    void take_syn_data(Request& request, std::uint16_t window, std::uint32_t payload,
                       PacketPtr packet, Environment& env);
    Effects reset_by_peer(Environment& env);
    // What the SYN, which waits to leave, takes along; how many of the bytes.
    std::size_t open_fast(const FastOpenPlan& plan, Bytes bytes, Environment& env);
    bool is_deferred(const Environment& env) const {
        return has_annex() && env.annexes.at(annex_)->fast_open.is_deferred;
    }
    bool has_heard_data() const { return data_in_ > 0; }
    // Of all that the peer has sent nothing came but its FIN, which says that something is missing.
    bool has_heard_fin_alone() const { return data_in_ == 0 && receiver_.has_early_fin(); }
    void pause_fast_open(Environment& env);
    // Of a SYN-ACK; others are counted where they leave.
    void count_retransmission(Environment& env) {
        if (Annex* annex = need_annex(env)) ++annex->losses.retransmitted;
    }
    wire::Seq32 next_number() const { return send_space_.to_wire(sender_.next()); }

    // --- the network (connection_input.cpp) ---
    // The 32-bit numbers of a segment for this connection become positions. In SYN-SENT the peer's
    // stream begins where its SYN says.
    InSegment unwrap(const wire::TcpHeader& header, const wire::TcpOptions& options,
                     std::uint32_t payload, Instant arrived);
    // What it says of congestion, where that was agreed or may be.
    bool hears_ecn(const wire::TcpFlags& flags) const { return agreement_.has_ecn || flags.syn; }
    void note_ecn(InSegment& s, const wire::TcpFlags& flags, std::uint8_t tos) const;
    // `options`: as they came; only a SYN's are looked at again.
    Effects on_segment(const InSegment& segment, const wire::TcpOptions& options, PacketPtr payload,
                       Environment& env);
    Effects on_icmp(const ip::IcmpError& error, Environment& env);
    bool is_in_flight(wire::Seq32 seq) const {
        const Position p = send_space_.from_wire(seq, sender_.una());
        const Position first = state_ == State::SynReceived ? Position{0} : sender_.una();
        return first <= p && p < std::max(sender_.next(), sender_.una() + 1);
    }

    // --- time and sending ---
    Effects on_timer(Environment& env);
    // Sends all that may leave now. False: the device's queue is full, and there is more.
    // Within and Burst: while more is written. Repair: only what goes again.
    enum class Flush : std::uint8_t { Whole, Within, Burst, Repair };
    bool flush(Environment& env, Flush how = Flush::Whole);

    // What a TIME-WAIT entry remembers.
    struct Last {
        wire::Seq32 send_next{};
        wire::Seq32 receive_next{};
        std::uint16_t window = 0;  // scaled, as it travels
        std::uint8_t window_scale = 0;
        std::uint32_t recent_timestamp = 0;
        Instant recent_taken{};
        std::uint32_t timestamp_offset = 0;
        bool has_timestamps = false;
    };
    Last last() const;
    // TCP_MD5SIG, TCP-AO and IP_OPTIONS: what each of its packets has.
    void note_options(Environment& env);
    void note_queue(Environment& env);
    void forget_path() { path_.generation = 0; }  // it is looked up again
    // Gives back all memory, before the object goes.
    void drop_all(Environment& env) {
        sender_.clear(env.memory);
        receiver_.clear(env);
    }
    // IP_LOCAL_PORT_RANGE
    std::uint32_t port_range(const Environment& env) const {
        return has_annex() ? env.annexes.at(annex_)->port_range : 0;
    }
    Result<void> set_port_range(std::int64_t value, Environment& env) {
        Annex* annex = need_annex(env);
        if (annex == nullptr) return std::unexpected{Errc::NoBuffers};
        return ip::set_port_range(annex->port_range, value);
    }
    void end_annex(Environment& env) {
        if (has_annex()) env.annexes.destroy(env.annexes.at(annex_));
        annex_ = AnnexPool::kNone;
    }

private:
    // What Timer::Retransmit rings for.
    enum class Alarm : std::uint8_t { Timeout, Probe, Reordering };

    void enter(State to, Environment& env);
    void set_path(const ip::Path& path, Environment& env);
    // What the path's route says.
    const RouteHints& hints(const Environment& env) const { return env.network.hints_of(path_); }
    std::uint16_t announced_mss(Environment& env) const;
    std::int32_t first_window(const Environment& env) const {
        return path_.hints == 0 ? kInitialWindow : hinted_first_window(env);
    }
    std::int32_t hinted_first_window(const Environment& env) const;
    // The path as things stand now, with all that it means. False: there is no way.
    bool follow_path(Environment& env) {
        return path_.generation == env.network.generation() || take_new_path(env);
    }
    bool take_new_path(Environment& env);
    bool has_annex() const { return annex_ != AnnexPool::kNone; }

    // connection_path_search.cpp
    std::uint16_t path_mss(const Environment& env) const;
    void begin_path_search(PathSearch& search, std::int64_t base, const Environment& env);
    void suspect_black_hole(Environment& env);
    PathSearch* path_search(Environment& env);
    bool probe_path(Environment& env);
    void judge_path_probe(Environment& env);
    Effects revert_backoff(const ip::IcmpError& e, Environment& env);

    // connection_errors.cpp
    Annex* need_annex(Environment& env);  // null: no memory
    Losses losses(const Environment& env) const {
        return has_annex() ? env.annexes.at(annex_)->losses : Losses{};
    }
    void queue_error(const ip::IcmpError& error, Environment& env);
    void complete_zero_copy(Environment& env);
    bool send_stamped(const OutSegment& out, Environment& env);
    // `ttl`: of the packet that says so.
    void stamp_acked(std::uint8_t ttl, Environment& env);
    void give_back_acked(Position end, Environment& env);
    // `told`: beside the stamp.
    void tell_stamp(StampKind kind, Position byte, std::vector<std::byte> told, Environment& env,
                    const ip::SentFrames* frames = nullptr);
    std::vector<std::byte> statistics_beside(std::uint8_t ttl, const Environment& env) const;

    // connection_ecn.cpp
    AccurateEcn& accurate_ecn(const Environment& env) const {
        return env.annexes.at(annex_)->accurate_ecn;
    }
    bool has_asked_for_accurate_ecn(const Environment& env) const {
        return has_annex() && accurate_ecn(env).has_asked();
    }
    void begin_asking_for_ecn(Environment& env);
    void agree_on_ecn(Agreement& agreement, const InSegment& s, const wire::TcpOptions& heard,
                      Environment& env) const;
    bool begin_accurate_ecn(wire::Ecn heard, bool is_syn_ack, Environment& env);
    void hear_marks(const InSegment& s, const wire::TcpOptions& heard, Environment& env);
    AccurateAck accurate_ack(const InSegment& s, const wire::TcpOptions& options,
                             bool has_newer_time, Environment& env) const;
    void ask_for_ecn(OutSegment& out, const Chunk& syn, Environment& env) const;
    void tell_marks(OutSegment& out, bool has_data, const Environment& env) const;
    void put_accurate_option(OutSegment& out, std::size_t room, const Environment& env) const;
    bool wants_accurate_option(const Environment& env) const;
    std::size_t accurate_option_bytes(std::size_t sack_blocks, const Environment& env) const;
    void tell_accurate(TcpInfo& told, const Environment& env) const;

    // connection_urgent.cpp
    Readiness take_urgent(const ToReceiver& data, const Packet* payload, Environment& env);
    bool note_urgent(Position at, Environment& env);
    void point_to_urgent(OutSegment& out, Position seq, const Environment& env) const;
    bool is_sending_urgent(const Environment& env) const;
    Readiness urgent_readiness(const Environment& env, std::int64_t low_water) const;
    Result<std::size_t> read_urgent(MutableBytes into, ReceiveFlags flags, Environment& env);
    std::size_t read_around_mark(MutableBytes into, ReceiveFlags flags, Environment& env);

    // connection_fast_open.cpp
    Effects on_syn_ack_timeout(Request& request, Environment& env);
    Effects confirm(Request& request, Environment& env);
    void put_into_syn(OutSegment& out, const Chunk& syn, Environment& env);
    void send_behind_syn(const Chunk& syn, Environment& env);
    bool hear_answer(const InSegment& s, const wire::TcpOptions& options, PacketPtr payload,
                     Environment& env);
    void suspect_path(bool is_over, Environment& env);
    void suspect_reset(Environment& env);
    Effects resend_syn(Environment& env);
    // metrics.hpp
    void remember(Environment& env) const;
    void recall(Environment& env);

    // handshake.cpp
    void inherit_losses(const Request& request, Environment& env);
    void begin_transfer(Environment& env);
    std::int64_t first_paced_segment(const Config& config) const;
    Effects finish_shutdown(Environment& env);
    Effects on_syn_sent(const InSegment& s, const wire::TcpOptions& options, PacketPtr payload,
                        Environment& env);
    Effects become_established(Environment& env);
    wire::TcpOptions syn_options(Environment& env) const;
    std::optional<Counter> why_not_answer(const InSegment& s, Environment& env);
    bool awaits_data(Environment& env);
    bool needs_ecn() const { return controller().ecn_codepoint != 0; }
    void settle_controller();
    void accept_agreement(const Agreement& agreement, Environment& env);
    void take_first_rtt(Duration rtt, Environment& env);  // of the handshake

    // connection_input.cpp
    bool is_overtaken(const InSegment& s, const Environment& env) const;
    Effects refuse(const Check& check, const InSegment& s, Environment& env);
    // None: nothing that could be a reason to send. Stop: the segment goes no further.
    enum class AckNews : std::uint8_t { Some, None, Stop, TooOld };
    AckNews take_ack(const InSegment& s, const wire::TcpOptions& options, bool is_fast,
                     Effects& effects, Environment& env);
    AckNews pass_over_ack(const InSegment& s, Sender::Plausible plausible, bool is_fast,
                          Effects& effects, Environment& env);
    void after_ack(const Sender::AckOutcome& ack, std::uint8_t ttl, Environment& env);
    void count_marked(std::int32_t marked, Environment& env);
    static void count_ack(const InSegment& s, bool is_fast, bool has_advanced, Environment& env);
    bool is_beyond_next(const ToReceiver& data) const;
    Effects abort_on_data(Environment& env);
    void after_fin_acked(const InSegment& s, Effects& effects, Environment& env);
    Effects on_fin_acked(const InSegment& s, Environment& env);
    void take_data(const InSegment& s, PacketPtr payload, bool is_predicted, Effects& effects,
                   Environment& env);
    Effects take_data_behind_fin(const InSegment& s, Environment& env);
    Effects on_fin(Environment& env);
    bool answer(bool may_send, bool is_followed, Environment& env);
    void take_timestamp(const InSegment& s, Environment& env);
    // Bytes of options in each segment.
    int usual_options() const {
        return (agreement_.has_timestamps ? kTimestampBytes : 0) + signature_bytes();
    }
    bool is_as_predicted(const InSegment& s) const;
    bool fits_into_page(const ToReceiver& data) const;
    void count_page(const ToReceiver& data, bool was_free);
    std::int64_t rest_of_page() const {
        return tcp::rest_of_page(receiver_.charged() + sender_.buffer().charged());
    }
    std::optional<Duration> echo_age(const InSegment& s) const;
    SendContext send_context(const InSegment& s, Environment& env) const;
    Effects die(Errc error, Environment& env);
    Effects wait_out(State as, Duration how_long, Environment& env);
    void challenge(Environment& env, Counter skipped);
    bool is_rate_limited(Environment& env, Counter skipped);

    // connection_output.cpp
    void send_ack(Environment& env);
    void send_probe(Environment& env, bool below_window);
    void send_reset(Environment& env);
    // False: there was no packet for it, or the network refused it.
    bool send(const OutSegment& out, Environment& env);
    bool transmit(Chunk& chunk, Environment& env);
    void send_plan(const Sender::Plan& plan, Environment& env);
    bool is_worth_growing(const Sender::Plan& plan, const Environment& env) const;
    bool waits_for_device(std::uint32_t waiting, const Sender::Plan& plan, Environment& env) const;
    void note_retransmission(const Chunk& chunk, bool has_left, Environment& env);
    void note_limit(bool has_sent, Environment& env) {
        const bool is_limited = lacks_space_ || sender_.chronograph().is_limited();
        if (sender_.has_unsent() || (has_sent && is_limited)) {
            sender_.note_limit(has_sent, lacks_space_ && may_send(state_), env.now);
        }
    }
    void note_timeout(Environment& env);
    void end_timeouts(Environment& env) {
        if (!has_annex() || sender_.phase() == CongestionState::Loss) return;
        env.annexes.at(annex_)->losses.end_timeouts(env.now);
    }
    OutSegment compose(Position seq, Environment& env);
    Envelope envelope() const {
        return {.ttl = options.ttl,
                .tos = options.tos,
                .dont_fragment = !path_.is_mtu_locked && sets_dont_fragment(options.mtu_discovery)};
    }
    void flush_owed_ack(Environment& env);
    bool compress_ack(Environment& env);  // true: it waits for more of its kind
    void delay_ack(Environment& env);
    void arm_retransmit(Environment& env);
    void rearm_retransmit(Environment& env);
    void arm_alarm(Alarm kind, Duration wait, Environment& env);
    void arm_persist(Environment& env);
    void grow_send_buffer(Environment& env);
    void set_send_limit(std::int64_t bytes) {
        send_limit_ = static_cast<std::int32_t>(std::min<std::int64_t>(bytes, INT32_MAX));
    }
    void tell_rates(TcpInfo& told, const Config& config) const;
    void tell_times(TcpInfo& told, const Losses& losses, Instant now) const;
    PushRules push_rules(const Environment& env) const;
    Errc why_not_write(bool waits, Environment& env);
    std::size_t fill_chunks(Bytes bytes, Environment& env);
    Instant next_of_paced() const;
    void validate_window(Environment& env);
    void restart_if_idle(bool is_writing, Environment& env);
    void on_window_moved(bool has_advanced, Environment& env);
    void guess_mss(const Environment& env);
    void probe_what_waits(Environment& env);  // should nothing else ask for its answer
    std::int64_t limit_without_memory(const Config& config, std::int64_t limit);
    static constexpr std::int64_t kLeastSendBuffer = 4608;  // SOCK_MIN_SNDBUF
    // sk_stream_is_writeable: a third of the buffer is free, and little waits to be sent: half of what
    // may, so that who is woken has room.
    bool is_writable(const Config& config, std::int64_t more = 0) const {
        const std::int64_t held = sender_.buffer().charged() + more;
        return held + (held >> 1) <= send_limit_ &&
               2 * sender_.unsent_bytes() < not_sent_low_water(config);
    }
    void check_space(Environment& env);
    // TCP_NOTSENT_LOWAT: no more is taken while so many bytes wait to be sent.
    std::int64_t not_sent_low_water(const Config& config) const {
        return options.not_sent_low_water != 0 ? std::int64_t{options.not_sent_low_water}
                                               : config.tcp_notsent_lowat;
    }
    // Bytes of data: the positions are 64 bits wide, and SYN and FIN take one each.
    std::int64_t data_below(Position p) const {
        const bool is_behind_fin = fin_is_queued_ && p == sender_.written();
        return p == Position{} ? 0 : p - Position{1} - (is_behind_fin ? 1 : 0);
    }
    // As Linux counts them: with the FIN, and with the SYN of who opened the connection.
    std::uint64_t bytes_acked() const {
        const Position una = sender_.una();
        const std::int64_t bytes =
            una == Position{} ? 0 : una - Position{1} + (was_opened_ ? 1 : 0);
        return static_cast<std::uint64_t>(bytes);
    }
    bool may_send_more() const { return sender_.has_unsent() || sender_.scoreboard().lost() > 0; }
    // The options that tell what lies out of order, in as many bytes as there are: mostly none.
    std::size_t report_bytes(const Environment& env) const {
        const bool is_plain = (signature_words_ | header_option_words_) == 0 &&
                              !agreement_.has_accurate_ecn && !receiver_.has_report();
        return is_plain ? 0 : any_report_bytes(env);
    }
    std::size_t any_report_bytes(const Environment& env) const;
    std::size_t report_bytes_beside_signature(std::size_t blocks) const;
    std::uint16_t signature_bytes() const {
        return static_cast<std::uint16_t>(signature_words_ * 4);
    }
    std::uint16_t header_option_bytes() const {
        return static_cast<std::uint16_t>(header_option_words_ * 4);
    }
    bool report(OutSegment& out, std::size_t bytes, Environment& env) {
        return !receiver_.has_report() || report_gap(out, bytes, env);
    }
    bool report_gap(OutSegment& out, std::size_t bytes, Environment& env);

    // connection_timers.cpp
    Effects on_retransmit(Environment& env);
    bool is_thin_and_linear(const Config& config) const;
    bool arm_loss_probe(bool is_after_ack, Environment& env);
    void on_loss_probe(Environment& env);
    void on_reordering(Environment& env);
    SendContext send_context(Environment& env) const {
        return {.now = env.now,
                .config = env.config,
                .counters = env.counters,
                .memory = env.memory,
                .lowest_rto = rto_limits(env).lowest,
                .retransmitted =
                    has_annex() ? env.annexes.at(annex_)->losses.retransmitted : std::uint32_t{0},
                .chance = static_cast<std::uint32_t>(send_space_.to_wire(Position{0})),
                .timeouts = retransmits_};
    }
    Effects on_persist(Environment& env);
    Effects on_keep_alive(Environment& env);
    Instant until_user_timeout(Instant due, Instant since) const;
    Instant last_heard() const { return std::max(last_heard_, receiver_.policy().last_data()); }
    void start_keep_alive(Environment& env);
    Duration syn_timeout(Environment& env) const;
    Duration persist_wait(Environment& env) const;
    bool has_given_up(Environment& env) const;
    // What goes again goes into a window that is shut now.
    bool is_probing_shrunk() const {
        return sender_.window() == 0 && !is_orphan() && is_synchronized(state_);
    }
    bool has_tried_for(std::int64_t retries, const Environment& env) const;
    RtoLimits rto_limits(const Environment& env) const {
        return {.initial = 1_s,
                .lowest = path_.hints == 0 ? Duration::from_us(env.config.tcp_rto_min_us)
                                           : lowest_rto(env),
                .highest = Duration::from_ms(env.config.tcp_rto_max_ms)};
    }
    Duration lowest_rto(const Environment& env) const;  // where the route says something
    Duration fin_timeout(const Config& config) const;

    Sender sender_;
    Receiver receiver_;
    ip::Path path_{};
    SeqSpace send_space_{wire::Seq32{}};
    SeqSpace receive_space_{wire::Seq32{}};
    Agreement agreement_{};
    RecentTimestamp recent_{};
    std::uint32_t timestamp_offset_ = 0;
    std::int32_t send_limit_ = 0;  // SO_SNDBUF
    Instant last_heard_{};
    Instant retransmitting_since_ = Instant::never();
    Instant probing_since_ = Instant::never();
    std::uint32_t segments_in_ = 0;
    std::uint32_t segments_out_ = 0;
    std::uint32_t data_in_ = 0;
    std::uint32_t data_out_ = 0;
    Errc error_{};
    Errc soft_error_{};
    Alarm alarm_ = Alarm::Timeout;
    std::uint8_t retransmits_ = 0;  // RTOs in a row
    std::uint8_t probes_ = 0;
    std::uint8_t persist_backoff_ = 0;
    bool is_more_coming_ = false;  // MSG_MORE
    bool push_once_ = false;
    bool write_is_shut_ : 1 = false;
    bool read_is_shut_ : 1 = false;
    bool was_connected_ : 1 = false;
    bool was_opened_ : 1 = false;               // by us: our SYN was answered
    bool lacks_space_ : 1 = false;              // a write did not fit: the buffer may grow
    std::uint8_t signature_words_ : 3 = 0;      // of all that goes; 0: nothing is signed
    std::uint8_t header_option_words_ : 4 = 0;  // likewise, in the header of IPv4
    bool fin_is_queued_ : 1 = false;
    bool wants_space_ : 1 = false;  // a write did not fit, or another would not: say when it would
    std::uint32_t weighed_ = 0;     // what the stack's budget knows that we hold
};

// With its socket, its place in the demux and its alarm: what an idle end costs.
static_assert(sizeof(Connection) <= 704);

}  // namespace fairlead::tcp
