// What a connection says and hears of marks: RFC 3168 §6.1 where it asks, RFC 9768 all the way.
#include <algorithm>

#include "tcp/connection.hpp"

namespace fairlead::tcp {

// --- agreeing to it ---

// tcp_ecn_send_syn()
void Connection::begin_asking_for_ecn(Environment& env) {
    if (has_annex()) accurate_ecn(env) = {};
    EcnMode mode = mode_to_ask_for(needs_ecn(), controller().needs_accurate_ecn, env.config);
    if (mode == EcnMode::Accurate && need_annex(env) == nullptr) mode = EcnMode::Classic;
    if (mode == EcnMode::Accurate) {
        accurate_ecn(env).ask(static_cast<wire::Ecn>(controller().ecn_codepoint));
    }
    sender_.set_uses_ecn(mode != EcnMode::None);
}

// RFC 9293 SHLD-8; RFC 9768 REQ-3.1.4.1
// RFC 3168 §6.1.1, and §6.1.1.1: some lose a SYN that asks, so that the next does not; with the third
// flag, the one after it. In a SYN-ACK: what the crossing SYN asked for.
void Connection::ask_for_ecn(OutSegment& out, const Chunk& syn, Environment& env) const {
    const bool is_again = syn.last_sent != Instant{};
    const bool is_answer = state_ != State::SynSent;
    if (is_answer && agreement_.has_accurate_ecn) {
        AccurateEcn& accurate = accurate_ecn(env);
        put_ace(out.flags, reflection_of(accurate.heard()));
        out.ecn = static_cast<wire::Ecn>(controller().ecn_codepoint);
        if (!is_again && env.config.tcp_ecn_option != 0) {
            out.options.accurate_ecn = accurate.option();
        }
        return;
    }
    if (!sender_.uses_ecn()) return;
    const bool is_accurate = !is_answer && has_asked_for_accurate_ecn(env);
    if (!is_answer && is_again && env.config.tcp_ecn_fallback != 0) {
        if (!is_accurate) return;
        if (retransmits_ > 1) return accurate_ecn(env).fall_back();
    }
    out.flags.ece = true;
    out.flags.cwr = !is_answer;
    out.flags.ae = is_accurate;
    out.ecn = static_cast<wire::Ecn>(controller().ecn_codepoint);
}

// What the answer to our SYN agrees to, or the SYN that crossed it.
// RFC 9768 REQ-3.1.2, REQ-3.1.5
void Connection::agree_on_ecn(Agreement& agreement, const InSegment& s,
                              const wire::TcpOptions& heard, Environment& env) const {
    if (!sender_.uses_ecn()) return;
    const bool is_answer = s.ack.has_value();
    if (has_asked_for_accurate_ecn(env)) {
        const EcnMode mode = is_answer ? mode_answered(s.ace) : mode_asked(s.ace);
        agreement.has_ecn = mode != EcnMode::None;
        agreement.has_accurate_ecn = mode == EcnMode::Accurate;
    } else {
        // The answer to a SYN of both flags is ECE alone; a SYN that crossed ours asks itself.
        agreement.has_ecn = s.has_ece && s.data.has_cwr == !is_answer;
    }
    if (!agreement.has_accurate_ecn) return;
    AccurateEcn& accurate = accurate_ecn(env);
    accurate.begin(s.data.ecn, is_answer);
    if (is_answer) {
        accurate.on_answer(s.ace, env.config.tcp_ecn_fallback != 0);
        if (!heard.accurate_ecn) return;
        accurate.hear_option(*heard.accurate_ecn);
        accurate.demand_options();
    } else {
        accurate.await_third();
    }
}

// False: no memory.
bool Connection::begin_accurate_ecn(wire::Ecn heard, bool is_syn_ack, Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return false;
    annex->accurate_ecn = {};
    annex->accurate_ecn.begin(heard, is_syn_ack);
    return true;
}

// --- what comes ---

// A segment that may come in: RFC 9768 §3.2.2.5, what it was marked with.
void Connection::hear_marks(const InSegment& s, const wire::TcpOptions& heard, Environment& env) {
    AccurateEcn& accurate = accurate_ecn(env);
    if (heard.accurate_ecn) accurate.hear_option(*heard.accurate_ecn);
    const bool is_due = accurate.on_segment(s.data.ecn, s.data.segments, s.data.payload);
    if (is_due) receiver_.policy().owe_now();
    if (accurate.is_nearly_full() && s.data.length() == 0) send_ack(env);
    if (!accurate.awaits_third() || !s.ack || s.ack->ack <= Position{0}) return;
    const bool is_bare = s.data.length() == 0 && s.ack->sack_count == 0;
    const std::uint32_t before = accurate.delivered_marks();
    // The SYN-ACK of who opened at the same time repeats our SYN's codepoint.
    accurate.on_third(s.ace, is_bare || s.data.syn, env.config.tcp_ecn_fallback != 0);
    const std::uint32_t marked = accurate.delivered_marks() - before;
    if (marked > 0) count_marked(static_cast<std::int32_t>(marked), env);
}

AccurateAck Connection::accurate_ack(const InSegment& s, const wire::TcpOptions& heard,
                                     bool has_newer_time, Environment& env) const {
    return {.counters = accurate_ecn(env),
            .ace = s.ace,
            .option = heard.accurate_ecn ? &*heard.accurate_ecn : nullptr,
            .has_newer_time = has_newer_time};
}

// --- what goes ---

// Whatever leaves has the counter in its flags, and is ECT as long as nothing speaks against it.
// RFC 9768 REQ-3.2.2.2
void Connection::tell_marks(OutSegment& out, bool has_data, const Environment& env) const {
    AccurateEcn& accurate = accurate_ecn(env);
    put_ace(out.flags, accurate.take_ace(has_data));
    out.repeats_cwr = out.flags.cwr;
    if (!accurate.may_mark()) return;
    out.ecn =
        needs_ecn() ? static_cast<wire::Ecn>(controller().ecn_codepoint) : wire::Ecn::Capable0;
}

bool Connection::wants_accurate_option(const Environment& env) const {
    return accurate_ecn(env).wants_option(env.config.tcp_ecn_option,
                                          env.config.tcp_ecn_option_beacon,
                                          sender_.rtt().smoothed(), env.now);
}

// `room`: beside what is there, in all at most what options may take.
void Connection::put_accurate_option(OutSegment& out, std::size_t room,
                                     const Environment& env) const {
    if (!wants_accurate_option(env)) return;
    AccurateEcn& accurate = accurate_ecn(env);
    wire::TcpOptions without = out.options;
    without.sack_count = 0;
    const std::size_t most =
        std::min(wire::TcpOptions::kMaxBytes, wire::tcp_options_bytes(without) + room);
    out.options.accurate_ecn = accurate.option();
    if (fit_accurate_ecn(out.options, accurate.least_counters(), most)) {
        accurate.on_option_sent(env.now);
    }
}

// With the SACK blocks beside it, as they would leave now, and without what every segment has.
std::size_t Connection::accurate_option_bytes(std::size_t sack_blocks,
                                              const Environment& env) const {
    wire::TcpOptions o;
    if (agreement_.has_timestamps) o.timestamps.emplace();
    const std::size_t always = wire::tcp_options_bytes(o);
    o.sack_count = static_cast<std::uint8_t>(std::min(sack_blocks, sack_blocks_that_fit(o)));
    o.accurate_ecn.emplace();
    fit_accurate_ecn(o, accurate_ecn(env).least_counters(), wire::TcpOptions::kMaxBytes);
    return wire::tcp_options_bytes(o) - always;
}

// --- what is shown ---

void Connection::tell_accurate(TcpInfo& told, const Environment& env) const {
    const AccurateEcn& accurate = accurate_ecn(env);
    told.has_accurate_ecn = true;
    told.has_seen_ecn = accurate.has_seen_ecn();
    told.delivered_marked = accurate.delivered_marks();
    told.received_marked = accurate.received_marks();
    const auto both = [&](wire::Ecn codepoint) {
        return MarkedBytes{.delivered = accurate.delivered_bytes(codepoint),
                           .received = accurate.received_bytes(codepoint)};
    };
    told.ect1_bytes = both(wire::Ecn::Capable1);
    told.ect0_bytes = both(wire::Ecn::Capable0);
    told.marked_bytes = both(wire::Ecn::Congestion);
    told.accurate_ecn_failures = accurate.failures();
    told.accurate_ecn_option_seen = static_cast<std::uint8_t>(accurate.seen());
}

}  // namespace fairlead::tcp
