// The alarms of a connection: RFC 6298 §5, RFC 9293 §3.8.3 (give-up), §3.8.4 (keep-alive),
// §3.8.6.1 (zero-window probes), with Linux's schedules.
#include <algorithm>
#include <bit>
#include <optional>

#include "tcp/connection.hpp"

namespace fairlead::tcp {

Duration Connection::fin_timeout(const Config& config) const {
    return Duration::from_s(options.fin_timeout > 0 ? options.fin_timeout : config.tcp_fin_timeout);
}

// A SYN waits 1 s a few times, then doubles (tcp_syn_linear_timeouts).
Duration Connection::syn_timeout(Environment& env) const {
    const RtoLimits limits = rto_limits(env);
    const std::int64_t linear = state_ == State::SynSent ? env.config.tcp_syn_linear_timeouts : 0;
    const std::int64_t doublings = std::clamp<std::int64_t>(retransmits_ - linear, 0, 20);
    return std::min(limits.initial * (std::int64_t{1} << doublings), limits.highest);
}

void Connection::arm_alarm(Alarm kind, Duration wait, Environment& env) {
    timers_.arm(Timer::Retransmit, until_user_timeout(env.now + wait, retransmitting_since_));
    timers_.cancel(Timer::Persist);
    alarm_ = kind;
}

void Connection::arm_retransmit(Environment& env) {
    if (request(env) != nullptr) return;  // the SYN-ACK's
    const bool is_syn = is_one_of(state_, State::SynSent, State::SynReceived);
    arm_alarm(Alarm::Timeout, is_syn ? syn_timeout(env) : sender_.rtt().rto(rto_limits(env)), env);
}

// tcp_rearm_rto(): an alarm that rang in the place of the RTO has used up some of it.
void Connection::rearm_retransmit(Environment& env) {
    if (alarm_ == Alarm::Timeout || !timers_.is_armed(Timer::Retransmit)) {
        return arm_retransmit(env);
    }
    arm_alarm(Alarm::Timeout, std::max(sender_.rest_of_rto(env.now, rto_limits(env)), 1_ms), env);
}

// The tail loss probe rings in the place of the RTO, and starts that. False: none is wanted.
bool Connection::arm_loss_probe(bool is_after_ack, Environment& env) {
    const bool is_on = env.config.tcp_early_retrans == 3 || env.config.tcp_early_retrans == 4;
    if (!is_on || request(env) != nullptr) return false;
    const auto wait = sender_.loss_probe_wait(env.now, is_after_ack, rto_limits(env));
    if (!wait) return false;
    arm_alarm(Alarm::Probe, *wait, env);
    return true;
}

void Connection::on_loss_probe(Environment& env) {
    const Sender::Plan plan = sender_.next_loss_probe(push_rules(env), env.memory);
    if (plan.chunk == nullptr) {
        const Duration rest = sender_.rest_of_rto(env.now, rto_limits(env));
        return arm_alarm(Alarm::Timeout, std::max(rest, 1_ms), env);
    }
    const bool has_left = transmit(*plan.chunk, env);
    env.counters.add(Counter::TcpExtTCPLossProbes);
    if (plan.is_retransmission) {
        note_retransmission(*plan.chunk, has_left, env);
    } else {
        env.counters.add(Counter::TcpExtTCPOrigDataSent, plan.chunk->segments);
    }
    sender_.on_loss_probe_sent(plan, env.now);
    arm_retransmit(env);
}

void Connection::on_reordering(Environment& env) {
    sender_.on_reorder_timeout(send_context(env));
    flush(env);
    if (!sender_.has_out() || alarm_ == Alarm::Probe) return;
    const Duration rest = sender_.rest_of_rto(env.now, rto_limits(env));
    arm_alarm(Alarm::Timeout, std::max(rest, 1_ms), env);
}

// RFC 9293 SHLD-29, SHLD-30
Duration Connection::persist_wait(Environment& env) const {
    const RtoLimits limits = rto_limits(env);
    // As Linux, an RTO that was doubled in vain counts twice: in itself, and as a step.
    Duration wait = std::max(sender_.rtt().rto(limits), limits.lowest);
    const int steps = persist_backoff_ + sender_.rtt().backoffs();
    for (int i = 0; i < steps && wait < limits.highest; ++i) wait = wait * 2;
    return std::min(wait, limits.highest);
}

void Connection::arm_persist(Environment& env) {
    timers_.arm(Timer::Persist, until_user_timeout(env.now + persist_wait(env), probing_since_));
}

// TCP_USER_TIMEOUT ends the connection at its instant, not at the alarm that follows it.
Instant Connection::until_user_timeout(Instant due, Instant since) const {
    if (options.user_timeout_ms == 0 || since == Instant::never()) return due;
    return std::min(due, since + Duration::from_ms(options.user_timeout_ms));
}

Effects Connection::on_timer(Environment& env) {
    Effects effects;
    follow_path(env);  // before anything is cut for it
    if (timers_.take(Timer::DelayedAck, env.now) && receiver_.policy().is_owed()) {
        if (receiver_.compressed() > 0) {
            receiver_.on_compression_over();
        } else {
            receiver_.policy().on_delay_over(sender_.rtt().rto(rto_limits(env)),
                                             env.config.tcp_pingpong_thresh);
            env.counters.add(Counter::TcpExtDelayedACKs);
        }
        send_ack(env);
    }
    if (waits_for_pace_ && sender_.paced_until() <= env.now) {
        waits_for_pace_ = false;
        effects.ready = true;
    }
    sender_.reserve(static_cast<std::uint16_t>(report_bytes(env)));
    if (timers_.take(Timer::Retransmit, env.now)) effects += on_retransmit(env);
    if (!effects.ended && timers_.take(Timer::Persist, env.now)) effects += on_persist(env);
    if (!effects.ended && timers_.take(Timer::KeepAlive, env.now)) effects += on_keep_alive(env);
    return effects;
}

namespace {

// tcp_model_timeout(): the time that so many doublings of `base` would take.
Duration modelled_timeout(std::int64_t retries, Duration base, Duration highest) {
    const auto doublings =
        static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(highest / base)) - 1);
    if (retries <= doublings) return base * ((std::int64_t{2} << retries) - 1);
    return base * ((std::int64_t{2} << doublings) - 1) + highest * (retries - doublings);
}

}  // namespace

