// wire/arp.hpp — who has an IPv4 address on an Ethernet (RFC 826).
//
//   | hardware 1 | protocol 0800 | 6 | 4 | operation | sender mac, ip | target mac, ip |
#pragma once

#include <cstdint>
#include <expected>

#include "fairlead/address.hpp"
#include "wire/address_field.hpp"
#include "wire/ethernet.hpp"

namespace fairlead::wire {

enum class ArpOperation : std::uint16_t { Request = 1, Reply = 2 };

struct ArpPacket {
    ArpOperation operation = ArpOperation::Request;
    MacAddress sender_mac{};
    IpAddress sender = IpAddress::v4(0);
    MacAddress target_mac{};
    IpAddress target = IpAddress::v4(0);

    static constexpr std::size_t kBytes = 28;
    constexpr bool operator==(const ArpPacket&) const = default;
};

enum class ArpFault : std::uint8_t { Truncated, NotEthernet, NotIpv4, BadLength, BadOperation };

inline std::expected<ArpPacket, ArpFault> parse_arp(Bytes packet) {
    if (packet.size() < ArpPacket::kBytes) return std::unexpected{ArpFault::Truncated};
    if (load_be<std::uint16_t>(packet, 0) != 1) return std::unexpected{ArpFault::NotEthernet};
    if (load_be<std::uint16_t>(packet, 2) != static_cast<std::uint16_t>(EtherType::Ipv4)) {
        return std::unexpected{ArpFault::NotIpv4};
    }
    if (load_be<std::uint16_t>(packet, 4) != 0x0604) return std::unexpected{ArpFault::BadLength};
    const auto operation = static_cast<ArpOperation>(load_be<std::uint16_t>(packet, 6));
    if (operation != ArpOperation::Request && operation != ArpOperation::Reply) {
        return std::unexpected{ArpFault::BadOperation};
    }
    return ArpPacket{
        .operation = operation,
        .sender_mac = load_mac(packet, 8),
        .sender = load_v4(packet, 14),
        .target_mac = load_mac(packet, 18),
        .target = load_v4(packet, 24),
    };
}

// `to` has room for kBytes.
inline void write_arp(MutableBytes to, const ArpPacket& arp) {
    store_be(to, 0, std::uint16_t{1});
    store_be(to, 2, static_cast<std::uint16_t>(EtherType::Ipv4));
    store_be(to, 4, std::uint16_t{0x0604});
    store_be(to, 6, static_cast<std::uint16_t>(arp.operation));
    store_mac(to, 8, arp.sender_mac);
    store_v4(to, 14, arp.sender);
    store_mac(to, 18, arp.target_mac);
    store_v4(to, 24, arp.target);
}

}  // namespace fairlead::wire
