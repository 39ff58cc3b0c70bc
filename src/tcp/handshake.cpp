// How a connection comes to be: RFC 9293 §3.5, §3.10.7.3 (SYN-SENT, simultaneous open).
#include <algorithm>
#include <optional>
#include <utility>

#include "tcp/connection.hpp"
#include "tcp/request.hpp"

namespace fairlead::tcp {
namespace {

// TCP_TIMEOUT_MIN: no timeout of Linux is shorter.
constexpr Duration kSoonest = 2_ms;

}  // namespace

// RFC 9293 MUST-65
wire::TcpOptions Connection::syn_options(Environment& env) const {
    // Also where theirs has crossed it: it goes again as it was.
    wire::TcpOptions o;
    // RFC 9293 MUST-14, MUST-67, SHLD-5, MAY-3; RFC 1122 REQ-4.2.2.6
    o.mss = announced_mss(env);
    // RFC 7323 REQ-2.2, REQ-3.2
    o.sack_permitted = env.config.tcp_sack != 0;
    if (env.config.tcp_window_scaling != 0) {
        o.window_scale = receiver_.window().scale();
    }
    if (signature_words_ != 0) {
        o.signature = env.signatures.option_of(key).value_or(wire::SignatureOption{});
    }
    // With that of MD5 there is no room for SACK blocks beside timestamps (tcp_syn_options()).
    const bool is_md5 = o.signature.kind == wire::SignatureOption::Kind::Md5;
    if (env.config.tcp_timestamps != 0 && !is_md5) {
        o.timestamps = wire::TcpTimestamps{timestamp_clock(env.now) + timestamp_offset_,
                                           recent_.is_set() ? recent_.value : 0};
    }
    return o;
}

// tcp_connect_init(): the least that any peer takes, less what the SYN offers to be in each segment.
void Connection::guess_mss(const Environment& env) {
    const bool is_v4 = key.remote.address.is_v4();
    const std::uint16_t own = mss_of_mtu(path_.mtu, is_v4, 0);
    const std::int64_t least = is_v4 ? kDefaultMss : kDefaultMssV6;
    const std::int64_t most = options.max_segment != 0 ? options.max_segment : least;
    const std::int64_t beside = env.config.tcp_timestamps != 0 ? kTimestampBytes : 0;
    sender_.set_mss(static_cast<std::uint16_t>(std::min<std::int64_t>(most, own) - beside));
}

Result<Effects> Connection::open(std::uint32_t isn, std::uint32_t timestamp_offset,
                                 const ip::Path& path, Environment& env) {
    send_space_ = SeqSpace{wire::Seq32{isn}};
    timestamp_offset_ = timestamp_offset;
    set_path(path, env);
    const ReceiveBuffer buffer = receive_buffer(options, env.config);
    const InitialWindow offered =
        initial_window(buffer, options.window_clamp, receiver_.advertised_mss(),
                       env.config.tcp_window_scaling != 0, env.config)
            .of_segments(hints(env).initrwnd, receiver_.advertised_mss());
    receiver_.start(offered, buffer, receiver_.advertised_mss());
    set_send_limit(options.send_buffer != 0 ? std::int64_t{options.send_buffer}
                                            : env.config.tcp_wmem[1]);
    error_ = soft_error_ = Errc{};
    write_is_shut_ = read_is_shut_ = false;
    guess_mss(env);
    if (!sender_.start(env.memory)) return std::unexpected{Errc::NoBuffers};
    begin_asking_for_ecn(env);
    enter(State::SynSent, env);
    retransmitting_since_ = env.now;  // the attempt as a whole is timed
    env.counters.add(Counter::TcpActiveOpens);
    return Effects{.ready = true};
}

// RFC 9293 MUST-15, MUST-16; RFC 7323 REQ-2.2
void Connection::accept_agreement(const Agreement& agreement, Environment& env) {
    agreement_ = agreement;
    if (!agreement.has_scale) receiver_.window().drop_scale();
    const std::uint16_t own = mss_of_mtu(path_.mtu, key.remote.address.is_v4(), 0);
    sender_.set_mss(tcp::send_mss(own, agreement, env.config.tcp_min_snd_mss));
    sender_.set_has_timestamps(agreement.has_timestamps);
    const int beside = signature_bytes() + header_option_bytes();
    if (beside != 0) sender_.reserve(static_cast<std::uint16_t>(beside));
    sender_.set_uses_sack(agreement.has_sack);
    sender_.set_uses_ecn(agreement.has_classic_ecn());
    receiver_.set_uses_ecn(agreement.has_classic_ecn());
    sender_.set_reordering(env.config.tcp_reordering);
    receiver_.set_uses_sack(agreement.has_sack, env.config.tcp_dsack != 0);
    if (agreement.has_timestamps) {
        receiver_.set_advertised_mss(
            static_cast<std::uint16_t>(receiver_.advertised_mss() - kTimestampBytes));
    }
}

// Of who opened the connection, when it is open: data will follow that carries the ACK. A writer sleeps
// (sk_write_pending), or TCP_QUICKACK was switched off.
bool Connection::awaits_data(Environment& env) {
    FastOpen* f = fast_open(env);
    if (f != nullptr && std::exchange(f->has_writer, false)) return true;
    return !sender_.has_unsent() && receiver_.policy().is_pingpong(env.config.tcp_pingpong_thresh);
}

// RFC 9293 §3.10.7.3, first to fourth: what is no answer to our SYN, and why.
std::optional<Counter> Connection::why_not_answer(const InSegment& s, Environment& env) {
    if (!s.ack && !s.data.syn) return s.rst ? Counter::DropTcpReset : Counter::DropNotSpecified;
    if (!s.ack) return s.rst ? std::optional{Counter::DropTcpReset} : std::nullopt;
    if (s.ack->ack <= sender_.una() || s.ack->ack > sender_.next()) {
        // An old connection was in the way of our SYN; after the RST it no longer is.
        if (retransmits_ == 0) timers_.arm(Timer::Retransmit, env.now + kSoonest);
        return Counter::DropTcpInvalidAckSequence;
    }
    // An echo from before our SYN is an old duplicate's.
    if (s.timestamps && s.timestamps->echo != 0 &&
        is_older_timestamp(timestamp_clock(env.now) + timestamp_offset_, s.timestamps->echo)) {
        env.counters.add(Counter::TcpExtPAWSActive);
        return Counter::DropTcpRfc7323Paws;
    }
    if (!s.rst && !s.data.syn) return Counter::DropTcpFlags;
    return std::nullopt;
}

// RFC 9293 §3.10.7.3, in its order: ACK, RST, SYN.
Effects Connection::on_syn_sent(const InSegment& s, const wire::TcpOptions& options_in,
                                PacketPtr payload, Environment& env) {
    if (const auto why = why_not_answer(s, env)) {
        env.counters.add(*why);
        return {.reset = s.ack.has_value() && !s.rst && *why != Counter::DropTcpFlags};
    }
    if (s.rst) return die(Errc::ConnectionRefused, env);

    Agreement agreement = agree(options_in, key.remote.address.is_v4(),
                                {.bytes = options.max_segment, .is_opener = true}, env.config);
    agree_on_ecn(agreement, s, options_in, env);
    if (s.timestamps && agreement.has_timestamps) {
        recent_.take(s.timestamps->value, env.now);
    }
    accept_agreement(agreement, env);
    if (s.ack) {
        const Sender::AckOutcome ack =
            sender_.on_ack(*s.ack, s.data.seq, s.data.length(), send_context(s, env));
        after_ack(ack, s.ttl, env);
        was_opened_ = true;
        receiver_.policy().begin(env.now);
        Effects effects = become_established(env);
        const std::int64_t paced = first_paced_segment(env.config);
        if (paced != sender_.whole_mss()) sender_.note_pace(env.config, paced);
        const bool goes_again = has_annex() && hear_answer(s, options_in, std::move(payload), env);
        AckPolicy& policy = receiver_.policy();
        if (!goes_again && awaits_data(env)) {
            policy.owe();
            policy.enter_quick(kMostQuickAcks, receiver_.window().offered());
            timers_.arm(Timer::DelayedAck, env.now + kLongestAckDelay);
            return effects;
        }
        // The application has something to say at once: the ACK rides on it.
        if (sender_.has_unsent() && !goes_again) {
            receiver_.policy().owe();
        } else {
            receiver_.policy().owe_now();
        }
        if (answer(may_send_more(), s.is_followed, env)) effects.ready = true;
        return effects;
    }
    // RFC 9293 MUST-10, MUST-11
    // Simultaneous open: their SYN crossed ours. Ours goes again, as a SYN-ACK.
    enter(State::SynReceived, env);
    Chunk* syn = sender_.first_out(push_rules(env), env.memory);
    if (syn != nullptr) {
        transmit(*syn, env);
        syn->first_sent = syn->last_sent = env.now;  // it is no retransmission
    }
    return {};
}

// Linux reckons the first rate of who opens as it reads the SYN-ACK: with the options that the SYN
// offered, and where no window is offered it has not looked at the peer's MSS yet.
std::int64_t Connection::first_paced_segment(const Config& config) const {
    const std::int64_t agreed = agreement_.has_timestamps ? kTimestampBytes : 0;
    const std::int64_t guess = options.max_segment != 0 ? options.max_segment : kDefaultMss;
    const std::int64_t segment = sender_.window() == 0 ? guess : sender_.whole_mss() + agreed;
    return segment - (config.tcp_timestamps != 0 ? kTimestampBytes : 0);
}

void Connection::set_controller(const CongestionOperations& c) {
    sender_.set_controller(c);
    if (is_synchronized(state_)) settle_controller();
}

// dctcp_init(): without the peer's help it can do nothing.
void Connection::settle_controller() {
    const bool is_enough =
        controller().needs_accurate_ecn ? agreement_.has_accurate_ecn : agreement_.has_ecn;
    if (needs_ecn() && !is_enough) sender_.set_controller(kDctcpReno);
    receiver_.set_tells_each_mark(needs_ecn());
}

// dctcp_get_info(): the two halves of its first word; the receiver's is ours to add.
CongestionDetails Connection::congestion_details() const {
    constexpr std::uint32_t kMarkSeen = 1u << 16;
    CongestionDetails details = sender_.details();
    const bool is_on = details.form == CongestionDetails::Form::Dctcp && details.words[0] != 0;
    if (is_on && receiver_.echoes_congestion()) details.words[0] |= kMarkSeen;
    return details;
}

// tcp_init_transfer()
void Connection::begin_transfer(Environment& env) {
    settle_controller();
    // RFC 5681 §3.1: a path that lost the SYN is begun with one segment; as Linux, one loss is
    // forgiven (the RTO of the first is a guess).
    sender_.restart_window(losses(env).retransmitted > 1 ? 1 : first_window(env));
    sender_.rtt().end_handshake();
    // A controller that paces does so from the first window on.
    if (sender_.controller().details != nullptr || sender_.controller().pacing_rate != nullptr) {
        sender_.begin(send_context(env));
    }
    recall(env);
    window_judged_.set(env.now);
    sender_.note_pace(env.config);
    receiver_.guess_usual_segment(sender_.mss());
    receiver_.window().settle(receiver_.advertised_mss(), env.config, env.now);
    grow_send_buffer(env);
}

Effects Connection::become_established(Environment& env) {
    enter(State::Established, env);
    was_connected_ = true;
    retransmits_ = 0;
    begin_transfer(env);
    start_keep_alive(env);
    Effects effects = finish_shutdown(env);
    effects.wake |= kEverything;
    effects.ready = effects.ready || sender_.has_unsent();
    return effects;
}

// shutdown() was called before there was anybody to tell.
Effects Connection::finish_shutdown(Environment& env) {
    if (!write_is_shut_) return {};
    fin_is_queued_ = sender_.close(env.memory);
    enter(State::FinWait1, env);
    return {.ready = true};
}

void Connection::take_request(const Request& request, const ip::Path& path, Environment& env) {
    key = request.key;
    send_space_ = SeqSpace{request.isn};
    receive_space_ = SeqSpace{request.peer_isn};
    timestamp_offset_ = request.timestamp_offset;
    recent_ = request.recent;
    options.tos = wire::with_ecn(request.tos, wire::Ecn::NotCapable);
    set_path(path, env);
    receiver_.start(request.offered, receive_buffer(options, env.config), request.advertised_mss);
    receiver_.set_advertised_mss(request.advertised_mss);
    set_send_limit(options.send_buffer != 0 ? std::int64_t{options.send_buffer}
                                            : env.config.tcp_wmem[1]);
    enter(State::SynReceived, env);
    Agreement agreement = request.agreement;
    const auto heard = static_cast<wire::Ecn>(agreement.syn_codepoint);
    if (agreement.has_accurate_ecn) {
        agreement.has_ecn = agreement.has_accurate_ecn = begin_accurate_ecn(heard, false, env);
    }
    if (agreement.has_accurate_ecn) {
        AccurateEcn& accurate = accurate_ecn(env);
        accurate.set_sent(wire::ecn_of(request.tos));
        accurate.await_third();
        if (request.has_fallen_back()) accurate.fall_back();
    }
    accept_agreement(agreement, env);
}

// The end of tcp_create_openreq_child(): what the SYN-ACK had to go through.
void Connection::inherit_losses(const Request& request, Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return;
    Losses& losses = annex->losses;
    losses.retransmitted = request.retransmitted;
    losses.timeouts = request.timeouts;
    if (request.timeouts == 0) return;
    losses.timeout_series = 1;
    losses.in_timeouts = env.now - request.sent;
}

void Connection::take_first_rtt(Duration rtt, Environment& env) {
    sender_.rtt().on_sample(rtt, sender_.una(), sender_.next(), rto_limits(env).lowest);
    sender_.rtt().on_shortest(rtt, env.now, Duration::from_s(env.config.tcp_min_rtt_wlen));
}

void Connection::open_accepted(const Request& request, std::int64_t peer_window, Environment& env) {
    sender_.start_accepted(peer_window);
    if (request.retransmitted == 0 && request.sent <= env.now) {
        take_first_rtt(env.now - request.sent, env);
    }
    if (request.retransmitted > 0) inherit_losses(request, env);
    segments_in_ = 1;  // the SYN
    sender_.count_syn_delivered();
    receiver_.policy().begin(env.now);
    become_established(env);
}

}  // namespace fairlead::tcp
