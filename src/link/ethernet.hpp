// link/ethernet.hpp — taking a frame's link header off, and putting one before a packet.
//
// Owns:      what a frame is and for whom: EtherType, whether it is ours, who sent it.
// Knows:     IEEE 802.3 clause 3, 802.1Q (one tag, kept in meta.vlan), RFC 894, RFC 2464.
// Not here:  the bytes themselves (wire/ethernet.hpp), which station an address has (neighbour.hpp).
#pragma once

#include <cstdint>
#include <expected>
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

struct FrameInfo {
    wire::EtherType type{};
    FrameTarget target = FrameTarget::Us;
    MacAddress source{};  // zeros on a link without stations
};

enum class FrameDrop : std::uint8_t {
    Truncated,        // no room for the header: LinkInTruncated
    UnknownProtocol,  // an 802.2 length field, or no IP version that we know: LinkInUnknownProtos
};

// Takes the link header off; the packet begins at its network header then, and is marked so. A tag
// goes to meta.vlan. What a short frame was padded with is still at the end. `mac`: our station.
std::expected<FrameInfo, FrameDrop> take_link_header(Packet& frame, LinkKind link,
                                                     const MacAddress& mac);

// 14 bytes before the packet, which needs that much headroom.
void put_ethernet_header(Packet& packet, const MacAddress& target, const MacAddress& source,
                         wire::EtherType type);

// The station of a multicast group or of the limited broadcast; none for a unicast address, whose
// station the neighbour table knows. RFC 1112 §6.4, RFC 2464 §7.
std::optional<MacAddress> group_station(const IpAddress& address);

}  // namespace fairlead::link