// retransmits_timed_out(), after the handshake.
bool Connection::has_tried_for(std::int64_t retries, const Environment& env) const {
    if (retransmits_ == 0 || retransmitting_since_ == Instant::never()) return false;
    const RtoLimits limits = rto_limits(env);
    return env.now - retransmitting_since_ >=
           modelled_timeout(retries, limits.lowest, limits.highest);
}

// Linux's tcp_write_timeout(): by the time that so many doublings would take (tcp_retries2), so
// that the RTT does not matter; a SYN by count as well.
// RFC 9293 MUST-20, MUST-21, MUST-23, SHLD-11; RFC 1122 REQ-4.2.3.5; RFC 5482 REQ-3.3
bool Connection::has_given_up(Environment& env) const {
    const Config& config = env.config;
    const RtoLimits limits = rto_limits(env);
    const Duration tried =
        retransmitting_since_ == Instant::never() ? Duration{} : env.now - retransmitting_since_;
    // tcp_rtx_probe0_timed_out(): into a window that shrank to nothing what goes again is a probe, and
    // a peer that answers it is alive (RFC 9293 MUST-37, SHLD-17).
    const bool is_probe = is_probing_shrunk();
    if (options.user_timeout_ms != 0 && (retransmits_ > 0 || is_probe)) {
        return tried >= Duration::from_ms(options.user_timeout_ms);
    }
    if (is_one_of(state_, State::SynSent, State::SynReceived)) {
        const std::int64_t retries =
            options.syn_retries != 0 ? options.syn_retries : config.tcp_syn_retries;
        const std::int64_t linear = state_ == State::SynSent ? config.tcp_syn_linear_timeouts : 0;
        return retransmits_ >= retries + linear ||
               (retransmits_ > 0 &&
                tried >= modelled_timeout(retries, limits.initial, limits.highest));
    }
    if (is_probe) {
        return env.now - last_heard() > limits.highest * 2 && tried > limits.highest * 2;
    }
    if (retransmits_ == 0) return false;
    std::int64_t retries = config.tcp_retries2;
    if (is_orphan()) retries = config.tcp_orphan_retries != 0 ? config.tcp_orphan_retries : 8;
    return has_tried_for(retries, env);
}

