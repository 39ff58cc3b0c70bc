#include "drill/inbound.hpp"

#include <algorithm>

#include "drill/encapsulation.hpp"
#include "drill/icmp_names.hpp"
#include "drill/tcp_options.hpp"
#include "wire/checksum.hpp"
#include "wire/icmp.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::drill {
namespace {

constexpr std::uint8_t kTtl = 255;
constexpr std::size_t kQuotedBytes = 8;  // RFC 792: ports, and the sequence number of TCP

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

struct Path {
    IpAddress source{};
    IpAddress target{};
};

Octets ip_header(const Path& path, const IpFields& ip, wire::IpProtocol protocol,
                 std::size_t payload_bytes) {
    const bool is_v4 = path.target.is_v4();
    Octets header(is_v4 ? wire::Ipv4Header::kMinBytes : wire::Ipv6Header::kBytes);
    if (is_v4) {
        wire::write_ipv4(bytes_of(header),
                         {.traffic_class = traffic_class(ip),
                          .total_bytes = static_cast<std::uint16_t>(header.size() + payload_bytes),
                          .dont_fragment = true,
                          .ttl = ip.ttl.value_or(kTtl),
                          .protocol = protocol,
                          .source = path.source,
                          .target = path.target});
    } else {
        wire::write_ipv6(bytes_of(header),
                         {.traffic_class = traffic_class(ip),
                          .flow_label = ip.flow_label.value_or(0),
                          .payload_bytes = static_cast<std::uint16_t>(payload_bytes),
                          .next_header = protocol,
                          .hop_limit = ip.ttl.value_or(kTtl),
                          .source = path.source,
                          .target = path.target});
    }
    return header;
}

// Puts the IP header before a message whose checksum field at `checksum_at` is zero.
Octets wrap(const Connection& connection, const IpFields& ip, wire::IpProtocol protocol,
            std::size_t checksum_at, Octets message) {
    const IpAddress source = connection.remote.address;
    const IpAddress target = connection.local.address;
    // ICMP for IPv4 is the one that has no pseudo-header (RFC 792).
    wire::PartialSum sum;
    if (protocol != wire::IpProtocol::Icmp) {
        sum = wire::pseudo_header(source, target, protocol,
                                  static_cast<std::uint32_t>(message.size()));
    }
    sum.add(bytes_of(message));
    store_be(bytes_of(message), checksum_at,
             protocol == wire::IpProtocol::Udp ? wire::udp_checksum(sum) : sum.checksum());
    Octets packet = ip_header({source, target}, ip, protocol, message.size());
    packet.insert(packet.end(), message.begin(), message.end());
    return packet;
}

// What the stack has sent, as far as an error quotes it: the IP header and eight bytes.
Octets quoted(const Connection& connection, const IcmpQuote& quote) {
    const bool is_tcp = !quote.is_udp;
    const std::size_t bytes =
        (is_tcp ? wire::TcpHeader::kMinBytes : wire::UdpHeader::kBytes) + quote.range.bytes;
    Octets packet = ip_header({connection.local.address, connection.remote.address}, {},
                              is_tcp ? wire::IpProtocol::Tcp : wire::IpProtocol::Udp, bytes);
    Octets head(kQuotedBytes);
    store_be(bytes_of(head), 0, connection.local.port);
    store_be(bytes_of(head), 2, connection.remote.port);
    if (is_tcp) {
        store_be(bytes_of(head), 4, quote.range.begin);
    } else {
        store_be(bytes_of(head), 4, static_cast<std::uint16_t>(bytes));
    }
    packet.insert(packet.end(), head.begin(), head.end());
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

std::vector<std::uint8_t> build_icmp(const Connection& connection, const IpFields& ip,
                                     const IcmpBody& icmp) {
    Octets message(wire::IcmpHeader::kBytes);
    message[0] = icmp.type;
    message[1] = icmp.code;
    // What the four bytes are is for the type to say; a line names one of the two.
    const std::uint32_t echo =
        std::uint32_t{icmp.echo_id.value_or(0)} << 16 | icmp.echo_sequence.value_or(0);
    store_be(bytes_of(message), 4, icmp.mtu.value_or(echo));
    if (is_icmp_error(icmp.is_v6, icmp.type)) {
        const Octets quote = quoted(connection, icmp.quote.value_or(IcmpQuote{}));
        message.insert(message.end(), quote.begin(), quote.end());
    }
    message.resize(message.size() + icmp.bytes.value_or(0));
    return wrap(connection, ip, icmp.is_v6 ? wire::IpProtocol::Icmpv6 : wire::IpProtocol::Icmp,
                wire::IcmpHeader::kChecksumAt, std::move(message));
}

std::size_t header_bytes_of(std::span<const std::uint8_t> packet) {
    const bool is_v4 = packet[0] >> 4 == 4;
    const std::size_t ip = is_v4 ? wire::Ipv4Header::kMinBytes : wire::Ipv6Header::kBytes;
    constexpr std::size_t kDataOffsetAt = 12;
    return ip + std::size_t{packet[ip + kDataOffsetAt]} / 16 * 4;
}

std::vector<std::uint8_t> build_packet(const Connection& connection, const PacketLine& line) {
    struct Builder {
        const Connection& connection;
        const IpFields& ip;

        Octets operator()(const TcpBody& tcp) const { return build_tcp(connection, ip, tcp); }
        Octets operator()(const UdpBody& udp) const { return build_udp(connection, ip, udp); }
        Octets operator()(const IcmpBody& icmp) const { return build_icmp(connection, ip, icmp); }
    };
    return encapsulate(line.outer, std::visit(Builder{connection, line.ip}, line.body));
}

}  // namespace fairlead::drill
