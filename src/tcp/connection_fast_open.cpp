// What a connection that carries data in its SYN does otherwise: RFC 7413 §4.2.
#include <algorithm>

#include "tcp/connection.hpp"
#include "tcp/request.hpp"

namespace fairlead::tcp {

// --- a connection from a SYN ---

bool Connection::keep_request(Request& request, Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return false;
    annex->fast_open.request = &request;
    annex->fast_open.is_child = true;
    return true;
}

// tcp_fastopen_create_child(), tcp_fastopen_add_skb()
void Connection::take_syn_data(Request& request, std::uint16_t window, std::uint32_t payload,
                               PacketPtr packet, Environment& env) {
    sender_.start_accepted(window);
    begin_transfer(env);
    segments_in_ = 1;
    last_heard_ = env.now;
    if (payload > 0 && packet != nullptr) {
        const ToReceiver data{.seq = Position{1}, .payload = payload};
        const Receiver::Outcome out = receiver_.on_data(data, std::move(packet), 1_s, env);
        request.syn_data = static_cast<std::uint32_t>(out.advanced);
        data_in_ = 1;
        env.annexes.at(annex_)->fast_open.syn_data_acked = true;
    }
    // The SYN-ACK, which is about to go, says so much and offers what it always does.
    receiver_.window().acknowledge(receiver_.next());
    receiver_.policy().on_ack_sent();
    timers_.arm(Timer::Retransmit, env.now + rto_limits(env).initial);
}

// Linux's tcp_fastopen_synack_timer(): nothing else is sent again before the third segment.
Effects Connection::on_syn_ack_timeout(Request& r, Environment& env) {
    env.counters.add(Counter::TcpExtTCPTimeouts);
    const std::int64_t most =
        options.syn_retries != 0 ? options.syn_retries : env.config.tcp_synack_retries + 1;
    if (r.timeouts >= most) {
        env.counters.add(Counter::TcpExtTCPAbortOnTimeout);
        return die(soft_error_ != Errc{} ? soft_error_ : Errc::TimedOut, env);
    }
    if (retransmits_ == 1 && !sender_.on_timeout(send_context(env))) sender_.restart_window(1);
    r.was_retransmitted = true;
    env.counters.add(Counter::TcpRetransSegs);
    env.counters.add(Counter::TcpExtTCPSynRetrans);
    count_retransmission(env);
    if (refresh_path(env)) send_syn_ack(r, timestamp_clock(env.now), nullptr, path_, env);
    ++r.timeouts;
    retransmits_ = static_cast<std::uint8_t>(std::min(retransmits_ + 1, 255));
    const RtoLimits limits = rto_limits(env);
    const Duration wait = std::min(
        limits.initial * (std::int64_t{1} << std::min<int>(r.timeouts, 20)), limits.highest);
    timers_.arm(Timer::Retransmit, env.now + wait);
    return {};
}

// tcp_rcv_synrecv_state_fastopen(): the SYN-ACK is acknowledged.
Effects Connection::confirm(Request& request, Environment& env) {
    if (!sender_.rtt().has_sample() && !request.was_retransmitted) {
        sender_.rtt().on_sample(env.now - request.sent, sender_.una(), sender_.next(),
                                rto_limits(env).lowest);
    }
    sender_.count_syn_delivered();
    retransmits_ = 0;
    env.annexes.at(annex_)->fast_open.is_confirmed = true;
    Effects effects;
    if (state_ == State::SynReceived) {
        enter(State::Established, env);
        was_connected_ = true;
        start_keep_alive(env);
        effects = finish_shutdown(env);
        effects.wake |= kEverything;
    }
    timers_.cancel(Timer::Retransmit);
    if (sender_.has_out()) arm_retransmit(env);
    effects.ready = effects.ready || sender_.has_unsent();
    return effects;
}

Effects Connection::reset_by_peer(Environment& env) { return die(Errc::ConnectionReset, env); }

}  // namespace fairlead::tcp
