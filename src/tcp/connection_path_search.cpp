// What a connection learns of its path: how large a segment gets through, and that nothing does.
#include <algorithm>

#include "base/bytes.hpp"
#include "tcp/connection.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"

namespace fairlead::tcp {
namespace {

// Headers of a segment without SACK blocks.
std::int64_t header_bytes(bool is_v4, bool has_timestamps) {
    constexpr std::int64_t kV4 = 40;
    constexpr std::int64_t kV6 = 60;
    return (is_v4 ? kV4 : kV6) + (has_timestamps ? kTimestampBytes : 0);
}

// No way to the host or to its network (RFC 6069 §3 step 1).
bool is_connectivity_loss(const ip::IcmpError& e) {
    if (!e.source.is_v4()) {
        return e.type == static_cast<std::uint8_t>(wire::Icmpv6Type::Unreachable) && e.code == 0;
    }
    return e.type == static_cast<std::uint8_t>(wire::IcmpType::Unreachable) && e.code <= 1;
}

}  // namespace

// The payload of a full segment, by the path, by what both sides said, and by what got through.
std::uint16_t Connection::path_mss(const Environment& env) const {
    const bool is_v4 = key.remote.address.is_v4();
    const std::uint16_t own = mss_of_mtu(path_.mtu, is_v4, 0);
    const std::uint16_t mss = tcp::send_mss(own, agreement_, env.config.tcp_min_snd_mss);
    if (!has_annex() || !env.annexes.at(annex_)->search.is_on()) return mss;
    const std::int64_t known =
        env.annexes.at(annex_)->search.low() - header_bytes(is_v4, agreement_.has_timestamps);
    return static_cast<std::uint16_t>(std::min<std::int64_t>(mss, known));
}

// `base`: a payload that is thought to get through.
void Connection::begin_path_search(PathSearch& search, std::int64_t base, const Environment& env) {
    const bool is_v4 = key.remote.address.is_v4();
    const std::uint16_t own = mss_of_mtu(path_.mtu, is_v4, 0);
    const std::int64_t most = tcp::send_mss(own, agreement_, env.config.tcp_min_snd_mss);
    const std::int64_t headers = header_bytes(is_v4, agreement_.has_timestamps);
    search.begin(std::min(base, most) + headers, most + headers, env.now);
}

// tcp_mtu_probing(): timeouts in a row may mean that large segments vanish and nobody says so
// (RFC 2923 §2.1). The first time tcp_base_mss is tried, then half of what was tried before.
void Connection::suspect_black_hole(Environment& env) {
    Annex* annex = need_annex(env);
    if (annex == nullptr) return;
    if (annex->search.is_on()) {
        annex->search.halve(header_bytes(key.remote.address.is_v4(), agreement_.has_timestamps),
                            env.config);
    } else {
        begin_path_search(annex->search, env.config.tcp_base_mss, env);
    }
    sender_.lower_mss(path_mss(env), send_context(env));
}

// The search of this connection; null: there is none.
PathSearch* Connection::path_search(Environment& env) {
    constexpr std::int64_t kFromTheBeginning = 2;
    if (!is_synchronized(state_)) return nullptr;
    if (env.config.tcp_mtu_probing != kFromTheBeginning) {
        const bool is_on = has_annex() && env.annexes.at(annex_)->search.is_on();
        return is_on ? &env.annexes.at(annex_)->search : nullptr;
    }
    Annex* annex = need_annex(env);
    if (annex == nullptr) return nullptr;
    if (!annex->search.is_on()) {
        begin_path_search(annex->search, env.config.tcp_base_mss, env);
        sender_.lower_mss(path_mss(env), send_context(env));
    }
    return &annex->search;
}

// tcp_mtu_probe(): a larger segment goes where enough waits behind it to find out by three duplicate
// ACKs that it was lost. False: all else waits until it may go.
bool Connection::probe_path(Environment& env) {
    PathSearch* search = path_search(env);
    if (search == nullptr) return true;
    search->limit(path_.mtu);
    const std::int64_t headers =
        header_bytes(key.remote.address.is_v4(), agreement_.has_timestamps);
    const std::int64_t size = search->next_size(env.config);
    if (size == 0) {
        if (search->is_stale(env.config, env.now)) begin_path_search(*search, sender_.mss(), env);
        return true;
    }
    constexpr std::int32_t kLeastWindow = 11;
    const std::int32_t in_flight = sender_.scoreboard().in_flight();
    const std::int32_t window = sender_.congestion().segments;
    const bool is_calm = !search->has_probe() && window >= kLeastWindow &&
                         sender_.phase() == CongestionState::Open && receiver_.sacks().empty() &&
                         !receiver_.duplicate();
    const std::int64_t needed =
        size - headers + (sender_.reordering() + 1) * std::int64_t{sender_.mss()};
    if (!is_calm || sender_.unsent_bytes() < needed || sender_.window() < needed) return true;
    if (sender_.next() + needed > sender_.window_end()) return false;
    if (in_flight + 2 > window) return in_flight == 0;
    if (env.network.backlog(path_.interface, flow_mark(key)) == ip::Network::kNoRoom) return true;
    Chunk* probe = sender_.next_path_probe(size - headers, env.memory);
    if (probe == nullptr) return true;
    search->on_sent(size, probe->range());
    send_plan({probe, false}, env);
    return true;
}

void Connection::judge_path_probe(Environment& env) {
    PathSearch& search = env.annexes.at(annex_)->search;
    const bool is_loss = sender_.phase() == CongestionState::Recovery;
    switch (search.judge(sender_.una(), is_loss)) {
        case PathSearch::Verdict::None: return;
        case PathSearch::Verdict::Lost: env.counters.add(Counter::TcpExtTCPMTUPFail); return;
        case PathSearch::Verdict::ArrivedWhole:
            env.counters.add(Counter::TcpExtTCPMTUPSuccess);
            sender_.set_mss(path_mss(env));
            return;
    }
}

// RFC 6069 (tcp_ld_RTO_revert()): what was sent again did not get lost in a crowd, there was no way for
// it. The doubling of the RTO is taken back.
Effects Connection::revert_backoff(const ip::IcmpError& e, Environment& env) {
    if (!is_connectivity_loss(e) || !is_synchronized(state_)) return {};
    const wire::Seq32 quoted{load_be<std::uint32_t>(e.transport, 4)};
    const bool is_oldest = send_space_.from_wire(quoted, sender_.una()) == sender_.una();
    if (!is_oldest || retransmits_ == 0 || sender_.rtt().backoffs() == 0) return {};
    sender_.rtt().revert_backoff();
    const Duration rest = sender_.rest_of_rto(env.now, rto_limits(env));
    if (rest > Duration{}) {
        arm_alarm(Alarm::Timeout, rest, env);
        return {};
    }
    timers_.cancel(Timer::Retransmit);
    alarm_ = Alarm::Timeout;
    follow_path(env);
    return on_retransmit(env);
}

}  // namespace fairlead::tcp
