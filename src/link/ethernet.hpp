// link/ethernet.hpp — taking a frame's link header off, and putting one before a packet.
//
// Owns:      what a frame is and for whom: EtherType, whether it is ours.
// Knows:     IEEE 802.3 clause 3, 802.1Q (one tag, kept in meta.vlan), RFC 894, RFC 2464.
// Not here:  the bytes themselves (wire/ethernet.hpp), which station an address has (neighbour.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "fairlead/address.hpp"
#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "wire/ethernet.hpp"

namespace fairlead::link {

enum class FrameTarget : std::uint8_t {
    Us,
    Broadcast,
    Multicast,  // any group: whether we are a member is not asked here
    Other,      // another station's: of use to a bridge or a capture only
};

enum class FrameDrop : std::uint8_t {
    None,
    Truncated,        // no room for the header: LinkInTruncated
    UnknownProtocol,  // an 802.2 length field, or no IP version that we know: LinkInUnknownProtos
};

// A plain value, not an expected: it is made for every frame, and lives in registers.
struct FrameInfo {
    FrameDrop drop = FrameDrop::None;
    FrameTarget target = FrameTarget::Us;
    wire::EtherType type{};  // of use where nothing is to be dropped
};

// Takes the link header off; the packet begins at its network header then, and is marked so. A tag
// goes to meta.vlan. What a short frame was padded with is still at the end. `mac`: our station.
FrameInfo take_link_header(Packet& frame, LinkKind link, const MacAddress& mac);

// 14 bytes before the packet, which needs that much headroom.
inline void put_ethernet_header(Packet& packet, const MacAddress& target, const MacAddress& source,
                                wire::EtherType type) {
    const MutableBytes to = packet.push_front(wire::EthernetHeader::kBytes);
    wire::store_mac(to, 0, target);
    wire::store_mac(to, 6, source);
    store_be(to, 12, static_cast<std::uint16_t>(type));
}

// The station of a multicast group or of the limited broadcast; none for a unicast address, whose
// station the neighbour table knows. RFC 1112 §6.4, RFC 2464 §7.
std::optional<MacAddress> group_station(const IpAddress& address);

// Inline, and the header read where it lies: a frame comes by for every packet, and what is put
// together in pieces and then copied or returned whole has to be waited for.

inline FrameTarget frame_target(Bytes frame, const MacAddress& us) {
    if (std::memcmp(frame.data(), us.data(), us.size()) == 0) return FrameTarget::Us;
    const MacAddress target = wire::load_mac(frame, 0);
    if (!wire::is_group(target)) return FrameTarget::Other;
    return target == wire::kBroadcastMac ? FrameTarget::Broadcast : FrameTarget::Multicast;
}

inline FrameInfo look_at_bare_packet(Packet& packet) {
    if (packet.front().empty()) return {.drop = FrameDrop::Truncated};
    const auto version = std::to_integer<unsigned>(packet.front()[0]) >> 4;
    packet.mark_network(0);
    if (version == 4) return {.type = wire::EtherType::Ipv4};
    if (version == 6) return {.type = wire::EtherType::Ipv6};
    return {.drop = FrameDrop::UnknownProtocol};
}

inline FrameInfo take_link_header(Packet& frame, LinkKind link, const MacAddress& mac) {
    if (link == LinkKind::Ip) return look_at_bare_packet(frame);
    if (frame.front().size() < wire::EthernetHeader::kTaggedBytes) {
        // A frame of 14 to 17 bytes is whole, and has no tag.
        frame.pull(std::min(frame.size(), wire::EthernetHeader::kTaggedBytes));
    }
    const Bytes front = frame.front();
    if (front.size() < wire::EthernetHeader::kBytes) return {.drop = FrameDrop::Truncated};
    std::size_t bytes = wire::EthernetHeader::kBytes;
    auto type = static_cast<wire::EtherType>(load_be<std::uint16_t>(front, bytes - 2));
    if (type == wire::EtherType::Vlan) {
        bytes = wire::EthernetHeader::kTaggedBytes;
        if (front.size() < bytes) return {.drop = FrameDrop::Truncated};
        frame.meta.vlan = load_be<std::uint16_t>(front, bytes - 4);
        type = static_cast<wire::EtherType>(load_be<std::uint16_t>(front, bytes - 2));
    }
    if (type < wire::kLeastEtherType) return {.drop = FrameDrop::UnknownProtocol};
    const FrameTarget target = frame_target(front, mac);
    frame.trim_front(bytes);
    frame.mark_network(0);
    return {.target = target, .type = type};
}

}  // namespace fairlead::link
