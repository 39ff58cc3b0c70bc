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
        const Receiver::Outcome out = receiver_.on_data(data, std::move(packet), Duration{}, env);
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
    if (Annex* annex = need_annex(env)) {
        annex->losses.on_timeout(retransmits_ == 0, env.now);
    }
    if (retransmits_ == 1 && !sender_.on_timeout(send_context(env))) sender_.restart_window(1);
    r.count_retransmission();
    env.counters.add(Counter::TcpRetransSegs);
    env.counters.add(Counter::TcpExtTCPSynRetrans);
    count_retransmission(env);
    if (follow_path(env)) send_syn_ack(r, timestamp_clock(env.now), nullptr, path_, env);
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
    if (!sender_.rtt().has_sample() && request.retransmitted == 0) {
        take_first_rtt(env.now - request.sent, env);
    }
    sender_.count_syn_delivered();
    retransmits_ = 0;
    end_timeouts(env);
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

// --- a connection whose SYN carries data, or asks whether it may ---

std::size_t Connection::open_fast(const FastOpenPlan& plan, Bytes bytes, Environment& env) {
    FastOpen& f = env.annexes.at(annex_)->fast_open;
    f.plan = plan;
    f.is_due = true;
    f.has_asked = plan.option.has_value();
    retransmitting_since_ = env.now;
    if (!plan.has_data) {
        if (plan.option) f.failure = FastOpenFailure::NoCookie;
        return 0;
    }
    // Room for all options is kept free, for those that somebody on the way may add.
    const std::uint16_t own =
        mss_of_mtu(path_.mtu, key.remote.address.is_v4(), options.max_segment);
    const auto least = static_cast<std::uint16_t>(env.config.tcp_min_snd_mss);
    const std::uint16_t mss = plan.mss == 0 ? own : std::max(std::min(own, plan.mss), least);
    sender_.set_mss(mss);
    const std::size_t room = mss - std::min<std::size_t>(mss, wire::TcpOptions::kMaxBytes);
    const std::int64_t taken = sender_.write(bytes.first(std::min(room, bytes.size())), env.memory);
    f.has_syn_data = taken > 0;
    if (taken > 0) {
        sender_.mark_push();
        sender_.chronograph().start(Chronograph::Phase::Busy, env.now);
    }
    return static_cast<std::size_t>(taken);
}

// Only the first SYN has it: what is lost is sent again without.
// RFC 7413 REQ-3.1, REQ-4.2.1
void Connection::put_into_syn(OutSegment& out, const Chunk& syn, Environment& env) {
    FastOpen& f = env.annexes.at(annex_)->fast_open;
    if (!f.is_due || state_ != State::SynSent) return;
    f.is_due = false;
    if (f.plan.option) out.options.fast_open = f.plan.option->option();
    if (f.has_syn_data) out.chunk = syn.next;
}

// The data left with the SYN, and lies in the buffer as a segment of its own.
void Connection::send_behind_syn(const Chunk& syn, Environment& env) {
    const FastOpen& f = env.annexes.at(annex_)->fast_open;
    Chunk* data = syn.next;
    if (!f.has_syn_data || data == nullptr) return;
    data->count_segments(sender_.mss());
    sender_.on_sent({data, false}, env.now);
    env.counters.add(Counter::TcpExtTCPOrigDataSent);
    ++data_out_;
}

