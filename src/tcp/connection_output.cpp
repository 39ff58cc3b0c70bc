// What leaves a connection: the decisions of Sender and AckPolicy, made into segments.
#include <algorithm>
#include <bit>

#include "tcp/connection.hpp"
#include "tcp/pacing.hpp"

namespace fairlead::tcp {

namespace {

constexpr std::uint32_t kBesidePayload = 256 + 320;  // headers, and what is kept of a packet

}  // namespace

// tcp_sndbuf_expand: room for twice the congestion window, each segment with its overhead, so that
// the next window can be written while this one is in flight.
void Connection::grow_send_buffer(Environment& env) {
    if (options.send_buffer != 0) return;
    // tcp_should_expand_sndbuf
    if (env.budget.is_under_pressure() || !env.budget.may_grow()) return;
    // A segment that goes alone has a power of two for itself, its headers and what is kept of it.
    constexpr std::int64_t kHandle = 256;
    const std::uint32_t payload = std::max<std::uint32_t>(agreement_.peer_mss, sender_.mss());
    const std::int64_t segment = std::int64_t{std::bit_ceil(payload + kBesidePayload)} + kHandle;
    const std::int64_t segments =
        std::max({kInitialWindow, sender_.congestion().segments, sender_.reordering() + 1});
    // A controller of its own pace keeps two windows out at times (bbr_sndbuf_expand).
    const std::int64_t windows = sender_.controller().pacing_rate != nullptr ? 3 : 2;
    const std::int64_t wanted = std::min(windows * segments * segment, env.config.tcp_wmem[2]);
    set_send_limit(std::max<std::int64_t>(send_limit_, wanted));
}

PushRules Connection::push_rules(const Environment& env) const {
    return {.no_delay = options.no_delay,
            .cork = options.cork,
            .more = is_more_coming_,
            .push_once = push_once_,
            .gather = env.config.tcp_retrans_collapse != 0,
            .near_shift = static_cast<std::uint8_t>(env.config.tcp_tso_rtt_log),
            .least_burst = static_cast<std::uint16_t>(env.config.tcp_min_tso_segs),
            .urgent = has_annex() && is_sending_urgent(env),
            .singly = (signature_words_ | header_option_words_) != 0,
            .after_ack = receiver_.policy().has_left_alone_within_a_millisecond(env.now),
            .window_divisor = static_cast<std::uint8_t>(env.config.tcp_tso_win_divisor),
            .now = env.now};
}

OutSegment Connection::compose(Position seq, Environment& env) {
    OutSegment out{.seq = send_space_.to_wire(seq), .departs = sender_.departure(env.now)};
    if (signature_words_ != 0) {
        out.options.signature = env.signatures.option_of(key).value_or(wire::SignatureOption{});
    }
    // A SYN says what was offered when it was made (RFC 7323 §2.2).
    const bool is_syn = seq == Position{0} && is_one_of(state_, State::SynSent, State::SynReceived);
    const std::int64_t window = is_syn ? receiver_.window().offered() : receiver_.advertise(env);
    out.window = static_cast<std::uint16_t>(std::min<std::int64_t>(
        is_syn ? window : window >> receiver_.window().scale(), kLargestUnscaledWindow));
    if (state_ == State::SynSent) return out;
    out.flags.ack = true;
    if (agreement_.has_classic_ecn()) {
        out.flags.ece = receiver_.echoes_congestion();
        out.ecn = static_cast<wire::Ecn>(controller().ecn_codepoint);
    }
    if (has_annex()) {
        point_to_urgent(out, seq, env);
        out.turn = static_cast<std::uint8_t>(env.annexes.at(annex_)->losses.rehashes);
    }
    out.ack = receive_space_.to_wire(receiver_.next());
    // RFC 7323 REQ-5.4
    if (agreement_.has_timestamps) {
        const Instant leaves = std::max(env.now, out.departs);
        out.options.timestamps =
            wire::TcpTimestamps{timestamp_clock(leaves) + timestamp_offset_, recent_.value};
    }
    return out;
}

namespace {

constexpr std::size_t kSackHeader = 4;  // with two NOPs, so that the blocks are aligned
constexpr std::size_t kSackBlock = 8;

}  // namespace

std::size_t Connection::any_report_bytes(const Environment& env) const {
    const std::size_t blocks = receiver_.sacks().size() + (receiver_.duplicate() ? 1 : 0);
    if (signature_words_ != 0) return report_bytes_beside_signature(blocks);
    if (agreement_.has_accurate_ecn && wants_accurate_option(env)) {
        return accurate_option_bytes(blocks, env);
    }
    const std::size_t most = agreement_.has_timestamps ? 3 : 4;
    const std::size_t told = blocks == 0 ? 0 : kSackHeader + kSackBlock * std::min(blocks, most);
    return header_option_bytes() + told;
}

// The signature too is in every segment.
std::size_t Connection::report_bytes_beside_signature(std::size_t blocks) const {
    const std::size_t beside = agreement_.has_timestamps ? wire::kPaddedTimestampsBytes : 0;
    const std::size_t room = wire::TcpOptions::kMaxBytes - signature_bytes() - beside;
    const std::size_t most = room < kSackHeader ? 0 : (room - kSackHeader) / kSackBlock;
    const std::size_t told = std::min(blocks, most);
    const std::size_t report = told == 0 ? 0 : kSackHeader + kSackBlock * told;
    return header_option_bytes() + signature_bytes() + report;
}

// RFC 2018 §4: every segment tells it that has the room. Returns whether it was told.
bool Connection::report_gap(OutSegment& out, std::size_t bytes, Environment& env) {
    if (receiver_.sacks().empty() && !receiver_.duplicate()) return true;
    if (bytes < kSackHeader + kSackBlock) return false;
    const std::size_t most =
        std::min(wire::sack_blocks_that_fit(out.options), (bytes - kSackHeader) / kSackBlock);
    const auto put = [&](Range r) {
        if (out.options.sack_count >= most) return;
        out.options.sack_blocks[out.options.sack_count++] = {receive_space_.to_wire(r.begin),
                                                             receive_space_.to_wire(r.end)};
    };
    if (const auto duplicate = receiver_.duplicate()) put(*duplicate);
    for (const Range& r : receiver_.sacks()) put(r);
    receiver_.forget_duplicate(env);
    return true;
}

// What finds no way, or no packet, is lost as on the way.
bool Connection::send(const OutSegment& out, Environment& env) {
    return !follow_path(env) || emit(out, key, path_, envelope(), env);
}

void Connection::send_ack(Environment& env) {
    OutSegment out = compose(sender_.acceptable(receiver_.window().scale()), env);
    report(out, wire::TcpOptions::kMaxBytes, env);
    if (agreement_.has_accurate_ecn) {
        tell_marks(out, false, env);
        put_accurate_option(out, wire::TcpOptions::kMaxBytes, env);
    }
    receiver_.on_ack_sent(env);
    receiver_.policy().on_ack_left_alone(env.now);
    timers_.cancel(Timer::DelayedAck);
    ++segments_out_;
    send(out, env);
}

namespace {

// As Linux's jiffies: what waits for so long may wait for the end of a millisecond, and then the ACKs
// of many connections leave together.
Instant next_tick(Instant t) {
    constexpr std::int64_t kTick = 1'000'000;  // ns
    return Instant::from_ns((t.ns() + kTick - 1) / kTick * kTick);
}

}  // namespace

void Connection::delay_ack(Environment& env) {
    const Duration wait =
        receiver_.policy().wait(sender_.rtt().smoothed(), env.config.tcp_pingpong_thresh);
    const Instant due = timers_.due(Timer::DelayedAck);
    // What would go so soon goes now, for both.
    // The peer's FIN waits for the next tick only, and any segment behind it ends that.
    const bool waits_a_tick = receiver_.policy().delay().is_zero();
    const bool is_soon =
        waits_a_tick ? timers_.is_armed(Timer::DelayedAck) : due <= env.now + wait / 4;
    if (is_soon) return send_ack(env);
    const Instant latest = next_tick(env.now + wait);
    if (due > latest) timers_.arm(Timer::DelayedAck, latest);
}

// 5 % of a round trip, of tcp_comp_sack_delay_ns at most; where none was measured, at once.
bool Connection::compress_ack(Environment& env) {
    constexpr std::int64_t kPart = 20;
    if (!receiver_.has_gap() || !receiver_.compress_ack(env.config.tcp_comp_sack_nr)) return false;
    if (receiver_.compressed() > 1) return true;  // the alarm is set
    Duration rtt = receiver_.round_trip();
    const Duration smoothed = sender_.rtt().smoothed();
    if (!smoothed.is_zero()) rtt = std::min(rtt, smoothed);
    const Duration most = Duration::from_ns(env.config.tcp_comp_sack_delay_ns);
    const Duration slack = Duration::from_ns(env.config.tcp_comp_sack_slack_ns);
    const Instant latest = env.now + std::min(most, rtt / kPart) + slack;
    if (timers_.due(Timer::DelayedAck) > latest) timers_.arm(Timer::DelayedAck, latest);
    return true;
}

// Linux's tcp_xmit_probe_skb(): an old sequence number, no data, so that the peer must answer.
// RFC 9293 SHLD-12
void Connection::send_probe(Environment& env, bool below_window) {
    OutSegment out = compose(sender_.una() - (below_window ? 1 : 0), env);
    report(out, wire::TcpOptions::kMaxBytes, env);
    if (agreement_.has_accurate_ecn) tell_marks(out, false, env);
    ++segments_out_;
    send(out, env);
}

void Connection::send_reset(Environment& env) {
    OutSegment out = compose(sender_.acceptable(receiver_.window().scale()), env);
    report(out, wire::TcpOptions::kMaxBytes, env);
    out.flags.rst = true;
    env.counters.add(Counter::TcpOutRsts);
    ++segments_out_;
    send(out, env);
}

bool Connection::transmit(Chunk& chunk, Environment& env) {
    OutSegment out = compose(chunk.begin, env);
    out.chunk = &chunk;
    if (agreement_.has_accurate_ecn) tell_marks(out, true, env);
    if (chunk.syn) {
        out.flags.syn = true;
        ask_for_ecn(out, chunk, env);
        out.options = syn_options(env);
        if (has_annex()) put_into_syn(out, chunk, env);
    }
    // RFC 3168 §6.1.5: only what is new and has data may be marked.
    if (agreement_.has_classic_ecn() && chunk.begin >= sender_.next() && chunk.payload() > 0) {
        if (!needs_ecn()) out.ecn = wire::Ecn::Capable0;
        out.flags.cwr = sender_.take_owed_cwr();
    }
    out.flags.fin = chunk.fin;
    // A burst of several segments ends in a push: the peer need not wait for more.
    out.flags.psh = chunk.psh || chunk.segments > 1;
    // What was cut before there was something to tell may leave no room for it.
    const std::int64_t payload = chunk.segments > 1 ? chunk.mss : chunk.payload();
    const std::int64_t taken = payload + signature_bytes() + header_option_bytes();
    const std::int64_t room = std::max<std::int64_t>(sender_.whole_mss() - taken, 0);
    if (out.flags.ack && report(out, static_cast<std::size_t>(room), env)) {
        receiver_.on_ack_sent(env);
        timers_.cancel(Timer::DelayedAck);
    }
    if (agreement_.has_accurate_ecn && !chunk.syn) {
        put_accurate_option(out, static_cast<std::size_t>(room), env);
    }
    segments_out_ += chunk.segments;
    if (chunk.payload() > 0) {
        data_out_ += chunk.segments;
        receiver_.policy().on_data_sent(env.now, env.config.tcp_pingpong_thresh);
    }
    return has_annex() ? send_stamped(out, env) : send(out, env);
}

void Connection::send_plan(const Sender::Plan& plan, Environment& env) {
    const bool had_out = sender_.has_out();
    const bool has_left = transmit(*plan.chunk, env);
    if (plan.is_retransmission) {
        if (has_annex()) env.annexes.at(annex_)->search.forget_probe();
        note_retransmission(*plan.chunk, has_left, env);
    } else {
        const bool is_counted = plan.chunk->payload() > 0 || plan.chunk->fin;
        env.counters.add(Counter::TcpExtTCPOrigDataSent, is_counted ? plan.chunk->segments : 0);
    }
    const bool is_first = plan.chunk->prev == nullptr;
    // skb_mstamp_ns: sent is when it leaves the device's queue.
    sender_.on_sent(plan, std::max(env.now, sender_.departure(env.now)));
    if (has_annex() && plan.chunk->syn && !plan.is_retransmission) {
        send_behind_syn(*plan.chunk, env);
    }
    // RFC 6298 §5.1: started by the first that leaves, and when that goes again.
    const bool restarts =
        plan.is_retransmission ? is_first && alarm_ != Alarm::Reordering : !had_out;
    if (restarts || !timers_.is_armed(Timer::Retransmit)) arm_retransmit(env);
}

void Connection::note_retransmission(const Chunk& chunk, bool has_left, Environment& env) {
    env.counters.add(Counter::TcpRetransSegs, chunk.segments);
    if (!has_left) env.counters.add(Counter::TcpExtTCPRetransFail, chunk.segments);
    if (Annex* annex = need_annex(env)) {
        annex->losses.retransmitted += chunk.segments;
        annex->losses.bytes_retransmitted += static_cast<std::uint64_t>(chunk.payload());
    }
    if (retransmitting_since_ == Instant::never()) retransmitting_since_ = env.now;
}

namespace {

Counter retransmission_of(CongestionState phase) {
    return phase == CongestionState::Loss ? Counter::TcpExtTCPSlowStartRetrans
                                          : Counter::TcpExtTCPFastRetrans;
}

}  // namespace

// tcp_small_queue_check(): what the device has not taken yet stays here, where a retransmission or a
// smaller window can still come before it; a millisecond's worth is enough to keep it busy.
bool Connection::waits_for_device(std::uint32_t waiting, const Sender::Plan& plan,
                                  Environment& env) const {
    if (waiting == ip::Network::kNoRoom) return true;
    if (is_worth_growing(plan, env)) {
        env.counters.add(Counter::TcpExtTCPAutoCorking);
        return true;
    }
    const Chunk* first = sender_.buffer().chunks().first();
    const bool is_little = !sender_.has_out() || first->next == nullptr ||
                           first->next == sender_.buffer().first_unsent();
    if (is_little) return false;
    const Pacer* pacer = sender_.pacer();
    const std::int64_t rate = pacer != nullptr ? pacer->rate() : sender_.pacing_rate(env.config);
    const std::int64_t packet = plan.chunk->payload() + kBesidePayload;
    std::int64_t most = std::max(2 * packet, rate >> kPacingShift);
    most = std::min(most, env.config.tcp_limit_output_bytes);
    return waiting > (plan.is_retransmission ? 2 * most : most);
}

// tcp_should_autocork(): a little one may grow while others of the stream wait before the device.
bool Connection::is_worth_growing(const Sender::Plan& plan, const Environment& env) const {
    return env.config.tcp_autocorking != 0 && !plan.is_retransmission && !plan.chunk->fin &&
           plan.chunk->next == nullptr && plan.chunk->payload() < sender_.mss() &&
           sender_.has_out();
}

Instant Connection::next_of_paced() const {
    return std::min(timers_.next(), sender_.paced_until());
}

// tcp_cwnd_validate(): for an RTO the application has used a part of its window, or nothing.
void Connection::validate_window(Environment& env) {
    const bool is_asked =
        env.config.tcp_slow_start_after_idle != 0 && sender_.controller().control == nullptr;
    if (!is_asked || window_judged_.age(env.now) < sender_.rtt().rto(rto_limits(env))) return;
    window_judged_.set(env.now);
    if (!lacks_space_) sender_.give_up_unused(first_window(env));
}

// tcp_slow_start_after_idle_check(), where a packet begins (tcp_skb_entail) or the window moves.
void Connection::restart_if_idle(bool is_writing, Environment& env) {
    if (is_writing && !sender_.begins_chunk()) return;
    const bool has_restarted =
        sender_.restart_if_idle(env.now, sender_.rtt().base_rto(rto_limits(env)),
                                env.config.tcp_slow_start_after_idle != 0, first_window(env));
    if (has_restarted) window_judged_.set(env.now);
}

void Connection::probe_what_waits(Environment& env) {
    if (sender_.has_unsent() && !timers_.is_armed(Timer::Persist) && request(env) == nullptr) {
        arm_persist(env);
    }
}

bool Connection::flush(Environment& env, Flush how) {
    if (is_one_of(state_, State::Closed, State::Listen) || is_deferred(env)) return true;
    follow_path(env);
    // What is written in one call is cut to one size.
    if (how == Flush::Whole) sender_.reserve(static_cast<std::uint16_t>(report_bytes(env)));
    const bool is_one_burst = how == Flush::Burst;
    bool is_done = true;
    const Position before = sender_.next();
    const bool waits_for_probe = env.config.tcp_mtu_probing != 0 && !probe_path(env);
    bool has_sent_new = sender_.next() != before;
    PushRules rules = push_rules(env);
    rules.one_burst = is_one_burst;
    rules.only_repair = how == Flush::Repair;
    const Pacer* pacer = sender_.pacer();
    waits_for_pace_ = false;
    while (!waits_for_probe) {
        // tcp_pacing_check(): the alarm comes when the next may leave.
        if (pacer != nullptr && !pacer->may_leave(env.now)) {
            waits_for_pace_ = may_send_more();
            break;
        }
        const Sender::Plan plan = sender_.next_segment(rules, env.memory);
        if (plan.chunk == nullptr) break;
        const std::uint32_t waiting = env.network.backlog(path_.interface, flow_mark(key));
        if (waiting != 0 && waits_for_device(waiting, plan, env)) {
            is_done = false;
            break;
        }
        if (plan.is_retransmission) {
            env.counters.add(retransmission_of(sender_.phase()), plan.chunk->segments);
        }
        send_plan(plan, env);
        has_sent_new = has_sent_new || !plan.is_retransmission;
        if (is_one_burst && has_sent_new) break;
    }
    if (has_sent_new && !arm_loss_probe(false, env) && alarm_ == Alarm::Probe) {
        rearm_retransmit(env);
    }
    // No RTO is shorter than the least: mostly the question ends here.
    if (has_sent_new &&
        window_judged_.age(env.now) >= Duration::from_us(env.config.tcp_rto_min_us)) {
        validate_window(env);
    }
    if (is_done) push_once_ = false;
    note_limit(has_sent_new, env);
    // What was cut to be sent counts for more: who was told of room may find none, and waits.
    if (is_writable(env.config)) {
        lacks_space_ = false;
    } else {
        wants_space_ = true;
    }
    if (sender_.has_out()) {
        timers_.cancel(Timer::Persist);
    } else if (is_done && !waits_for_pace_) {
        probe_what_waits(env);
    }
    return is_done;
}

}  // namespace fairlead::tcp
