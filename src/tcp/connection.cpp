// The calls of an application on one connection.
#include "tcp/connection.hpp"

#include <algorithm>
#include <memory>

#include "base/assert.hpp"

namespace fairlead::tcp {

void Connection::enter(State to, Environment& env) {
    if (to == state_) return;
    FAIRLEAD_ASSERT(may_follow(state_, to));
    const auto counts = [](State s) { return is_one_of(s, State::Established, State::CloseWait); };
    if (counts(to) && !counts(state_)) env.counters.add(Counter::TcpCurrEstab);
    if (counts(state_) && !counts(to)) env.counters.subtract(Counter::TcpCurrEstab);
    // Whatever the end is: Linux counts the state it came in (RFC 4022).
    if (to == State::Closed && counts(state_)) env.counters.add(Counter::TcpEstabResets);
    // Not where the application itself breaks off (tcp_done()).
    const bool is_opening = is_one_of(state_, State::SynSent, State::SynReceived);
    if (to == State::Closed && is_opening && !is_orphan()) {
        env.counters.add(Counter::TcpAttemptFails);
    }
    state_ = to;
}

void Connection::renew(Environment& env) {
    if (has_annex()) {
        env.annexes.at(annex_)->urgent = {};
        env.annexes.at(annex_)->losses = {};
        env.annexes.at(annex_)->fast_open.renew();
    }
    const std::uint16_t mss = sender_.whole_mss();  // tcp_disconnect() leaves mss_cache
    std::destroy_at(&sender_);
    std::construct_at(&sender_);
    sender_.set_mss(mss);
    std::destroy_at(&receiver_);
    std::construct_at(&receiver_);
    timers_ = {};
    path_ = {};
    recent_ = {};
    agreement_ = {};
    retransmitting_since_ = probing_since_ = Instant::never();
    retransmits_ = probes_ = persist_backoff_ = 0;
    fin_is_queued_ = is_more_coming_ = false;
    write_is_shut_ = read_is_shut_ = was_connected_ = false;
    error_ = soft_error_ = Errc{};
}

// RFC 9293 MUST-12; RFC 1122 REQ-4.2.4.1
Effects Connection::die(Errc error, Environment& env) {
    error_ = error;
    sender_.clear(env.memory);
    sender_.chronograph().stop(Chronograph::Phase::Busy, true, env.now);
    timers_.cancel_all();
    waits_for_pace_ = false;
    enter(State::Closed, env);
    write_is_shut_ = read_is_shut_ = true;
    if (is_orphan()) receiver_.clear(env);
    return {.wake = kEverything, .ended = true};
}

// RFC 9293 MUST-13
Effects Connection::wait_out(State as, Duration how_long, Environment& env) {
    remember(env);
    sender_.clear(env.memory);
    timers_.cancel_all();
    waits_for_pace_ = false;
    state_ = State::Closed;  // the object's part is over; the entry in time_wait.hpp goes on
    write_is_shut_ = read_is_shut_ = true;
    return {.wake = kEverything,
            .ended = true,
            .time_wait = true,
            .time_wait_state = as,
            .time_wait_for = how_long};
}

// In order: what is over, what has not begun, what is shut.
Errc Connection::why_not_write(bool waits, Environment& env) {
    if (error_ != Errc{}) return take_error();
    if (write_is_shut_) return Errc::BrokenPipe;
    if (is_one_of(state_, State::SynSent, State::SynReceived) && request(env) == nullptr) {
        Annex* annex = waits ? need_annex(env) : nullptr;
        if (annex != nullptr) annex->fast_open.has_writer = true;
        return Errc::WouldBlock;
    }
    return may_send(state_) || state_ == State::SynReceived ? Errc{} : Errc::BrokenPipe;
}

Result<std::size_t> Connection::write(Bytes bytes, SendFlags flags, Environment& env,
                                      Effects& effects) {
    if (const Errc why = why_not_write(flags.waits && !bytes.empty(), env); why != Errc{}) {
        return std::unexpected{why};
    }
    if (bytes.empty()) {
        if (flags.waits && !is_writable(env.config)) lacks_space_ = wants_space_ = true;
        return std::size_t{0};
    }

    sender_.reserve(static_cast<std::uint16_t>(report_bytes(env)));
    const std::int64_t charged = sender_.buffer().charged();
    const std::int64_t rest = rest_of_page();
    const std::size_t taken = fill_chunks(bytes, env);
    if (sender_.buffer().charged() - charged > rest) receiver_.keep_page(false);
    // Also when all fitted: poll() may say that the buffer is full, and wait for room.
    const bool is_whole = taken == bytes.size();
    wants_space_ = !is_whole || !is_writable(env.config);
    lacks_space_ = lacks_space_ || !is_whole;
    if (taken == 0) return std::unexpected{Errc::WouldBlock};
    sender_.chronograph().start(Chronograph::Phase::Busy, env.now);
    is_more_coming_ = flags.more;
    // What fitted goes, though the caller said that more comes: it cannot come now.
    if (!is_whole) push_once_ = true;
    if (!flags.more || !is_whole) sender_.mark_push();
    if (flags.end_of_record && is_whole) sender_.mark_end_of_record();
    // Linux pushes before it waits for room, and again as it gives up; each time what is first grows.
    if (!is_whole) flush(env);
    if (flags.out_of_band) {
        if (Annex* annex = need_annex(env)) annex->urgent.mark(sender_.written());
    }
    if (flags.zero_copy && options.zero_copy) {
        complete_zero_copy(env);
        effects.wake |= kError;
    }
    effects.ready = true;
    return taken;
}

// Each has its least; whose buffer nobody set has less than it holds (sk_stream_moderate_sndbuf).
std::int64_t Connection::limit_without_memory(const Config& config, std::int64_t limit) {
    const std::int64_t held = sender_.buffer().charged();
    if (options.send_buffer == 0 && held >= config.tcp_wmem[0]) {
        set_send_limit(std::max(std::min<std::int64_t>(send_limit_, held / 2), kLeastSendBuffer));
    }
    return std::min(limit, config.tcp_wmem[0]);
}

// As Linux: of a chunk that is full and next one burst is sent at once, or all where half a window
// is pushed, so that what is left of it takes more; the buffer's limit is looked at where a chunk
// begins. One that is never full, since the congestion window lets all of it go, would take any
// write whole: of what lies in the device's queue beyond the limit Linux allows two packets
// (tcp_small_queue_check()).
inline std::size_t Connection::fill_chunks(Bytes bytes, Environment& env) {
    constexpr std::int64_t kMostBeyond = 2 * (Chunk::kMaxBytes + SendBuffer::kChunkCharge);
    std::size_t taken = 0;
    // No RTO is shorter than the least: mostly the question ends here.
    const bool may_restart = env.now - sender_.last_sent() > rto_limits(env).lowest;
    sender_.begin_write();
    while (sender_.buffer().charged() < send_limit_ + kMostBeyond) {
        const bool may_wait = sender_.unsent_bytes() < not_sent_low_water(env.config);
        std::int64_t limit = may_wait ? send_limit_ : std::int64_t{0};
        if (env.budget.is_exhausted()) limit = limit_without_memory(env.config, limit);
        if (may_restart && sender_.buffer().charged() < limit) restart_if_idle(true, env);
        const std::uint32_t pushed_before = sender_.pushed();
        const std::size_t part =
            std::min(bytes.size() - taken, static_cast<std::size_t>(sender_.room_of_chunk()));
        const auto n =
            static_cast<std::size_t>(sender_.write(bytes.subspan(taken, part), env.memory, limit));
        taken += n;
        if (n < part || taken == bytes.size()) break;
        const SendBuffer& buffer = sender_.buffer();
        const bool is_pushed = sender_.pushed() != pushed_before;
        if (!is_pushed && buffer.first_unsent() != buffer.chunks().last()) continue;
        push_once_ = true;
        flush(env, is_pushed ? Flush::Within : Flush::Burst);
        push_once_ = false;
    }
    return taken;
}

Result<std::size_t> Connection::read(MutableBytes into, ReceiveFlags flags, Environment& env) {
    if (flags.out_of_band) return read_urgent(into, flags, env);
    if (state_ == State::Listen) return std::unexpected{Errc::NotConnected};
    const std::size_t first = receiver_.front_bytes();
    const bool has_mark = has_annex() && env.annexes.at(annex_)->urgent.is_known();
    const std::size_t n = has_mark         ? read_around_mark(into, flags, env)
                          : flags.peek     ? receiver_.peek(0, into)
                          : flags.truncate ? receiver_.skip(into.size())
                                           : receiver_.read(into);
    if (n > 0) {
        if (!flags.peek) receiver_.after_read(n, first, env);
        acknowledge_read(env);  // who only looks asks for the window as well
        return n;
    }
    if (into.empty()) return std::size_t{0};
    if (receiver_.has_fin()) {
        if (!flags.peek) receiver_.read_fin();
        return std::size_t{0};
    }
    if (error_ != Errc{}) return std::unexpected{take_error()};
    if (read_is_shut_) return std::size_t{0};
    if (state_ == State::Closed) return std::unexpected{Errc::NotConnected};
    return std::unexpected{Errc::WouldBlock};
}

void Connection::flush_owed_ack(Environment& env) {
    const bool is_due = receiver_.policy().is_due_after_read(
        receiver_.unacknowledged(), receiver_.charged() == 0, env.config.tcp_pingpong_thresh);
    if (is_due && is_synchronized(state_)) send_ack(env);
}

// tcp_cleanup_rbuf(): what is owed, or the news that the window we may offer now is twice what the
// peer knows of.
void Connection::acknowledge_read(Environment& env) {
    const std::int64_t before = receiver_.window().open(receiver_.next());
    flush_owed_ack(env);
    const bool is_low = 2 * before <= receiver_.window().clamp();
    const bool is_over = receiver_.has_fin() || read_is_shut_;
    if (!is_synchronized(state_) || !is_low || is_over) return;
    const std::int64_t window = receiver_.candidate(env.config);
    if (window > 0 && window >= 2 * receiver_.window().open(receiver_.next())) send_ack(env);
}

Effects Connection::shutdown(Shutdown how, Environment& env) {
    Effects effects{.wake = kEverything};
    if (how != Shutdown::Write) read_is_shut_ = true;
    if (how == Shutdown::Read || write_is_shut_) return effects;
    if (state_ == State::SynSent) {
        timers_.cancel_all();
        waits_for_pace_ = false;
        sender_.clear(env.memory);
        enter(State::Closed, env);
        write_is_shut_ = true;
        return {.wake = kEverything, .ended = true};
    }
    if (!may_send(state_) && state_ != State::SynReceived) return effects;
    write_is_shut_ = true;
    // tcp_shutdown(): an opening connection first opens; close() does not wait for that.
    if (state_ == State::SynReceived && !is_orphan()) return effects;
    fin_is_queued_ = sender_.close(env.memory);
    sender_.chronograph().start(Chronograph::Phase::Busy, env.now);
    enter(state_ == State::CloseWait ? State::LastAck : State::FinWait1, env);
    effects.ready = true;
    return effects;
}

// RFC 9293 SHLD-3, MAY-1; RFC 1122 REQ-4.2.2.13
Effects Connection::close(Environment& env) {
    socket_ = kNoSocket;
    if (is_one_of(state_, State::Closed, State::SynSent)) {
        Effects effects = die(Errc{}, env);
        effects.wake = 0;
        return effects;
    }
    // RFC 2525 §2.17: data nobody will read is lost; say so.
    if (receiver_.readable() > 0) {
        env.counters.add(Counter::TcpExtTCPAbortOnClose);
        return abort(env);
    }
    receiver_.read_fin();  // the queue is emptied, and what passes the window's edge may come again
    if (options.linger_seconds == 0) {
        env.counters.add(Counter::TcpExtTCPAbortOnData);
        return abort(env);
    }
    Effects effects = shutdown(Shutdown::Both, env);
    if (state_ == State::FinWait2) {
        if (options.fin_timeout < 0) {
            env.counters.add(Counter::TcpExtTCPAbortOnLinger);
            return abort(env);
        }
        effects += wait_out(State::FinWait2, fin_timeout(env.config), env);
    }
    return effects;
}

Effects Connection::abort(Environment& env, Errc error) {
    // What nobody will read is gone before the peer hears of it: the window says so.
    receiver_.drop_readable();
    if (is_synchronized(state_) || state_ == State::SynReceived) send_reset(env);
    receiver_.clear(env);
    return die(error, env);
}

Effects Connection::apply_options(Environment& env) {
    start_keep_alive(env);
    if (options.send_buffer != 0) set_send_limit(options.send_buffer);
    return {};
}

// RFC 9293 MUST-17
Effects Connection::push_pending(bool at_once) {
    is_more_coming_ = false;  // MSG_MORE is a word about its own write
    push_once_ = push_once_ || at_once;
    return {.ready = true};
}

Readiness Connection::readiness(const Environment& env) const {
    if (state_ == State::Listen) return 0;  // the listener knows
    Readiness mask = 0;
    if (error_ != Errc{}) mask |= kError;
    if (has_annex() && !env.annexes.at(annex_)->errors.empty()) mask |= kError;
    const bool has_ended = state_ == State::Closed;
    const bool read_end = read_is_shut_ || receiver_.has_fin();
    if (has_ended || (read_end && write_is_shut_)) mask |= kHangup;
    if (read_end) mask |= kReadable | kReadHangup;
    const bool is_opening = is_one_of(state_, State::SynSent, State::SynReceived);
    // A write is what a deferred connection waits for.
    if (is_deferred(env)) return mask | kWritable;
    if (is_opening && request(env) == nullptr) return mask;
    const std::int64_t low_water = std::max<std::int64_t>(options.receive_low_water, 1);
    if (has_annex()) {
        mask |= urgent_readiness(env, low_water);
    } else if (receiver_.readable() >= low_water) {
        mask |= kReadable;
    }
    if (write_is_shut_ || has_ended || is_writable(env.config)) mask |= kWritable;
    return mask;
}

Connection::Last Connection::last() const {
    const std::int64_t window = receiver_.window().open(receiver_.next());
    return {.send_next = send_space_.to_wire(sender_.next()),
            .receive_next = receive_space_.to_wire(receiver_.next()),
            // As Linux, of a window that no header can tell the low bits.
            .window = static_cast<std::uint16_t>(window >> receiver_.window().scale()),
            .window_scale = receiver_.window().scale(),
            .recent_timestamp = recent_.value,
            .recent_taken = recent_.is_set() ? Instant{recent_.taken} : Instant{},
            .timestamp_offset = timestamp_offset_,
            .has_timestamps = agreement_.has_timestamps};
}

TcpInfo Connection::info(const Environment& env) const {
    const Losses losses = this->losses(env);
    const Scoreboard& board = sender_.scoreboard();
    const RttEstimator& rtt = sender_.rtt();
    const auto count = [](std::int64_t n) { return static_cast<std::uint32_t>(n); };
    const FastOpen* fast = fast_open(env);
    TcpInfo told{
        .state = state_,
        .congestion_state = sender_.phase(),
        .retransmits = retransmits_,
        .probes = probes_,
        .backoff = static_cast<std::uint8_t>(std::max<int>(rtt.backoffs(), persist_backoff_)),
        .has_timestamps = agreement_.has_timestamps,
        .has_sack = agreement_.has_sack,
        .has_window_scale = agreement_.has_scale,
        .has_ecn = agreement_.has_ecn,
        .has_seen_ecn = receiver_.has_seen_ecn(),
        .has_syn_data = fast != nullptr && fast->syn_data_acked,
        .is_fast_open = fast != nullptr && fast->is_child,
        .fast_open_failure =
            fast != nullptr ? static_cast<std::uint8_t>(fast->failure) : std::uint8_t{0},
        .send_window_scale = agreement_.send_scale,
        .receive_window_scale = receiver_.window().scale(),
        .rto = rtt.rto(rto_limits(env)),
        .ack_timeout = receiver_.policy().delay(),
        .send_mss = send_mss(),
        .receive_mss = receiver_.policy().usual_segment(),
        .advertised_mss = receiver_.advertised_mss(),
        .path_mtu = path_.mtu,
        .unacked_segments = count(board.out()),
        .sacked_segments = count(board.sacked()),
        .lost_segments = count(board.lost()),
        .retransmitted_segments = count(board.retransmitted()),
        .total_retransmitted = losses.retransmitted,
        .rtt = rtt.smoothed(),
        .rtt_variation = rtt.variation(),
        .minimum_rtt = rtt.has_sample() ? rtt.minimum() : Duration{},
        .receive_rtt = receiver_.round_trip(),
        .slow_start_threshold_segments = count(sender_.congestion().threshold),
        .congestion_window_segments = count(sender_.congestion().segments),
        .reordering_segments = count(sender_.reordering()),
        .receive_slow_start_threshold =
            static_cast<std::uint32_t>(receiver_.window().slow_start_threshold()),
        .receive_space = state_ == State::SynSent ? 0 : count(receiver_.window().measured_space()),
        .send_window = static_cast<std::uint32_t>(sender_.window()),
        .receive_window = static_cast<std::uint32_t>(receiver_.window().open(receiver_.next())),
        .not_sent = static_cast<std::uint32_t>(sender_.unsent_bytes()),
        .bytes_acked = bytes_acked(),
        .bytes_received = static_cast<std::uint64_t>(receiver_.received()),
        .bytes_sent =
            static_cast<std::uint64_t>(data_below(sender_.next())) + losses.bytes_retransmitted,
        .bytes_retransmitted = losses.bytes_retransmitted,
        .segments_out = segments_out_,
        .segments_in = segments_in_,
        .data_segments_out = data_out_,
        .data_segments_in = data_in_,
        .out_of_order = losses.out_of_order,
        .dsack_duplicates = sender_.duplicates(),
        .reorder_seen = sender_.reorderings(),
        .delivered_segments = sender_.delivered(),
        .delivered_marked = losses.delivered_marked,
    };
    if (agreement_.has_accurate_ecn) tell_accurate(told, env);
    tell_rates(told, env.config);
    tell_times(told, losses, env.now);
    return told;
}

// How long, and how often for how long.
void Connection::tell_times(TcpInfo& told, const Losses& losses, Instant now) const {
    // What never was counts from the beginning, as near as it is known.
    const auto since = [&](Instant t) { return now - (t == Instant{} ? last_heard_ : t); };
    told.last_data_sent = since(sender_.last_sent());
    told.last_data_received = since(receiver_.policy().last_data());
    told.last_ack_received = now - last_heard_;
    told.rehashes = losses.rehashes;
    told.total_timeouts = losses.timeouts;
    told.timeout_recoveries = losses.timeout_series;
    told.time_in_timeouts = losses.timed_out(now);
    const Chronograph& spent = sender_.chronograph();
    told.busy = spent.busy(now);
    told.limited_by_window = spent.in(Chronograph::Phase::PeersWindow, now);
    told.limited_by_send_buffer = spent.in(Chronograph::Phase::SendBuffer, now);
}

void Connection::tell_rates(TcpInfo& told, const Config& config) const {
    const Pacer* pacer = sender_.pacer();
    const std::int64_t rate = pacer != nullptr ? pacer->rate() : sender_.pacing_rate(config);
    told.pacing_rate = rate > 0 ? static_cast<std::uint64_t>(rate) : ~std::uint64_t{0};
    if (pacer != nullptr && pacer->most() != Pacer::kUnbounded) {
        told.most_pacing_rate = static_cast<std::uint64_t>(pacer->most());
    }
    const FlightRate::Rate measured = sender_.delivery_rate();
    told.is_rate_limited_by_application = measured.was_app_limited;
    told.delivery_rate = static_cast<std::uint64_t>(measured.bytes_per_second(sender_.whole_mss()));
}

void Connection::describe_timer(SocketInfo& row, Instant now) const {
    const auto show = [&](TimerKind kind, Timer timer) {
        row.timer = kind;
        row.timer_left = timers_.due(timer) - now;
    };
    // Beside the others, of which Linux's tools show one.
    if (timers_.is_armed(Timer::DelayedAck)) row.ack_left = timers_.due(Timer::DelayedAck) - now;
    if (timers_.is_armed(Timer::Retransmit)) return show(TimerKind::Retransmit, Timer::Retransmit);
    if (timers_.is_armed(Timer::Persist)) return show(TimerKind::Persist, Timer::Persist);
    if (timers_.is_armed(Timer::KeepAlive)) return show(TimerKind::KeepAlive, Timer::KeepAlive);
}

SocketMemory Connection::memory(const Config& config) const {
    const auto narrow = [](std::int64_t bytes) { return static_cast<std::uint32_t>(bytes); };
    const std::int64_t receive = receiver_.window().buffer();  // neither has begun in a listener
    return {.receive_allocated = narrow(receiver_.charged()),
            .receive_buffer = narrow(receive != 0 ? receive : config.tcp_rmem[1]),
            .send_buffer = narrow(send_limit_ != 0 ? send_limit_ : config.tcp_wmem[1]),
            .forward_allocated = narrow(rest_of_page() + (receiver_.keeps_page() ? kPage : 0)),
            .write_queued = narrow(sender_.buffer().charged())};
}

}  // namespace fairlead::tcp
