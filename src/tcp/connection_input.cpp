// A segment's way through a connection: RFC 9293 §3.10.7.4, in its own order.
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/time_wait.hpp"

namespace fairlead::tcp {

InSegment Connection::unwrap(const wire::TcpHeader& h, const wire::TcpOptions& o,
                             std::uint32_t payload, Instant arrived) {
    InSegment s{.arrived = arrived, .rst = h.flags.rst};
    const bool knows_peer = state_ != State::SynSent;
    if (!knows_peer && h.flags.syn) receive_space_ = SeqSpace{h.seq};
    s.data = {.seq = knows_peer ? receive_space_.from_wire(h.seq, receiver_.next()) : Position{0},
              .payload = payload,
              .headers = static_cast<std::uint8_t>(h.header_bytes +
                                                   (key.remote.address.is_v4() ? 20 : 40)),
              .urgent = h.urgent,
              .syn = h.flags.syn,
              .fin = h.flags.fin,
              .psh = h.flags.psh,
              .has_urgent = h.flags.urg};
    constexpr int kPlainHeader = 20;
    const int option_bytes = h.header_bytes - kPlainHeader;
    s.data.options = {.all = static_cast<std::uint8_t>(option_bytes),
                      .extra = static_cast<std::int8_t>(option_bytes - usual_options())};
    const bool reads_timestamps = !knows_peer || agreement_.has_timestamps;
    if (o.timestamps && reads_timestamps) {
        s.timestamps = Timestamps{o.timestamps->value, o.timestamps->echo};
    }
    if (!h.flags.ack) return s;
    ToSender& ack = s.ack.emplace();  // made where it stays
    ack.ack = send_space_.from_wire(h.ack, sender_.una());
    ack.window = std::int64_t{h.window} << (h.flags.syn ? 0 : agreement_.send_scale);
    for (const wire::SackBlock& b : o.sacks()) {
        ack.sack_blocks[ack.sack_count++] = {send_space_.from_wire(b.begin, sender_.una()),
                                             send_space_.from_wire(b.end, sender_.una())};
    }
    return s;
}

void Connection::note_ecn(InSegment& s, const wire::TcpFlags& flags, std::uint8_t tos) const {
    s.has_ece = flags.ece;
    s.ace = ace_of(flags);
    s.data.has_cwr = flags.cwr;
    s.data.ecn = wire::ecn_of(tos);
    if (s.ack) s.ack->has_ece = (flags.ece || agreement_.has_accurate_ecn) && !flags.syn;
}

// Linux's header prediction: what is next and within the window, with the options that each segment has,
// and nothing new about the peer's; whether it also fits_into_page() is asked apart. It looks at the
// timestamp of such a segment before it looks at the ACK, and of others after it.
inline bool Connection::is_as_predicted(const InSegment& s) const {
    // Who opened the connection to a window that is shut and scaled has not begun to predict.
    const bool is_begun = !was_opened_ || agreement_.send_scale == 0 ||
                          sender_.largest_window() > 0 || receiver_.received() > 0;
    return is_begun && state_ == State::Established && s.data.seq == receiver_.next() &&
           s.data.length() <= receiver_.window().open(receiver_.next()) && !s.data.fin &&
           s.data.options.extra == 0 && s.ack->window == sender_.window() && !s.has_ece &&
           !s.data.has_cwr && !s.data.has_urgent && !receiver_.has_early() &&
           !receiver_.was_pruned();
}

Effects Connection::on_segment(const InSegment& s, const wire::TcpOptions& options_in,
                               PacketPtr payload, Environment& env) {
    segments_in_ += s.data.segments;
    if (s.data.payload > 0) data_in_ += s.data.segments;
    last_heard_ = s.arrived;
    if (state_ == State::Closed) {
        env.counters.add(Counter::DropTcpClose);
        return {.reset = !s.rst};
    }
    if (state_ == State::SynSent) {
        return on_syn_sent(s, options_in, std::move(payload), env);
    }
    // Simultaneous open: the peer's SYN-ACK repeats the SYN we have, and acknowledges ours.
    const bool is_crossed = state_ == State::SynReceived && s.data.syn && s.ack &&
                            s.data.length() == 1 && s.data.end() == receiver_.next() &&
                            s.ack->ack == sender_.next();
    // RFC 5961 REQ-3.2, REQ-4.2; RFC 7323 REQ-5.3, REQ-5.5
    const Check check = is_crossed ? Check{}
                                   : check_segment(s, receiver_.acceptable(), state_, recent_,
                                                   receiver_.is_queue_empty(), receiver_.sacks());
    if (check.verdict != Verdict::Accept && !(check.failed_paws && is_overtaken(s, env))) {
        return refuse(check, s, env);
    }

    if (agreement_.has_accurate_ecn) hear_marks(s, options_in, env);
    // The page decides of a duplicate, and where there is no room, before the ACK gives pages back.
    const auto page_decides = [&] { return receiver_.duplicate() || !receiver_.has_room(env); };
    const bool is_next = is_as_predicted(s);
    const bool is_fast = is_next && fits_into_page(s.data);
    const bool is_predicted = is_fast || (is_next && !page_decides());
    Effects effects;
    const AckNews news = take_ack(s, options_in, is_fast, effects, env);
    if (news == AckNews::Stop) return effects;
    if (is_fast && s.data.payload > 0) env.counters.add(Counter::TcpExtTCPHPHits);
    if (Request* r = request(env)) effects = confirm(*r, env);
    after_fin_acked(s, effects, env);
    if (effects.ended) return effects;
    if (s.data.has_urgent || has_annex()) effects.wake |= take_urgent(s.data, payload.get(), env);
    // tcp_xmit_recovery(): what goes again acknowledges only what had come before.
    if (!is_fast && s.data.length() > 0 && sender_.has_repairs()) flush(env, Flush::Repair);
    take_data(s, std::move(payload), is_predicted, effects, env);
    if (effects.ended) return effects;
    if (news == AckNews::TooOld) challenge(env, Counter::TcpExtTCPACKSkippedChallenge);
    // An ACK alone is no reason to look at what we owe (Linux's fast path).
    if (is_predicted && s.data.length() == 0) {
        effects.ready = effects.ready || may_send_more();
        return effects;
    }
    if (answer(news == AckNews::Some && may_send_more(), s.is_followed, env)) effects.ready = true;
    return effects;
}

bool Connection::is_overtaken(const InSegment& s, const Environment& env) const {
    return may_be_overtaken(s, receiver_.acceptable(), *s.timestamps, recent_,
                            sender_.rtt().rto(rto_limits(env))) &&
           sender_.is_repetition(*s.ack, s.data.seq);
}

// RFC 9293 MUST-66, SHLD-2
Effects Connection::refuse(const Check& check, const InSegment& s, Environment& env) {
    if (check.verdict != Verdict::Reset) env.counters.add(check.why);
    switch (check.verdict) {
        case Verdict::Reset: {
            const Errc error = state_ == State::CloseWait     ? Errc::BrokenPipe
                               : state_ == State::SynReceived ? Errc::ConnectionRefused
                                                              : Errc::ConnectionReset;
            return die(error, env);
        }
        case Verdict::ChallengeAck:
            if (s.data.syn) {
                if (state_ == State::Established) env.counters.add(Counter::TcpInErrs);
                env.counters.add(Counter::TcpExtTCPSYNChallenge);
            }
            // The ACK of the SYN-ACK was lost: what it said is said again.
            if (s.data.syn && agreement_.has_accurate_ecn && data_in_ == 0) {
                accurate_ecn(env).reflect();
            }
            if (s.rst && has_annex()) suspect_reset(env);
            challenge(env, Counter::TcpExtTCPACKSkippedChallenge);
            return {};
        case Verdict::DuplicateAck:
            if (check.failed_paws) env.counters.add(Counter::TcpExtPAWSEstab);
            if (check.out_of_window && check.why != Counter::DropTcpOldSequence) {
                env.counters.add(Counter::TcpExtBeyondWindow);
            }
            receiver_.on_old(s.data, env);
            if (s.data.length() != 0 ||
                !is_rate_limited(env, check.failed_paws ? Counter::TcpExtTCPACKSkippedPAWS
                                                        : Counter::TcpExtTCPACKSkippedSeq)) {
                send_ack(env);
            }
            return {};
        case Verdict::Drop:
            if (check.failed_paws) env.counters.add(Counter::TcpExtPAWSOldAck);
            return {};
        case Verdict::Accept: break;
    }
    return {};
}

// Of an ACK that tells nothing.
// RFC 9293 MAY-12; RFC 5961 REQ-5.2
Connection::AckNews Connection::pass_over_ack(const InSegment& s, Sender::Plausible plausible,
                                              bool is_fast, Effects& effects, Environment& env) {
    const Position ack = s.ack->ack;
    if (ack < sender_.una() && is_fast) take_timestamp(s, env);
    if (plausible != Sender::Plausible::Old) {
        // There the data is taken before its ACK is looked at.
        if (ack < sender_.una() && is_fast && s.data.length() > 0) return AckNews::TooOld;
        challenge(env, Counter::TcpExtTCPACKSkippedChallenge);
        env.counters.add(ack > sender_.next() ? Counter::DropTcpAckUnsentData
                                              : Counter::DropTcpTooOldAck);
        if (ack > sender_.next() || !is_fast) return AckNews::Stop;
    }
    is_more_coming_ = false;
    if (plausible == Sender::Plausible::Old) return AckNews::Some;
    // Linux's fast path does not ask what came of the ACK.
    effects.ready = may_send_more();
    return AckNews::Stop;
}

// As tcp_ack() counts them: ahead on Linux's fast path, or with nothing but the ACK.
void Connection::count_ack(const InSegment& s, bool is_fast, bool has_advanced, Environment& env) {
    if (is_fast && has_advanced) {
        env.counters.add(Counter::TcpExtTCPHPAcks);
    } else if (s.data.length() == 0) {
        env.counters.add(Counter::TcpExtTCPPureAcks);
    }
}

// Fifth step. `is_fast`: as predicted, and there is a page for it.
inline Connection::AckNews Connection::take_ack(const InSegment& s,
                                                const wire::TcpOptions& options_in, bool is_fast,
                                                Effects& effects, Environment& env) {
    const ToSender& ack = *s.ack;
    const Sender::Plausible plausible = sender_.judge(ack.ack);
    // Late as it is, its blocks may be news.
    const bool is_late_report = plausible == Sender::Plausible::Old && ack.sack_count > 0;
    if (plausible != Sender::Plausible::Yes) {
        if (state_ == State::SynReceived) {
            env.counters.add(plausible == Sender::Plausible::Unsent ? Counter::DropTcpAckUnsentData
                                                                    : Counter::DropTcpOldAck);
            effects.reset = true;
            return AckNews::Stop;
        }
        if (!is_late_report) return pass_over_ack(s, plausible, is_fast, effects, env);
    }
    const bool is_awaited = state_ == State::SynReceived && request(env) == nullptr;
    if (is_awaited && ack.ack == sender_.una()) {
        env.counters.add(Counter::DropTcpOldAck);
        effects.reset = true;
        return AckNews::Stop;
    }
    const std::uint32_t time_before = recent_.value;
    if (!is_late_report) take_timestamp(s, env);
    SendContext in = send_context(s, env);
    std::optional<AccurateAck> told;
    if (ack.has_ece && agreement_.has_accurate_ecn) {
        told.emplace(accurate_ack(s, options_in, recent_.value != time_before, env));
        in.accurate = &*told;
    }
    if (has_annex()) give_back_acked(ack.ack, env);
    const auto window_before = sender_.window();
    const Sender::AckOutcome outcome = sender_.on_ack(ack, s.data.seq, s.data.length(), in);
    if (sender_.window() != window_before) on_window_moved(outcome.has_advanced, env);
    if (outcome.has_advanced) receiver_.keep_page(false);
    if (is_awaited && s.data.syn) sender_.open_crossed(ack.window << agreement_.send_scale);
    // The third segment, after a SYN-ACK that went twice: only its timestamp tells the round trip.
    if (!sender_.rtt().has_sample() && in.echo) {
        take_first_rtt(std::max(*in.echo, 1_ms), env);
        sender_.note_pace(env.config);
    }
    if (plausible == Sender::Plausible::Yes) count_ack(s, is_fast, outcome.has_advanced, env);
    // Data in order that tells nothing else is no news for the send side (Linux's fast path).
    const bool has_data_alone = s.data.payload > 0 && !outcome.has_advanced;
    if (is_fast && has_data_alone) {
        sender_.note_window_of(s.data.seq);
        return AckNews::None;
    }
    is_more_coming_ = false;  // MSG_MORE is a word about its own write
    after_ack(outcome, s.ttl, env);
    return AckNews::Some;
}

// tcp_ack_update_window(): what waited for the window may have waited for long.
void Connection::on_window_moved(bool has_advanced, Environment& env) {
    receiver_.check_prediction();
    const bool may_be_idle = !has_advanced && sender_.has_unsent() && !sender_.has_out();
    if (may_be_idle && env.now - sender_.last_sent() > rto_limits(env).lowest) {
        restart_if_idle(false, env);
    }
}

// RFC 7323 §4.1: how long ago we said what they echo, in the steps of that clock.
// RFC 7323 REQ-4.1
std::optional<Duration> Connection::echo_age(const InSegment& s) const {
    if (!s.timestamps || s.timestamps->echo == 0) return std::nullopt;
    const auto ms = static_cast<std::int32_t>(timestamp_clock(s.arrived) + timestamp_offset_ -
                                              s.timestamps->echo);
    if (ms < 0) return std::nullopt;
    return Duration::from_ms(ms);
}

SendContext Connection::send_context(const InSegment& s, Environment& env) const {
    SendContext in = send_context(env);
    in.now = s.arrived;
    in.echo = echo_age(s);
    return in;
}

// Linux takes memory for a connection by the page (sk_forward_alloc), and leaves its fast path for a
// segment that needs another one.
inline bool Connection::fits_into_page(const ToReceiver& data) const {
    if (data.payload == 0) return true;
    return true_size(data.headers, data.payload, data.segments).charge <=
           rest_of_page() + (receiver_.keeps_page() ? kPage : 0);
}

// Pages are taken before it is known that what came needs none of it, and the rest of them goes with
// the next thing that is given back (sk_mem_uncharge). What is charged for now may use it up.
void Connection::count_page(const ToReceiver& data, bool was_free) {
    const std::int64_t charge = true_size(data.headers, data.payload, data.segments).charge;
    const std::int64_t rest = rest_of_page();
    receiver_.keep_page(was_free ? receiver_.keeps_page() || charge > rest : rest + charge < kPage);
}

// RFC 7323 REQ-4.3
void Connection::take_timestamp(const InSegment& s, Environment& env) {
    // RFC 7323 §4.3: the timestamp of the segment that the last ACK we sent waits for.
    if (!s.timestamps || s.data.seq > receiver_.acceptable().last_ack) return;
    if (recent_.is_set() && is_older_timestamp(s.timestamps->value, recent_.value) &&
        env.now - recent_.taken < kTimestampLife) {
        return;
    }
    recent_.take(s.timestamps->value, env.now);
}

void Connection::after_ack(const Sender::AckOutcome& ack, std::uint8_t ttl, Environment& env) {
    if (ack.sample.delivered != 0 && !ack.is_late) {
        env.counters.add(Counter::TcpExtTCPDelivered,
                         static_cast<std::uint64_t>(ack.sample.delivered));
    }
    if (ack.sample.marked > 0) count_marked(ack.sample.marked, env);
    if (ack.has_advanced) {
        // RFC 4861 §7.3.1, Linux's dst_confirm(): who acknowledges something new is there.
        env.network.confirm(path_, env.now);
        retransmits_ = 0;
        retransmitting_since_ = Instant::never();
        window_judged_.set(env.now);
    }
    if (ack.was_spurious) retransmits_ = 0;
    soft_error_ = Errc{};  // something works again
    if (has_annex()) {
        judge_path_probe(env);
        stamp_acked(ttl, env);
        end_timeouts(env);
    }
    probes_ = 0;
    if (sender_.has_out()) {
        probing_since_ = Instant::never();
        if (!ack.look_again.is_zero()) {
            arm_alarm(Alarm::Reordering, ack.look_again, env);
        } else if (!ack.time_out.is_zero()) {
            arm_alarm(Alarm::Timeout, ack.time_out, env);
        } else if (ack.restarts_timer && !arm_loss_probe(true, env)) {
            rearm_retransmit(env);
        }
        return;
    }
    sender_.chronograph().stop(Chronograph::Phase::Busy, sender_.buffer().chunks().empty(),
                               env.now);
    timers_.cancel(Timer::Retransmit);
    if (sender_.has_unsent() && !sender_.is_window_open()) {
        arm_persist(env);  // an answer that keeps the window shut does not stop TCP_USER_TIMEOUT
    } else {
        probing_since_ = Instant::never();
        persist_backoff_ = 0;
        timers_.cancel(Timer::Persist);
    }
}

void Connection::count_marked(std::int32_t marked, Environment& env) {
    const auto segments = static_cast<std::uint32_t>(marked);
    env.counters.add(Counter::TcpExtTCPDeliveredCE, segments);
    if (Annex* annex = need_annex(env)) annex->losses.delivered_marked += segments;
}

// Bytes that nobody has yet, or a FIN that says there are such.
bool Connection::is_beyond_next(const ToReceiver& data) const {
    return data.length() > 0 && data.end() - (data.fin ? 1 : 0) > receiver_.next();
}

// Nobody can ever read it (RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13).
Effects Connection::abort_on_data(Environment& env) {
    env.counters.add(Counter::TcpExtTCPAbortOnData);
    env.counters.add(Counter::DropTcpAbortOnData);
    Effects effects = die(is_orphan() ? Errc{} : Errc::ConnectionReset, env);
    effects.reset = true;
    return effects;
}

// tcp_new_space(), which Linux asks for behind each packet: the buffer grows unless the first one fills
// the congestion window, and what was cut for it counts for more.
void Connection::check_space(Environment& env) {
    const Sender::FirstPacket first = sender_.first_packet(push_rules(env));
    const std::int64_t in_flight = sender_.scoreboard().in_flight() + first.segments;
    if (in_flight < sender_.congestion().segments) grow_send_buffer(env);
    lacks_space_ = !is_writable(env.config, first.is_cut ? SendBuffer::kChunkCharge : 0);
}

// What the ACK of our FIN, or of our SYN, means for the state.
inline void Connection::after_fin_acked(const InSegment& s, Effects& effects, Environment& env) {
    if (state_ == State::SynReceived) {
        effects += become_established(env);
        return;
    }
    const bool fin_is_acked = fin_is_queued_ && sender_.una() == sender_.written();
    if (!fin_is_acked) {
        if (lacks_space_) check_space(env);
        if (wants_space_ && !lacks_space_ && is_writable(env.config)) {
            wants_space_ = false;
            sender_.chronograph().stop(Chronograph::Phase::SendBuffer, !sender_.has_out(), env.now);
            effects.wake |= kWritable;
        }
        return;
    }
    effects += on_fin_acked(s, env);
}

Effects Connection::on_fin_acked(const InSegment& s, Environment& env) {
    switch (state_) {
        case State::FinWait1: {
            enter(State::FinWait2, env);
            if (!is_orphan()) return {.wake = kEverything};
            if (options.fin_timeout < 0 || is_beyond_next(s.data)) return abort_on_data(env);
            if (s.data.fin) return {};  // take_data() will see it
            return wait_out(State::FinWait2, fin_timeout(env.config), env);
        }
        case State::Closing: return wait_out(State::TimeWait, kTimeWait, env);
        case State::LastAck: remember(env); return die(Errc{}, env);
        default: return {};  // it was acknowledged before
    }
}

// Only what it repeats can come; a segment that repeats it and goes on behind it contradicts it. Linux
// takes another FIN there, behind the last byte that it repeats.
Effects Connection::take_data_behind_fin(const InSegment& s, Environment& env) {
    if (s.data.seq < receiver_.next() && is_beyond_next(s.data)) {
        Effects effects = die(is_orphan()                  ? Errc{}
                              : state_ == State::CloseWait ? Errc::BrokenPipe
                                                           : Errc::ConnectionReset,
                              env);
        env.counters.add(Counter::TcpExtTCPAbortOnData);
        effects.reset = true;
        return effects;
    }
    if (s.data.length() > 0 && s.data.end() <= receiver_.next()) {
        receiver_.on_data(s.data, nullptr, Duration{}, env);
    } else if (receiver_.has_another_fin(s.data)) {
        receiver_.take_another_fin(s.data, sender_.rtt().rto(rto_limits(env)), env);
    } else if (s.data.length() > 0) {
        env.counters.add(Counter::DropNotSpecified);
    }
    return {};
}

// Seventh and eighth step.
// RFC 1122 REQ-4.2.2.20
inline void Connection::take_data(const InSegment& s, PacketPtr payload, bool is_predicted,
                                  Effects& effects, Environment& env) {
    if (!may_receive(state_)) {
        effects += take_data_behind_fin(s, env);
        return;
    }
    const bool has_hung_up = read_is_shut_ && is_one_of(state_, State::FinWait1, State::FinWait2);
    if (has_hung_up && is_beyond_next(s.data)) {
        effects += abort_on_data(env);
        return;
    }
    if (s.data.length() == 0) return;
    // tcp_data_queue()
    if (!is_predicted && receiver_.has_report()) receiver_.forget_duplicate(env);
    if (agreement_.has_classic_ecn() && receiver_.changes_mark(s.data) &&
        timers_.is_armed(Timer::DelayedAck)) {
        send_ack(env);
    }
    if (s.timestamps && receiver_.is_new_echo(s.timestamps->echo)) {
        if (const auto age = echo_age(s)) {
            receiver_.on_echo(s.timestamps->echo, s.data.length(), *age);
        }
    }
    const bool ends_compression = receiver_.ends_compression(s.data);
    if (ends_compression) {
        receiver_.on_compression_over();
        send_ack(env);
    }
    const Receiver::Outcome out = receiver_.on_data(
        s.data, std::move(payload), sender_.rtt().rto(rto_limits(env)), env, is_predicted);
    if (ends_compression) receiver_.policy().owe_nothing();  // as Linux, which counts that one
    if (out.was_free || receiver_.keeps_page()) count_page(s.data, out.was_free);
    Annex* annex = out.was_out_of_order ? need_annex(env) : nullptr;
    if (annex != nullptr) ++annex->losses.out_of_order;
    if (out.advanced > 0) effects.wake |= kReadable;
    if (out.got_fin) effects += on_fin(env);
}

Effects Connection::on_fin(Environment& env) {
    receiver_.policy().owe();
    // As Linux, what came from beyond is told once more.
    if (is_one_of(state_, State::FinWait1, State::FinWait2)) send_ack(env);
    receiver_.end_stream(env);
    switch (state_) {
        case State::Established:
            enter(State::CloseWait, env);
            receiver_.policy().on_fin(env.config.tcp_pingpong_thresh);
            return {.wake = kEverything};
        case State::FinWait1: enter(State::Closing, env); return {.wake = kEverything};
        case State::FinWait2: return wait_out(State::TimeWait, kTimeWait, env);
        default: return {};
    }
}

// What an ACK must carry goes now; what may wait, waits; data is left to flush().
// RFC 9293 MUST-58, SHLD-19
// `is_followed`: what comes next is there, and will ask again. True: there is more to send, later.
bool Connection::answer(bool may_send, bool is_followed, Environment& env) {
    const AckPolicy& policy = receiver_.policy();
    if (!policy.is_owed()) return may_send;
    // Asked only where it decides: the window is worth a look behind more than one segment.
    const bool window_moves = receiver_.unacknowledged() > policy.usual_segment() &&
                              (receiver_.readable() < std::int64_t{options.receive_low_water} ||
                               receiver_.candidate(env.config) >= receiver_.window().offered());
    const bool is_due =
        policy.is_due(receiver_.unacknowledged(), window_moves, env.config.tcp_pingpong_thresh);
    if (!is_due && !receiver_.has_early()) {
        // Data goes first, and may carry it (tcp_data_snd_check, then tcp_ack_snd_check).
        const bool is_done = !may_send || flush(env);
        if (policy.is_owed()) delay_ack(env);
        return !is_done;
    }
    if (is_followed && !receiver_.has_early()) {
        // Should that be refused, the alarm answers.
        const Duration wait = policy.wait(sender_.rtt().smoothed(), env.config.tcp_pingpong_thresh);
        const Instant latest = env.now + wait;
        if (timers_.due(Timer::DelayedAck) > latest) timers_.arm(Timer::DelayedAck, latest);
        return may_send;
    }
    // Data that may leave carries the ACK.
    const bool is_done = !may_send || flush(env);
    if (policy.is_owed() && (is_due || !compress_ack(env))) send_ack(env);
    return !is_done;
}

// RFC 5961 §7: challenge ACKs are limited, so that they are no tool.
// RFC 5961 REQ-7, REQ-10
void Connection::challenge(Environment& env, Counter skipped) {
    if (is_rate_limited(env, skipped)) return;
    if (!env.challenges.take(env.config.tcp_challenge_ack_limit, env.now)) return;
    env.counters.add(Counter::TcpExtTCPChallengeACK);
    send_ack(env);
}

bool Connection::is_rate_limited(Environment& env, Counter skipped) {
    const Duration gap = Duration::from_ms(env.config.tcp_invalid_ratelimit);
    Annex* annex = need_annex(env);
    if (annex == nullptr) return true;
    Instant& last = annex->losses.last_challenge;
    if (last != Instant::never() && env.now - last < gap) {
        env.counters.add(skipped);
        return true;
    }
    last = env.now;
    return false;
}

// RFC 9293 MUST-47, MUST-54, MUST-56, SHLD-25, SHLD-26; RFC 1122 REQ-4.2.3.9
Effects Connection::on_icmp(const ip::IcmpError& e, Environment& env) {
    if (e.error == Errc::MessageTooLong) {
        if (options.mtu_discovery >= ip::MtuDiscovery::Interface || path_.is_mtu_locked) return {};
        // RFC 5927 §7: believe only what fits something in flight.
        const bool is_large_syn = state_ == State::SynSent && sender_.written() > Position{1};
        const bool is_ours = is_synchronized(state_) || is_large_syn;
        if (e.mtu < 68 || e.mtu >= path_.mtu || !is_ours) return {};
        path_.mtu = env.network.lower_path_mtu(key.remote.address, e.mtu, env.now);
        const bool is_v4 = key.remote.address.is_v4();
        // What has no DF is cut on the way. IPv6 knows no such packets.
        if (is_v4 && options.mtu_discovery == ip::MtuDiscovery::Dont) return {};
        if (is_large_syn) return resend_syn(env);
        sender_.lower_mss(path_mss(env), send_context(env));
        return {.ready = true};
    }
    if (const Effects effects = revert_backoff(e, env); effects.ended) return effects;
    // RFC 1122 §4.2.3.9: in SYN-SENT a hard error ends the attempt; later it is only a hint.
    // What somebody has accepted counts as open.
    const bool is_opening = is_one_of(state_, State::SynSent, State::SynReceived);
    const bool is_accepted = request(env) != nullptr && socket_ != kInAcceptQueue;
    if (is_opening && !is_accepted) {
        queue_error(e, env);
        return die(e.error, env);
    }
    // IP_RECVERR: who asked for it is told now, and the connection goes on.
    (options.receive_error ? error_ : soft_error_) = e.error;
    return {.wake = options.receive_error ? kError : Readiness{0}};
}

}  // namespace fairlead::tcp
