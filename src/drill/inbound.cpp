#include "drill/inbound.hpp"

#include <algorithm>

#include "drill/tcp_options.hpp"
#include "wire/checksum.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::drill {
namespace {

constexpr std::uint8_t kTtl = 255;

using Octets = std::vector<std::uint8_t>;

MutableBytes bytes_of(Octets& octets) { return std::as_writable_bytes(std::span{octets}); }

std::uint8_t traffic_class(const IpFields& ip) {
    if (ip.tos) return *ip.tos;
    switch (ip.ecn.value_or(EcnMark::NotEct)) {
        case EcnMark::NotEct: return static_cast<std::uint8_t>(wire::Ecn::NotCapable);
        case EcnMark::Ect0:
        case EcnMark::EitherEct: return static_cast<std::uint8_t>(wire::Ecn::Capable0);
        case EcnMark::Ect1: return static_cast<std::uint8_t>(wire::Ecn::Capable1);
        case EcnMark::Ce: return static_cast<std::uint8_t>(wire::Ecn::Congestion);
    }
    return 0;
}

// Puts the IP header before a message whose checksum field at `checksum_at` is zero.
Octets wrap(const Connection& connection, const IpFields& ip, wire::IpProtocol protocol,
            std::size_t checksum_at, Octets message) {
    const IpAddress source = connection.remote.address;
    const IpAddress target = connection.local.address;
    wire::PartialSum sum =
        wire::pseudo_header(source, target, protocol, static_cast<std::uint32_t>(message.size()));
    sum.add(bytes_of(message));
    store_be(bytes_of(message), checksum_at,
             protocol == wire::IpProtocol::Udp ? wire::udp_checksum(sum) : sum.checksum());

    const bool is_v4 = target.is_v4();
    Octets packet(is_v4 ? wire::Ipv4Header::kMinBytes : wire::Ipv6Header::kBytes);
    if (is_v4) {
        wire::write_ipv4(bytes_of(packet),
                         {.traffic_class = traffic_class(ip),
                          .total_bytes = static_cast<std::uint16_t>(packet.size() + message.size()),
                          .dont_fragment = true,
                          .ttl = ip.ttl.value_or(kTtl),
                          .protocol = protocol,
                          .source = source,
                          .target = target});
    } else {
        wire::write_ipv6(bytes_of(packet),
                         {.traffic_class = traffic_class(ip),
                          .flow_label = ip.flow_label.value_or(0),
                          .payload_bytes = static_cast<std::uint16_t>(message.size()),
                          .next_header = protocol,
                          .hop_limit = ip.ttl.value_or(kTtl),
                          .source = source,
                          .target = target});
    }
    packet.insert(packet.end(), message.begin(), message.end());
    return packet;
}

wire::TcpFlags wire_flags(const TcpFlags& f) {
    const std::uint8_t ace = f.ace.value_or(
        static_cast<std::uint8_t>((f.ae ? 4 : 0) | (f.cwr ? 2 : 0) | (f.ece ? 1 : 0)));
    return {.fin = f.fin,
            .syn = f.syn,
            .rst = f.rst,
            .psh = f.psh,
            .ack = f.ack,
            .urg = f.urg,
            .ece = (ace & 1) != 0,
            .cwr = (ace & 2) != 0,
            .ae = (ace & 4) != 0};
}

}  // namespace

std::vector<std::uint8_t> build_tcp(const Connection& connection, const IpFields& ip,
                                    const TcpBody& tcp) {
    const Octets options = encode_options(tcp.options);
    const std::size_t header_bytes = wire::TcpHeader::kMinBytes + options.size();
    Octets segment(header_bytes + tcp.range.bytes);
    wire::write_tcp(bytes_of(segment), {.source_port = connection.remote.port,
                                        .target_port = connection.local.port,
                                        .seq = wire::Seq32{tcp.range.begin},
                                        .ack = wire::Seq32{tcp.ack.value_or(0)},
                                        .flags = wire_flags(tcp.flags),
                                        .window = tcp.window.value_or(0),
                                        .urgent = tcp.urgent.value_or(0),
                                        .header_bytes = static_cast<std::uint8_t>(header_bytes)});
    std::ranges::copy(options, segment.begin() + wire::TcpHeader::kMinBytes);
    return wrap(connection, ip, wire::IpProtocol::Tcp, wire::TcpHeader::kChecksumAt,
                std::move(segment));
}

std::vector<std::uint8_t> build_udp(const Connection& connection, const IpFields& ip,
                                    const UdpBody& udp) {
    Octets datagram(wire::UdpHeader::kBytes + udp.bytes);
    wire::write_udp(bytes_of(datagram),
                    {.source_port = connection.remote.port,
                     .target_port = connection.local.port,
                     .total_bytes = static_cast<std::uint16_t>(datagram.size())});
    return wrap(connection, ip, wire::IpProtocol::Udp, wire::UdpHeader::kChecksumAt,
                std::move(datagram));
}

}  // namespace fairlead::drill
