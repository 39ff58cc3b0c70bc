// wire/quoted.hpp — the packet inside an ICMP error: whose it was.
//
// Knows:  RFC 792 and RFC 1122 §3.2.2 (at least 8 bytes of transport), RFC 4443 §2.4 (as much as
//         fits), RFC 5927 §4 (why the sequence number is looked at).
// Not here: belief. Everything in it may be forged; who acts on it checks it against what it sent.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
#include "wire/ip_protocol.hpp"
#include "wire/tcp.hpp"

namespace fairlead::wire {

struct QuotedPacket {
    IpAddress source{};  // of the packet in the error: us
    IpAddress target{};
    IpProtocol protocol{};
    std::uint32_t packet_bytes = 0;  // as its IP header says
    Bytes transport{};               // what is left of its transport header and payload

    static constexpr std::size_t kMinTransport = 8;

    // TCP and UDP. Of a later fragment there are none, and parse_quoted_*() finds no packet.
    std::uint16_t source_port() const { return load_be<std::uint16_t>(transport, 0); }
    std::uint16_t target_port() const { return load_be<std::uint16_t>(transport, 2); }
    // TCP.
    Seq32 seq() const { return Seq32{load_be<std::uint32_t>(transport, 4)}; }
    // Echo of either ICMP.
    std::uint16_t echo_id() const { return load_be<std::uint16_t>(transport, 4); }
};

// `body` is what follows the ICMP header. Nothing: malformed, under kMinTransport bytes of
// transport, or a fragment that has no transport header.
std::optional<QuotedPacket> parse_quoted_v4(Bytes body);
std::optional<QuotedPacket> parse_quoted_v6(Bytes body);

}  // namespace fairlead::wire
