#include "drill/seen.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "drill/encapsulation.hpp"
#include "drill/icmp_names.hpp"
#include "drill/tcp_options.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::drill {
namespace {

using Faulty = std::unexpected<std::string>;

bool is_all_zero(Bytes bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

struct Upper {
    wire::IpProtocol protocol{};
    Bytes message{};
};

std::expected<Upper, std::string> read_v4(Bytes packet, Seen& seen) {
    const auto ip = wire::parse_ipv4(packet);
    if (!ip) return Faulty{"its IPv4 header is malformed, or its checksum wrong"};
    if (ip->total_bytes != packet.size()) return Faulty{"its IPv4 total length is wrong"};
    seen.source.address = ip->source;
    seen.target.address = ip->target;
    seen.tos = ip->traffic_class;
    seen.ttl = ip->ttl;
    // A piece of a message cannot be read as one.
    const auto protocol = ip->is_fragment() ? wire::IpProtocol::Fragment : ip->protocol;
    return Upper{protocol, packet.subspan(ip->header_bytes)};
}

std::expected<Upper, std::string> read_v6(Bytes packet, Seen& seen) {
    const auto ip = wire::parse_ipv6(packet);
    if (!ip) return Faulty{"its IPv6 header is malformed"};
    if (wire::Ipv6Header::kBytes + ip->payload_bytes != packet.size()) {
        return Faulty{"its IPv6 payload length is wrong"};
    }
    seen.source.address = ip->source;
    seen.target.address = ip->target;
    seen.tos = ip->traffic_class;
    seen.ttl = ip->hop_limit;
    seen.flow_label = ip->flow_label;
    const auto upper = wire::walk_extensions(packet, *ip);
    if (!upper) return Faulty{"its extension headers are malformed"};
    const auto protocol = upper->fragment ? wire::IpProtocol::Fragment : upper->protocol;
    return Upper{protocol, packet.subspan(upper->offset)};
}

std::expected<TcpBody, std::string> read_tcp(Bytes segment, Seen& seen) {
    const auto header = wire::parse_tcp(segment);
    if (!header) return Faulty{"its TCP header is malformed"};
    seen.source.port = header->source_port;
    seen.target.port = header->target_port;
    const Bytes payload = segment.subspan(header->header_bytes);
    if (!is_all_zero(payload)) return Faulty{"its payload is not the zeros that were written"};

    const wire::TcpFlags& f = header->flags;
    TcpBody tcp;
    tcp.flags = {.fin = f.fin,
                 .syn = f.syn,
                 .rst = f.rst,
                 .psh = f.psh,
                 .ack = f.ack,
                 .urg = f.urg,
                 .ece = f.ece,
                 .cwr = f.cwr,
                 .ae = f.ae};
    tcp.range.begin = static_cast<std::uint32_t>(header->seq);
    tcp.range.bytes = static_cast<std::uint32_t>(payload.size());
    tcp.range.end = tcp.range.begin + tcp.range.bytes;
    if (f.ack) tcp.ack = static_cast<std::uint32_t>(header->ack);
    tcp.window = header->window;
    if (f.urg) tcp.urgent = header->urgent;
    const Bytes options = wire::tcp_options_of(segment, *header);
    std::vector<std::uint8_t> octets(options.size());
    std::ranges::transform(options, octets.begin(),
                           [](std::byte b) { return static_cast<std::uint8_t>(b); });
    tcp.options = decode_options(octets);
    return tcp;
}

std::expected<UdpBody, std::string> read_udp(Bytes datagram, Seen& seen) {
    const auto header = wire::parse_udp(datagram, datagram.size());
    if (!header) return Faulty{"its UDP header is malformed"};
    seen.source.port = header->source_port;
    seen.target.port = header->target_port;
    const Bytes payload = datagram.subspan(wire::UdpHeader::kBytes);
    if (!is_all_zero(payload)) return Faulty{"its payload is not the zeros that were written"};
    return UdpBody{static_cast<std::uint16_t>(payload.size())};
}

// What of the quoted packet a script names; nothing: it is cut, or of a third protocol.
std::optional<IcmpQuote> read_quote(Bytes quoted, bool is_v6) {
    std::size_t header_bytes = wire::Ipv6Header::kBytes;
    std::size_t upper_bytes = 0;
    auto protocol = wire::IpProtocol::NoNextHeader;
    // A quoted packet is cut, so that it is not held to its lengths.
    if (is_v6) {
        if (quoted.size() < header_bytes + 8) return std::nullopt;
        upper_bytes = load_be<std::uint16_t>(quoted, 4);
        protocol = static_cast<wire::IpProtocol>(quoted[6]);
    } else {
        if (quoted.size() < wire::Ipv4Header::kMinBytes) return std::nullopt;
        header_bytes = 4 * (static_cast<std::size_t>(quoted[0]) & 0xf);
        const std::size_t total_bytes = load_be<std::uint16_t>(quoted, 2);
        if (quoted.size() < header_bytes + 8 || total_bytes < header_bytes) return std::nullopt;
        upper_bytes = total_bytes - header_bytes;
        protocol = static_cast<wire::IpProtocol>(quoted[9]);
    }
    const Bytes upper = quoted.subspan(header_bytes);
    IcmpQuote quote;
    if (protocol == wire::IpProtocol::Udp) {
        if (upper_bytes < wire::UdpHeader::kBytes) return std::nullopt;
        quote.is_udp = true;
        quote.range.bytes = static_cast<std::uint32_t>(upper_bytes - wire::UdpHeader::kBytes);
        return quote;
    }
    if (protocol != wire::IpProtocol::Tcp) return std::nullopt;
    const std::size_t tcp_bytes = upper.size() > 12 ? static_cast<std::size_t>(upper[12]) >> 4 << 2
                                                    : std::size_t{wire::TcpHeader::kMinBytes};
    if (upper_bytes < tcp_bytes) return std::nullopt;
    quote.range.begin = load_be<std::uint32_t>(upper, 4);
    quote.range.bytes = static_cast<std::uint32_t>(upper_bytes - tcp_bytes);
    quote.range.end = quote.range.begin + quote.range.bytes;
    return quote;
}

std::expected<IcmpBody, std::string> read_icmp(Bytes message, bool is_v6) {
    if (message.size() < wire::IcmpHeader::kBytes) return Faulty{"its ICMP header is cut"};
    IcmpBody icmp{.is_v6 = is_v6,
                  .type = static_cast<std::uint8_t>(message[0]),
                  .code = static_cast<std::uint8_t>(message[1])};
    const auto rest = load_be<std::uint32_t>(message, 4);
    const Bytes body = message.subspan(wire::IcmpHeader::kBytes);
    if (is_icmp_error(is_v6, icmp.type)) {
        icmp.mtu = rest;
        icmp.quote = read_quote(body, is_v6);
    } else {
        icmp.echo_id = static_cast<std::uint16_t>(rest >> 16);
        icmp.echo_sequence = static_cast<std::uint16_t>(rest);
    }
    icmp.bytes = static_cast<std::uint16_t>(body.size());
    return icmp;
}

}  // namespace

std::expected<std::optional<Seen>, std::string> read_packet(const SentPacket& packet) {
    auto unwrapped = unwrap(std::as_bytes(std::span{packet.bytes}));
    if (!unwrapped) return Faulty{unwrapped.error()};
    if (!*unwrapped) return std::nullopt;
    const Bytes bytes = (*unwrapped)->packet;
    Seen seen{.at = packet.at, .outer = std::move((*unwrapped)->headers)};
    const bool is_v4 = static_cast<std::uint8_t>(bytes[0]) >> 4 == 4;
    const auto upper = is_v4 ? read_v4(bytes, seen) : read_v6(bytes, seen);
    if (!upper) return Faulty{upper.error()};
    switch (upper->protocol) {
        case wire::IpProtocol::Tcp: {
            auto tcp = read_tcp(upper->message, seen);
            if (!tcp) return Faulty{tcp.error()};
            seen.body = std::move(*tcp);
            return seen;
        }
        case wire::IpProtocol::Udp: {
            const auto udp = read_udp(upper->message, seen);
            if (!udp) return Faulty{udp.error()};
            seen.body = *udp;
            return seen;
        }
        case wire::IpProtocol::Icmp:
        case wire::IpProtocol::Icmpv6: {
            const auto icmp = read_icmp(upper->message, !is_v4);
            if (!icmp) return Faulty{icmp.error()};
            seen.body = *icmp;
            return seen;
        }
        default: return std::nullopt;
    }
}

}  // namespace fairlead::drill
