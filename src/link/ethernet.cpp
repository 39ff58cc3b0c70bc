#include "link/ethernet.hpp"

#include <algorithm>

namespace fairlead::link {
namespace {

FrameTarget target_of(const MacAddress& target, const MacAddress& us) {
    if (target == us) return FrameTarget::Us;
    if (!wire::is_group(target)) return FrameTarget::Other;
    return target == wire::kBroadcastMac ? FrameTarget::Broadcast : FrameTarget::Multicast;
}

std::expected<FrameInfo, FrameDrop> look_at_bare_packet(Packet& packet) {
    if (packet.front().empty()) return std::unexpected{FrameDrop::Truncated};
    const auto version = std::to_integer<unsigned>(packet.front()[0]) >> 4;
    packet.mark_network(0);
    if (version == 4) return FrameInfo{.type = wire::EtherType::Ipv4};
    if (version == 6) return FrameInfo{.type = wire::EtherType::Ipv6};
    return std::unexpected{FrameDrop::UnknownProtocol};
}

}  // namespace

std::expected<FrameInfo, FrameDrop> take_link_header(Packet& frame, LinkKind link,
                                                     const MacAddress& mac) {
    if (link == LinkKind::Ip) return look_at_bare_packet(frame);
    if (frame.front().size() < wire::EthernetHeader::kTaggedBytes) {
        // A frame of 14 to 17 bytes is whole, and has no tag.
        frame.pull(std::min(frame.size(), wire::EthernetHeader::kTaggedBytes));
    }
    const auto header = wire::parse_ethernet(frame.front());
    if (!header) {
        return std::unexpected{header.error() == wire::EthernetFault::Truncated
                                   ? FrameDrop::Truncated
                                   : FrameDrop::UnknownProtocol};
    }
    if (header->tag) frame.meta.vlan = *header->tag;
    frame.trim_front(header->bytes());
    frame.mark_network(0);
    return FrameInfo{
        .type = header->type, .target = target_of(header->target, mac), .source = header->source};
}

void put_ethernet_header(Packet& packet, const MacAddress& target, const MacAddress& source,
                         wire::EtherType type) {
    const MutableBytes to = packet.push_front(wire::EthernetHeader::kBytes);
    wire::write_ethernet(to, {.target = target, .source = source, .type = type});
}

std::optional<MacAddress> group_station(const IpAddress& address) {
    if (address.is_multicast()) return wire::multicast_mac(address);
    if (address.is_limited_broadcast()) return wire::kBroadcastMac;
    return std::nullopt;
}

}  // namespace fairlead::link