// RFC 7413 REQ-4.1.3
// tcp_rcv_fastopen_synack(). True: what the SYN carried was not taken, and goes again.
bool Connection::hear_answer(const InSegment& s, const wire::TcpOptions& options_in,
                             PacketPtr payload, Environment& env) {
    FastOpen& f = env.annexes.at(annex_)->fast_open;
    if (!f.is_client()) return false;
    const bool is_left = f.has_syn_data && sender_.has_out();
    const FastOpenReply reply{.option = options_in.fast_open,
                              .mss = options_in.mss.value_or(kDefaultMss),
                              .was_repeated = losses(env).retransmitted > 0,
                              .is_data_left = is_left};
    learn(env.metrics.need(key.local.address, key.remote.address, env.now).fast_open, reply, f,
          env.now);
    if (is_left) {
        f.failure = losses(env).retransmitted > 0 ? FastOpenFailure::SynRetransmitted
                                                  : FastOpenFailure::DataNotAcked;
        env.counters.add(Counter::TcpExtTCPFastOpenActiveFail);
        sender_.resend_all(send_context(env));
        return true;
    }
    f.syn_data_acked = f.has_syn_data;
    if (f.syn_data_acked) {
        env.counters.add(Counter::TcpExtTCPFastOpenActive);
        sender_.count_syn_data_once();
    }
    if (s.data.payload > 0 && payload != nullptr) {
        const ToReceiver data{.seq = Position{1}, .payload = s.data.payload};
        receiver_.on_data(data, std::move(payload), 1_s, env);
    }
    return false;
}

// tcp_fastopen_active_disable()
void Connection::pause_fast_open(Environment& env) {
    if (env.fast_open_pause.begin(env.config.tcp_fastopen_blackhole_timeout_sec, env.now)) {
        env.counters.add(Counter::TcpExtTCPFastOpenBlackhole);
    }
}

// tcp_fastopen_active_detect_blackhole(): the third timeout in a row, or the last one.
// RFC 7413 REQ-4.1.3.1
void Connection::suspect_path(bool is_over, Environment& env) {
    const FastOpen& f = env.annexes.at(annex_)->fast_open;
    const bool is_sign = retransmits_ == 2 || (retransmits_ < 2 && is_over);
    if (!f.is_client() || !is_sign) return;
    pause_fast_open(env);
    env.counters.add(Counter::TcpExtTCPFastOpenActiveFail);
}

// A RST that does not fit, and never a byte from the peer: somebody on the way may have sent it.
void Connection::suspect_reset(Environment& env) {
    const FastOpen& f = env.annexes.at(annex_)->fast_open;
    if (!f.has_asked || data_in_ > 0 || state_ != State::Established) return;
    pause_fast_open(env);
}

// The SYN was too large for the path: at once again, without what it carried.
Effects Connection::resend_syn(Environment& env) {
    Chunk* syn = sender_.first_out(push_rules(env), env.memory);
    if (syn == nullptr) return {};
    env.counters.add(Counter::TcpExtTCPSynRetrans);
    env.counters.add(Counter::TcpExtTCPSlowStartRetrans);
    send_plan({syn, true}, env);
    return {};
}

// tcp_update_metrics(). A connection that met silence at its end tells nothing.
void Connection::remember(Environment& env) const {
    const RttEstimator& rtt = sender_.rtt();
    if (env.config.tcp_no_metrics_save != 0 || !rtt.has_sample() || rtt.backoffs() > 0) return;
    const CongestionWindow& congestion = sender_.congestion();
    Destination& to = env.metrics.need(key.local.address, key.remote.address, env.now);
    add(to,
        {.rtt = rtt.smoothed(),
         .rtt_variation = rtt.variation(),
         .window = congestion.segments,
         .threshold = congestion.threshold,
         .reordering = sender_.reordering(),
         .is_in_first_slow_start = congestion.threshold == INT32_MAX,
         .is_in_slow_start = congestion.is_slow_start(),
         .is_open = sender_.phase() == CongestionState::Open},
        env.config.tcp_reordering, env.config.tcp_no_ssthresh_metrics_save == 0);
    to.written = env.now;
}

// tcp_init_metrics(): what connections before this one met on the same way.
void Connection::recall(Environment& env) {
    const Destination* known = env.metrics.find(key.local.address, key.remote.address, env.now);
    if (known == nullptr) return;
    if (env.config.tcp_no_ssthresh_metrics_save == 0) {
        sender_.begin_with_threshold(known->threshold);
    }
    if (known->reordering != 0) sender_.set_reordering(known->reordering);
    sender_.rtt().seed(known->rtt, rto_limits(env).lowest);
}

}  // namespace fairlead::tcp