namespace {

// tcp_retransmit_timer(): what the first timeout of a series put an end to.
std::optional<Counter> failed(CongestionState phase, bool has_sack, bool has_duplicates) {
    switch (phase) {
        case CongestionState::Recovery:
            return has_sack ? Counter::TcpExtTCPSackRecoveryFail
                            : Counter::TcpExtTCPRenoRecoveryFail;
        case CongestionState::Loss: return Counter::TcpExtTCPLossFailures;
        case CongestionState::Disorder: break;
        default:
            if (!has_duplicates) return std::nullopt;
    }
    return has_sack ? Counter::TcpExtTCPSackFailures : Counter::TcpExtTCPRenoFailures;
}

}  // namespace

// tcp_update_rto_stats(); and another hash of the flow, so that routers may take it another way
// (sk_rethink_txhash()).
void Connection::note_timeout(Environment& env) {
    env.counters.add(Counter::TcpExtTcpTimeoutRehash);
    const auto failure =
        failed(sender_.phase(), agreement_.has_sack, sender_.scoreboard().sacked() > 0);
    if (retransmits_ == 0 && failure) env.counters.add(*failure);
    Annex* annex = need_annex(env);
    if (annex == nullptr) return;
    ++annex->losses.rehashes;
    annex->losses.on_timeout(retransmits_ == 0, env.now);
}

bool Connection::is_thin_and_linear(const Config& config) const {
    constexpr int kMostInLine = 6;  // TCP_THIN_LINEAR_RETRIES
    const bool is_asked = options.thin_linear_timeouts || config.tcp_thin_linear_timeouts != 0;
    return is_asked && state_ == State::Established && retransmits_ <= kMostInLine &&
           sender_.is_thin();
}

// RFC 9293 MUST-19, MUST-22
Effects Connection::on_retransmit(Environment& env) {
    if (Request* r = request(env)) return on_syn_ack_timeout(*r, env);
    if (!sender_.has_out()) return {};
    if (const Alarm kind = std::exchange(alarm_, Alarm::Timeout); kind != Alarm::Timeout) {
        kind == Alarm::Probe ? on_loss_probe(env) : on_reordering(env);
        return {};
    }
    const bool is_probe = is_probing_shrunk();
    if (!is_probe) env.counters.add(Counter::TcpExtTCPTimeouts);
    const bool is_over = has_given_up(env);
    if (has_annex()) suspect_path(is_over, env);
    if (is_over) {
        env.counters.add(Counter::TcpExtTCPAbortOnTimeout);
        return die(soft_error_ != Errc{} ? soft_error_ : Errc::TimedOut, env);
    }
    const bool is_syn = is_one_of(state_, State::SynSent, State::SynReceived);
    if (!is_probe) note_timeout(env);
    if (is_syn) env.counters.add(Counter::TcpExtTCPSynRetrans);
    // RFC 9293 MUST-20, SHLD-10: a SYN's second retransmission says as much (tcp_write_timeout()).
    const bool is_at_odds = is_syn ? retransmits_ > 0 : has_tried_for(env.config.tcp_retries1, env);
    if (is_at_odds) env.network.doubt(path_, env.now);
    if (is_at_odds && !is_syn && env.config.tcp_mtu_probing != 0) suspect_black_hole(env);
    sender_.on_timeout(send_context(env));
    if (!is_probe) retransmits_ = static_cast<std::uint8_t>(std::min(retransmits_ + 1, 255));
    if (is_thin_and_linear(env.config)) sender_.rtt().reset_backoff();
    if (Chunk* c = sender_.first_out(push_rules(env), env.memory); c != nullptr) {
        send_plan({c, true}, env);
    }
    arm_retransmit(env);
    return {};
}

