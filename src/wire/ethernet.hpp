// wire/ethernet.hpp — the frame's 14 bytes, or 18 with one tag.
//
//   |  target (6)  |  source (6)  | [8100 tag] | type |
//
// Knows:  IEEE 802.3 clause 3 (types from 0x0600 on), IEEE 802.1Q (one tag), RFC 1112 §6.4 and
//         RFC 2464 §7 (group addresses).
// Not here: 802.2 LLC frames, which carry a length where the type is; a second tag (its type is
//         handed on as any other).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "fairlead/address.hpp"
#include "wire/address_field.hpp"

namespace fairlead::wire {

enum class EtherType : std::uint16_t {
    Ipv4 = 0x0800,
    Arp = 0x0806,
    Vlan = 0x8100,
    Ipv6 = 0x86dd,
};

// IEEE 802.3 clause 3.2.6: below it the field is a length.
inline constexpr EtherType kLeastEtherType{0x0600};

inline constexpr MacAddress kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

constexpr bool is_group(const MacAddress& mac) { return (mac[0] & 1) != 0; }

// Where packets to a multicast address go.
constexpr MacAddress multicast_mac(const IpAddress& group) {
    const auto& b = group.bytes();
    if (group.is_v4()) {
        return {0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[13] & 0x7f), b[14], b[15]};
    }
    return {0x33, 0x33, b[12], b[13], b[14], b[15]};
}

struct EthernetHeader {
    MacAddress target{};
    MacAddress source{};
    std::optional<std::uint16_t> tag{};  // 802.1Q: priority and VLAN
    EtherType type{};

    static constexpr std::size_t kBytes = 14;
    static constexpr std::size_t kTaggedBytes = 18;
    constexpr std::size_t bytes() const { return tag ? kTaggedBytes : kBytes; }
    constexpr bool operator==(const EthernetHeader&) const = default;
};

enum class EthernetFault : std::uint8_t { Truncated, NotEthernet2 };

inline std::expected<EthernetHeader, EthernetFault> parse_ethernet(Bytes frame) {
    if (frame.size() < EthernetHeader::kBytes) return std::unexpected{EthernetFault::Truncated};
    EthernetHeader header{.target = load_mac(frame, 0), .source = load_mac(frame, 6)};
    auto type = load_be<std::uint16_t>(frame, 12);
    if (type == static_cast<std::uint16_t>(EtherType::Vlan)) {
        if (frame.size() < EthernetHeader::kTaggedBytes) {
            return std::unexpected{EthernetFault::Truncated};
        }
        header.tag = load_be<std::uint16_t>(frame, 14);
        type = load_be<std::uint16_t>(frame, 16);
    }
    header.type = static_cast<EtherType>(type);
    if (header.type < kLeastEtherType) return std::unexpected{EthernetFault::NotEthernet2};
    return header;
}

// `to` has room for header.bytes().
inline void write_ethernet(MutableBytes to, const EthernetHeader& header) {
    store_mac(to, 0, header.target);
    store_mac(to, 6, header.source);
    if (header.tag) {
        store_be(to, 12, static_cast<std::uint16_t>(EtherType::Vlan));
        store_be(to, 14, *header.tag);
    }
    store_be(to, header.bytes() - 2, static_cast<std::uint16_t>(header.type));
}

}  // namespace fairlead::wire
