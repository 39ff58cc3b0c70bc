#include "link/ethernet.hpp"

namespace fairlead::link {

std::optional<MacAddress> group_station(const IpAddress& address) {
    if (address.is_multicast()) return wire::multicast_mac(address);
    if (address.is_limited_broadcast()) return wire::kBroadcastMac;
    return std::nullopt;
}

}  // namespace fairlead::link
