#include "link/ethernet.hpp"

namespace fairlead::link {
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
