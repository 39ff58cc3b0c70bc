// mended.hpp — a frame whose checksums are right, whatever else it is.
//
// Why:    chance does not find a checksum: without this a changed frame ends at the first one.
// Rules:  Lengths are believed as far as there are bytes. What is no IP, or a fragment, stays.
#pragma once

#include <algorithm>

#include "base/bytes.hpp"
#include "unit/ip/packets.hpp"
#include "wire/checksum.hpp"

namespace fairlead::fuzz {

// Where the checksum lies in a header of that protocol; 0: it has none.
constexpr std::size_t checksum_at(wire::IpProtocol protocol) {
    switch (protocol) {
        case wire::IpProtocol::Tcp: return 16;
        case wire::IpProtocol::Udp: return 6;
        case wire::IpProtocol::Icmp:
        case wire::IpProtocol::Icmpv6: return 2;
        default: return 0;
    }
}

inline void mend_transport(MutableBytes message, const IpAddress& source, const IpAddress& target,
                           wire::IpProtocol protocol) {
    const std::size_t at = checksum_at(protocol);
    if (at == 0 || message.size() < at + 2) return;
    store_be(message, at, std::uint16_t{0});
    const bool has_pseudo = protocol != wire::IpProtocol::Icmp;
    wire::PartialSum sum;
    if (has_pseudo) {
        sum = wire::pseudo_header(source, target, protocol,
                                  static_cast<std::uint32_t>(message.size()));
    }
    sum.add(message);
    store_be(message, at, sum.checksum());
}

// From the Ethernet header on.
inline testing::Frame mended(testing::Frame frame) {
    constexpr std::size_t kLink = 14;
    if (frame.size() < kLink + 20) return frame;
    const auto type = load_be<std::uint16_t>(frame, 12);
    const MutableBytes ip = MutableBytes{frame}.subspan(kLink);
    const auto octets = [&]<std::size_t N>(std::size_t at, std::array<std::uint8_t, N> to) {
        for (std::size_t i = 0; i < N; ++i) to[i] = std::to_integer<std::uint8_t>(ip[at + i]);
        return to;
    };
    if (type == 0x0800) {
        const std::size_t header = (std::to_integer<std::size_t>(ip[0]) & 15) * 4;
        if (header < 20 || header > ip.size()) return frame;
        store_be(ip, 10, std::uint16_t{0});
        store_be(ip, 10, wire::sum_of(ip.first(header)).checksum());
        if ((load_be<std::uint16_t>(ip, 6) & 0x3fff) != 0) return frame;
        const std::size_t total =
            std::clamp<std::size_t>(load_be<std::uint16_t>(ip, 2), header, ip.size());
        mend_transport(
            ip.subspan(header, total - header), IpAddress::v4(load_be<std::uint32_t>(ip, 12)),
            IpAddress::v4(load_be<std::uint32_t>(ip, 16)), static_cast<wire::IpProtocol>(ip[9]));
    } else if (type == 0x86dd && ip.size() >= 40) {
        const std::size_t length =
            std::min<std::size_t>(load_be<std::uint16_t>(ip, 4), ip.size() - 40);
        mend_transport(ip.subspan(40, length),
                       IpAddress::v6(octets(8, std::array<std::uint8_t, 16>{})),
                       IpAddress::v6(octets(24, std::array<std::uint8_t, 16>{})),
                       static_cast<wire::IpProtocol>(ip[6]));
    }
    return frame;
}

}  // namespace fairlead::fuzz
