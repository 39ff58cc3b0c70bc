// frames.hpp — TCP segments as frames, from literals.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "fairlead/packet.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/tcp.hpp"

namespace fairlead::test {

using Octets = std::vector<std::byte>;

inline Octets octets(std::initializer_list<unsigned> values) {
    Octets all;
    for (const unsigned v : values) all.push_back(static_cast<std::byte>(v));
    return all;
}

inline Octets content(const Packet& packet) {
    Octets all(packet.size());
    packet.copy_to(0, all);
    return all;
}

inline constexpr MacAddress kOurMac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr MacAddress kPeerMac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr MacAddress kOtherMac{0x02, 0, 0, 0, 0, 0x03};

// The defaults are what a plain sender of bulk data sends.
struct TcpFrame {
    bool is_v6 = false;
    bool has_link_header = true;
    MacAddress source_mac = kPeerMac;
    std::uint16_t source_port = 40000;
    std::uint16_t target_port = 80;
    std::uint32_t sequence = 0;
    std::uint32_t ack = 1;
    wire::TcpFlags flags{.ack = true};
    std::uint16_t window = 500;
    Octets options{};  // a multiple of 4
    Octets payload{};
    std::uint8_t traffic_class = 0;
    std::uint8_t ttl = 64;
    bool dont_fragment = true;
    bool more_fragments = false;
    std::uint16_t id = 0;
    Octets ip_options{};  // IPv4
    std::size_t padding = 0;
    bool is_tcp_corrupt = false;
    bool is_ip_corrupt = false;
};

inline Octets tcp_of(const TcpFrame& f, const IpAddress& source, const IpAddress& target) {
    const std::size_t header = wire::TcpHeader::kMinBytes + f.options.size();
    Octets tcp(header);
    wire::write_tcp(tcp, {.source_port = f.source_port,
                          .target_port = f.target_port,
                          .seq = wire::Seq32{f.sequence},
                          .ack = wire::Seq32{f.ack},
                          .flags = f.flags,
                          .window = f.window,
                          .header_bytes = static_cast<std::uint8_t>(header)});
    std::ranges::copy(f.options, tcp.begin() + wire::TcpHeader::kMinBytes);
    tcp.insert(tcp.end(), f.payload.begin(), f.payload.end());
    wire::PartialSum sum = wire::pseudo_header(source, target, wire::IpProtocol::Tcp,
                                               static_cast<std::uint32_t>(tcp.size()));
    sum.add(tcp);
    store_be(tcp, wire::TcpHeader::kChecksumAt, sum.checksum());
    if (f.is_tcp_corrupt) tcp.back() ^= std::byte{0x40};
    return tcp;
}

inline Octets frame_of(const TcpFrame& f) {
    const IpAddress source =
        f.is_v6 ? *IpAddress::parse("2001:db8::2") : IpAddress::v4(10, 0, 0, 2);
    const IpAddress target =
        f.is_v6 ? *IpAddress::parse("2001:db8::1") : IpAddress::v4(10, 0, 0, 1);
    const Octets tcp = tcp_of(f, source, target);
    const std::size_t link = f.has_link_header ? wire::EthernetHeader::kBytes : 0;
    const std::size_t ip =
        f.is_v6 ? wire::Ipv6Header::kBytes : wire::Ipv4Header::kMinBytes + f.ip_options.size();
    Octets frame(link + ip);
    const MutableBytes bytes{frame};
    if (f.has_link_header) {
        wire::write_ethernet(bytes,
                             {.target = kOurMac,
                              .source = f.source_mac,
                              .type = f.is_v6 ? wire::EtherType::Ipv6 : wire::EtherType::Ipv4});
    }
    if (f.is_v6) {
        wire::write_ipv6(bytes.subspan(link),
                         {.traffic_class = f.traffic_class,
                          .flow_label = 0x12345,
                          .payload_bytes = static_cast<std::uint16_t>(tcp.size()),
                          .next_header = wire::IpProtocol::Tcp,
                          .hop_limit = f.ttl,
                          .source = source,
                          .target = target});
    } else {
        wire::write_ipv4(bytes.subspan(link),
                         {.header_bytes = static_cast<std::uint8_t>(ip),
                          .traffic_class = f.traffic_class,
                          .total_bytes = static_cast<std::uint16_t>(ip + tcp.size()),
                          .id = f.id,
                          .dont_fragment = f.dont_fragment,
                          .more_fragments = f.more_fragments,
                          .ttl = f.ttl,
                          .protocol = wire::IpProtocol::Tcp,
                          .source = source,
                          .target = target},
                         f.ip_options);
        if (f.is_ip_corrupt) bytes[link + 10] ^= std::byte{1};
    }
    frame.insert(frame.end(), tcp.begin(), tcp.end());
    frame.resize(frame.size() + f.padding);
    return frame;
}

inline Octets numbered(std::size_t n, unsigned start = 0) {
    Octets all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = static_cast<std::byte>(start + i * 13);
    return all;
}

}  // namespace fairlead::test
