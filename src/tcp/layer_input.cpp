// Segments and errors from the network, to whom they belong.
#include <algorithm>
#include <optional>

#include "base/prefetch.hpp"
#include "packet/sum.hpp"
#include "tcp/layer.hpp"
#include "wire/checksum.hpp"
#include "wire/icmp.hpp"

namespace fairlead::tcp {
namespace {

// Makes the header contiguous as far as it says it reaches. False: it is not there whole.
bool pull_header(Packet& packet) {
    if (!packet.pull(wire::TcpHeader::kMinBytes)) return false;
    const std::size_t bytes = (std::to_integer<std::size_t>(packet.front()[12]) >> 4) * 4;
    return packet.pull(bytes);
}

// RFC 9293 MUST-3
bool has_good_checksum(const ip::Incoming& in) {
    if (in.packet->meta.checksum != ChecksumState::None) return true;
    const wire::PartialSum pseudo =
        wire::pseudo_header(in.source, in.destination, wire::IpProtocol::Tcp,
                            static_cast<std::uint32_t>(in.packet->size()));
    return sum_from(*in.packet, 0, pseudo).is_valid();
}

}  // namespace

void Layer::parse(ip::Incoming& in, Parsed& p) {
    p.is_good = false;
    Packet& packet = *in.packet;
    p.segments = packet.meta.gso_segments;
    env_.counters.add(Counter::TcpInSegs, p.segments);
    const bool has_header = pull_header(packet);
    const Bytes front = packet.front();
    if (!has_header || wire::check_tcp(front)) {
        env_.counters.add(Counter::TcpInErrs);
        return;
    }
    if (!has_good_checksum(in)) {
        env_.counters.add(Counter::TcpInCsumErrors);
        env_.counters.add(Counter::TcpInErrs);
        return;
    }
    // RFC 9293 MUST-1, MUST-5
    wire::load_tcp(front, p.header);
    wire::parse_tcp_options(wire::tcp_options_of(front, p.header), p.header.flags.syn, p.options);
    p.key.local.address = in.destination;
    p.key.local.port = p.header.target_port;
    p.key.remote.address = in.source;
    p.key.remote.port = p.header.source_port;
    p.hash = hash(p.key);
    const bool is_signed = signatures_.is_on() || p.options.signature;
    if (is_signed && !is_signed_right(p, in)) return;
    packet.trim_front(p.header.header_bytes);
    p.payload = static_cast<std::uint32_t>(packet.size());
    p.arrived = packet.meta.arrived;
    p.tos = in.tos;
    p.is_good = true;
}

// Twice over the burst: what the first pass asks of memory is there in the second.
void Layer::input(std::span<ip::Incoming> burst) {
    while (burst.size() > kMostAtOnce) {
        input_part(burst.first(kMostAtOnce));
        burst = burst.subspan(kMostAtOnce);
    }
    input_part(burst);
}

void Layer::input_part(std::span<ip::Incoming> burst) {
    const std::span<Parsed> parsed = std::span{parsed_}.first(burst.size());
    if (burst.size() == 1) {  // with nothing to do while memory comes
        parse(burst[0], parsed[0]);
        parsed[0].next = kNoneBehind;
    } else {
        for (std::size_t i = 0; i < burst.size(); ++i) {
            parse(burst[i], parsed[i]);
            demux_.prefetch(parsed[i].hash);
        }
        chain(parsed);
    }
    for (const Parsed& p : parsed) {
        const Ref ref = demux_.guess(p.hash);
        if (ref.kind() == Kind::Connection) prefetch_object(connections_.at(ref.index()));
    }
    for (std::size_t i = 0; i < burst.size(); ++i) {
        // RFC 9293 MUST-57
        if (!burst[i].is_unicast) {
            env_.counters.add(Counter::DropOtherHost);
        } else if (parsed[i].is_good) {
            deliver(parsed[i], burst[i]);
        }
        burst[i].packet.reset();
    }
}

void Layer::deliver(const Parsed& p, ip::Incoming& in) {
    const Ref ref = find(p.key, p.hash);
    switch (ref.kind()) {
        case Kind::Connection: {
            Connection& c = *connections_.at(ref.index());
            if (c.request(env_) != nullptr) return to_fast_open_child(c, p, in);
            return to_connection(c, p, in);
        }
        case Kind::Request: return to_request(*requests_.at(ref.index()), p, in);
        case Kind::TimeWait: {
            TimeWait& t = *time_waits_.at(ref.index());
            const TimeWaitSegment s{
                .header = p.header, .payload = p.payload, .timestamps = p.options.timestamps};
            const TimeWaitVerdict verdict = on_segment(t, s, config_, env_.counters, env_.now);
            if (verdict != TimeWaitVerdict::NewConnection) return to_time_wait(t, verdict, p);
            Connection* listener = binds_.listener(p.key.local, in.interface, p.hash);
            if (listener == nullptr) return send_time_wait_ack(t, p.key);
            const std::uint32_t isn = isn_after(t);
            forget(t);
            return on_syn(*listener, p, in, isn);
        }
        case Kind::None: break;
    }
    // RFC 9293 MUST-42
    Connection* listener = binds_.listener(p.key.local, in.interface, p.hash);
    if (listener == nullptr) return to_nobody(p, in.interface);
    // RFC 9293 §3.10.7.2: RST, ACK, SYN.
    if (p.header.flags.rst) return env_.counters.add(Counter::DropTcpReset);
    if (p.header.flags.ack) {
        if (take_cookie(*listener, p, in)) return;
        env_.counters.add(Counter::DropTcpFlags);
        sign_answers(*listener, p, static_cast<std::uint32_t>(p.header.seq) - 1);
        note_isn(p.key, wire::Seq32{static_cast<std::uint32_t>(p.header.ack) - 1});
        send_reset(p);
        return let_go(p.key);
    }
    if (!p.header.flags.syn || p.header.flags.fin) {
        return env_.counters.add(Counter::DropTcpFlags);
    }
    on_syn(*listener, p, in, 0);
}

// Each leads to the next of those that share the low bits of its hash, as segments of one flow do.
void Layer::chain(std::span<Parsed> burst) {
    constexpr std::size_t kChains = 2 * kMostAtOnce;
    std::array<std::uint8_t, kChains> nearest;
    nearest.fill(kNoneBehind);
    for (std::size_t i = burst.size(); i-- > 0;) {
        std::uint8_t& slot = nearest[burst[i].hash % kChains];
        burst[i].next = std::exchange(slot, static_cast<std::uint8_t>(i));
    }
}

// Behind it in the burst lies the next segment of its stream (as Linux's
// tcp_backlog_ack_defer has it).
// RFC 9293 MUST-59
bool Layer::is_followed(const Parsed& p) const {
    if (p.payload == 0 || config_.tcp_backlog_ack_defer == 0) return false;
    for (std::uint8_t at = p.next; at != kNoneBehind; at = parsed_[at].next) {
        const Parsed& n = parsed_[at];
        if (n.hash != p.hash || !n.is_good || n.key != p.key) continue;
        const wire::TcpFlags& flags = n.header.flags;
        const auto distance =
            static_cast<std::uint32_t>(n.header.seq) - static_cast<std::uint32_t>(p.header.seq);
        return n.payload != 0 && distance == p.payload && flags.ack && !flags.syn && !flags.rst;
    }
    return false;
}

void Layer::to_connection(Connection& c, const Parsed& p, ip::Incoming& in) {
    InSegment s = c.unwrap(p.header, p.options, p.payload, p.arrived);
    s.data.segments = p.segments;
    s.ttl = in.ttl;
    s.is_followed = p.next != kNoneBehind && is_followed(p);
    if (c.hears_ecn(p.header.flags)) c.note_ecn(s, p.header.flags, p.tos);
    const Effects effects = c.on_segment(s, p.options, std::move(in.packet), env_);
    if (effects.reset) send_reset(p);
    apply(c, effects);
}

void Layer::to_time_wait(TimeWait& t, TimeWaitVerdict verdict, const Parsed& p) {
    switch (verdict) {
        case TimeWaitVerdict::Drop:
        case TimeWaitVerdict::NewConnection: return;
        case TimeWaitVerdict::Prolong: restart(t); return;
        case TimeWaitVerdict::Restart:
            restart(t);
            answer_from_time_wait(t, p);
            return;
        case TimeWaitVerdict::Ack: answer_from_time_wait(t, p); return;
        case TimeWaitVerdict::Reset:
            send_reset(p);
            forget(t);
            return;
        case TimeWaitVerdict::End: forget(t); return;
    }
}

// Who signs believes no RST that is not, and with TCP-AO nobody but the connection could sign it (RFC 5925
// §7.7). With MD5 a listener's key does, which it was signed with (is_signed_right).
void Layer::to_nobody(const Parsed& p, InterfaceIndex interface) {
    env_.counters.add(Counter::DropNoSocket);
    if (p.header.flags.rst) return;
    if (!p.options.signature) return send_reset(p);
    const bool is_md5 = p.options.signature.kind == wire::SignatureOption::Kind::Md5;
    const SignatureKey* key = is_md5 ? key_of_nobody(p, interface) : nullptr;
    if (key == nullptr) return;
    signatures_.bind(p.key, SignatureKey{*key});
    send_reset(p);
    let_go(p.key);
}

std::optional<ip::Path> Layer::path_to(const FlowKey& key) {
    const auto path = env_.network.find_path(header_options_.first_hop(key), key.local.address,
                                             key.remote.address.zone());
    if (!path) return std::nullopt;
    return static_cast<const ip::Path&>(*path);
}

// It has the type of service of what it answers.
void Layer::send_reset(const Parsed& p) {
    constexpr std::uint8_t kNotEcn = 0xfc;
    const std::optional<ip::Path> path = path_to(p.key);
    if (!path) return;
    OutSegment out;
    out.flags.rst = true;
    if (p.header.flags.ack) {
        out.seq = p.header.ack;
    } else {
        out.flags.ack = true;
        const std::uint32_t length =
            p.payload + (p.header.flags.syn ? 1u : 0u) + (p.header.flags.fin ? 1u : 0u);
        out.ack = wire::Seq32{static_cast<std::uint32_t>(p.header.seq) + length};
    }
    env_.counters.add(Counter::TcpOutRsts);
    emit(out, p.key, *path, {.tos = static_cast<std::uint8_t>(p.tos & kNotEcn)}, env_);
}

// tcp_oow_rate_limited(): an ACK that answers nothing but an ACK, or a SYN, goes now and then only. Who
// sends bytes, or a FIN, is in no such loop.
bool Layer::may_answer(const Parsed& p, Instant& last, Counter skipped) {
    if (!p.header.flags.syn && (p.payload > 0 || p.header.flags.fin)) return true;
    const Duration gap = Duration::from_ms(config_.tcp_invalid_ratelimit);
    if (last != Instant::never() && env_.now - last < gap) {
        env_.counters.add(skipped);
        return false;
    }
    last = env_.now;
    return true;
}

void Layer::answer_from_time_wait(TimeWait& t, const Parsed& p) {
    const Counter skipped = t.is_fin_wait_2 ? Counter::TcpExtTCPACKSkippedFinWait2
                                            : Counter::TcpExtTCPACKSkippedTimeWait;
    Instant last_answered = t.last_answered;
    if (!may_answer(p, last_answered, skipped)) return;
    t.last_answered = last_answered;
    send_time_wait_ack(t, t.key());
}

void Layer::send_time_wait_ack(const TimeWait& t, const FlowKey& key) {
    const std::optional<ip::Path> path = path_to(key);
    if (!path) return;
    OutSegment out{.seq = t.send_next, .ack = t.receive_next, .window = t.window};
    out.flags.ack = true;
    if (t.has_timestamps) {
        out.options.timestamps =
            wire::TcpTimestamps{timestamp_clock(env_.now) + t.timestamp_offset, t.recent_timestamp};
    }
    emit(out, key, *path, {.tos = t.tos()}, env_);
}

// tcp_req_err(), which of IPv4 believes those that say that nothing arrives there, and of IPv6 the
// hard ones. RFC 5927 §4.1: the number quoted must be the SYN-ACK's.
void Layer::on_icmp(Request& r, const ip::IcmpError& e) {
    if (load_be<std::uint32_t>(Bytes{e.transport}, 4) != static_cast<std::uint32_t>(r.isn)) {
        env_.counters.add(Counter::TcpExtOutOfWindowIcmps);
        return;
    }
    const auto type = static_cast<wire::IcmpType>(e.type);
    const bool is_host_or_net = type == wire::IcmpType::Unreachable && e.code <= 1;
    const bool is_believed_v4 = is_host_or_net || type == wire::IcmpType::TimeExceeded ||
                                type == wire::IcmpType::ParameterProblem;
    if (!(r.key.remote.address.is_v4() ? is_believed_v4 : e.is_hard)) return;
    env_.counters.add(Counter::TcpExtListenDrops);
    drop(r);
}

void Layer::on_icmp(const ip::IcmpError& e) {
    if (e.protocol != ip::kProtocolTcp || e.transport_bytes < 8) return;
    const Bytes quoted{e.transport};
    FlowKey key{.local = {e.source, load_be<std::uint16_t>(quoted, 0)},
                .remote = {e.destination, load_be<std::uint16_t>(quoted, 2)}};
    const Ref ref = find(key, hash(key));
    if (ref.kind() == Kind::Request) {
        on_icmp(*requests_.at(ref.index()), e);
        return;
    }
    if (ref.kind() != Kind::Connection) return;
    Connection& c = *connections_.at(ref.index());
    if (ignores(key, e, c.state() != State::SynReceived && is_synchronized(c.state()))) return;
    // RFC 5927 §4.1: the sequence number quoted must be one in flight.
    if (!c.is_in_flight(wire::Seq32{load_be<std::uint32_t>(quoted, 4)})) {
        env_.counters.add(Counter::TcpExtOutOfWindowIcmps);
        return;
    }
    apply(c, c.on_icmp(e, env_));
}

}  // namespace fairlead::tcp
