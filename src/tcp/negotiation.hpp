// tcp/negotiation.hpp — the options two ends agree on.
//
// Owns:   Agreement (what both said, given what we are ready for) and the arithmetic of MSS.
// Knows:  RFC 9293 §3.7.1 (MSS, RFC 6691), RFC 7323 §2.2 (scale only if both), RFC 2018 §2,
//         RFC 7323 §3.2 (timestamps only if both), RFC 3168 §6.1.1 (ECN), RFC 9768 §3.1 (AccECN).
// Not here: reading and writing options (wire/tcp_options.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "fairlead/config.hpp"
#include "tcp/accurate_ecn.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

inline constexpr std::uint16_t kDefaultMss = 536;     // RFC 9293 §3.7.1: when the peer says nothing
inline constexpr std::uint16_t kDefaultMssV6 = 1220;  // and by IPv6
inline constexpr std::uint16_t kTimestampBytes = 12;  // with their padding, on every segment

struct Agreement {
    std::uint16_t peer_mss = kDefaultMss;  // the most the peer takes
    std::uint8_t send_scale = 0;           // how the peer's windows are shifted
    bool has_scale : 1 = false;
    bool has_sack : 1 = false;
    bool has_timestamps : 1 = false;
    bool has_ecn : 1 = false;            // of either form
    bool has_accurate_ecn : 1 = false;   // RFC 9768
    std::uint8_t syn_codepoint : 2 = 0;  // that the peer's SYN came with; where that is accurate

    constexpr bool has_classic_ecn() const { return has_ecn && !has_accurate_ecn; }
};

// `mtu` of the path, minus both headers; `limit` 0: none (TCP_MAXSEG).
constexpr std::uint16_t mss_of_mtu(std::uint32_t mtu, bool is_v4, std::uint16_t limit) {
    const std::uint32_t headers = 20 + (is_v4 ? 20 : 40);
    std::uint32_t mss = mtu > headers + 8 ? mtu - headers : 8;
    mss = std::min<std::uint32_t>(mss, 65535 - headers);
    if (limit != 0) mss = std::min<std::uint32_t>(mss, limit);
    return static_cast<std::uint16_t>(mss);
}
// What we announce: by the MTU, or as the route says (`advmss`; 0: nothing).
constexpr std::uint16_t announced_mss(std::uint32_t advmss, std::uint32_t mtu, bool is_v4,
                                      std::uint16_t limit) {
    if (advmss == 0) return mss_of_mtu(mtu, is_v4, limit);
    return mss_of_mtu(std::min<std::uint32_t>(advmss, 65535) + (is_v4 ? 40 : 60), is_v4, limit);
}

static_assert(mss_of_mtu(1500, true, 0) == 1460 && mss_of_mtu(1500, false, 0) == 1440);

// TCP_MAXSEG, and who set it.
struct MssLimit {
    std::uint16_t bytes = 0;  // 0: none
    bool is_opener = false;
};

// What both sides said, given what we are ready for. As Linux, the limit bounds what the peer says; of
// one that says nothing, it is all that who opened the connection goes by, and nothing to the other.
constexpr Agreement agree(const wire::TcpOptions& theirs, bool is_v4, MssLimit limit,
                          const Config& config) {
    Agreement a;
    const bool is_limited = limit.bytes != 0;
    const std::uint16_t usual = is_v4 ? kDefaultMss : kDefaultMssV6;
    a.peer_mss = theirs.mss.value_or(limit.is_opener && is_limited ? limit.bytes : usual);
    if (theirs.mss && is_limited) a.peer_mss = std::min(a.peer_mss, limit.bytes);
    a.has_scale = config.tcp_window_scaling != 0 && theirs.window_scale.has_value();
    a.send_scale = a.has_scale ? *theirs.window_scale : std::uint8_t{0};
    a.has_sack = config.tcp_sack != 0 && theirs.sack_permitted;
    a.has_timestamps = config.tcp_timestamps != 0 && theirs.timestamps.has_value();
    return a;
}

// A SYN that asks for ECN. One that is marked already asks for what RFC 3168 does not allow, but of who
// needs the marks (RFC 8257 §3.1).
constexpr bool agrees_to_ecn(const wire::TcpFlags& syn, wire::Ecn mark, bool needs_ecn,
                             const Config& config) {
    if (!syn.ece || !syn.cwr) return false;
    const bool is_plain = mark == wire::Ecn::NotCapable || syn.ae;
    return needs_ecn || (is_plain && config.tcp_ecn != 0);
}

// The values of tcp_ecn that take the accurate form of who asks for it, and the one that asks.
inline constexpr std::int64_t kTakesAccurateEcn = 3;
inline constexpr std::int64_t kAsksForAccurateEcnToo = 3;
inline constexpr std::int64_t kAsksForClassicEcn = 4;  // as 1, and takes the accurate form

constexpr EcnMode mode_to_ask_for(bool needs_ecn, bool needs_accurate, const Config& config) {
    if (needs_accurate || config.tcp_ecn == kAsksForAccurateEcnToo) return EcnMode::Accurate;
    const bool asks = config.tcp_ecn == 1 || config.tcp_ecn == kAsksForClassicEcn;
    return asks || needs_ecn ? EcnMode::Classic : EcnMode::None;
}

// tcp_ecn_create_request()
// RFC 9768 REQ-3.1.2, REQ-3.1.3
constexpr void agree_on_ecn(Agreement& a, const wire::TcpFlags& syn, wire::Ecn mark, bool needs_ecn,
                            bool needs_accurate, const Config& config) {
    const bool takes_accurate = needs_accurate || config.tcp_ecn >= kTakesAccurateEcn;
    a.has_accurate_ecn = takes_accurate && mode_asked(ace_of(syn)) == EcnMode::Accurate;
    a.has_ecn = a.has_accurate_ecn || agrees_to_ecn(syn, mark, needs_ecn, config);
    if (a.has_accurate_ecn) a.syn_codepoint = static_cast<std::uint8_t>(mark) & 3;
}

// The payload of a full segment: the smaller of both limits, less the options of every segment.
constexpr std::uint16_t send_mss(std::uint16_t own_limit, const Agreement& a,
                                 std::int64_t smallest) {
    std::int64_t mss = std::min(own_limit, a.peer_mss);
    mss = std::max(mss, smallest);
    if (a.has_timestamps) mss -= kTimestampBytes;
    return static_cast<std::uint16_t>(mss);
}

}  // namespace fairlead::tcp