// RFC 9293 MUST-36, MUST-37; RFC 1122 REQ-4.2.2.17
Effects Connection::on_persist(Environment& env) {
    if (sender_.has_out() || !sender_.has_unsent()) {
        probes_ = 0;
        return {};
    }
    if (probing_since_ == Instant::never()) {
        probing_since_ = env.now;
    } else if (options.user_timeout_ms != 0 &&
               env.now - probing_since_ >= Duration::from_ms(options.user_timeout_ms)) {
        env.counters.add(Counter::TcpExtTCPAbortOnTimeout);
        return die(soft_error_ != Errc{} ? soft_error_ : Errc::TimedOut, env);
    }
    const std::int64_t orphan_retries =
        env.config.tcp_orphan_retries != 0 ? env.config.tcp_orphan_retries : 8;
    const std::int64_t most = is_orphan() ? orphan_retries : env.config.tcp_retries2;
    // Answers to probes hold a socket for ever, but not one that nobody owns (tcp_probe_timer()).
    const bool is_held_shut = is_orphan() && persist_backoff_ >= orphan_retries &&
                              persist_wait(env) >= rto_limits(env).highest;
    if (probes_ >= most || is_held_shut) {
        env.counters.add(Counter::TcpExtTCPAbortOnTimeout);
        return die(soft_error_ != Errc{} ? soft_error_ : Errc::TimedOut, env);
    }
    if (Chunk* c = sender_.next_probe(env.memory); c != nullptr) {
        send_plan({.chunk = c, .is_window_probe = true}, env);
        probes_ = persist_backoff_ = 0;
        return {};
    }
    env.counters.add(Counter::TcpExtTCPWinProbe);
    // tcp_write_wakeup(): one more that says how far the urgent byte is.
    if (has_annex() && env.annexes.at(annex_)->urgent.is_near(sender_.una())) {
        env.counters.add(Counter::TcpExtTCPWinProbe);
        send_probe(env, false);
    }
    send_probe(env, true);
    ++probes_;
    if (persist_backoff_ < env.config.tcp_retries2) ++persist_backoff_;
    arm_persist(env);
    return {};
}

// RFC 9293 MUST-24, MUST-25, MUST-26, MUST-27, MUST-28
void Connection::start_keep_alive(Environment& env) {
    if (!options.keep_alive || is_one_of(state_, State::Closed, State::Listen, State::SynSent)) {
        timers_.cancel(Timer::KeepAlive);
        return;
    }
    const std::int64_t idle =
        options.keep_idle != 0 ? std::int64_t{options.keep_idle} : env.config.tcp_keepalive_time;
    // Silence counts from what was heard last, for a connection that is watched already.
    const bool is_watched = timers_.is_armed(Timer::KeepAlive) && probes_ == 0;
    const Instant from = is_watched ? last_heard() : env.now;
    timers_.arm(Timer::KeepAlive, std::max(env.now, from + Duration::from_s(idle)));
}

// RFC 9293 MUST-29, MAY-5; RFC 1122 REQ-4.2.3.6; RFC 5482 REQ-4.2
Effects Connection::on_keep_alive(Environment& env) {
    if (!options.keep_alive || !is_synchronized(state_)) return {};
    const Duration idle = Duration::from_s(options.keep_idle != 0 ? std::int64_t{options.keep_idle}
                                                                  : env.config.tcp_keepalive_time);
    const Duration interval =
        Duration::from_s(options.keep_interval != 0 ? std::int64_t{options.keep_interval}
                                                    : env.config.tcp_keepalive_intvl);
    // What is in flight, or waits for a window, has timers of its own.
    if (sender_.has_out() || sender_.has_unsent()) {
        timers_.arm(Timer::KeepAlive, env.now + idle);
        return {};
    }
    const Instant heard = last_heard();
    const Duration silent = env.now - heard;
    if (silent < idle) {
        probes_ = 0;
        timers_.arm(Timer::KeepAlive, heard + idle);
        return {};
    }
    const std::int64_t most =
        options.keep_count != 0 ? options.keep_count : env.config.tcp_keepalive_probes;
    const bool is_over = options.user_timeout_ms != 0
                             ? silent >= Duration::from_ms(options.user_timeout_ms) && probes_ > 0
                             : probes_ >= most;
    if (is_over) {
        env.counters.add(Counter::TcpExtTCPAbortOnTimeout);
        send_reset(env);
        return die(soft_error_ != Errc{} ? soft_error_ : Errc::TimedOut, env);
    }
    env.counters.add(Counter::TcpExtTCPKeepAlive);
    send_probe(env, true);
    ++probes_;
    timers_.arm(Timer::KeepAlive, env.now + interval);
    return {};
}

}  // namespace fairlead::tcp
