// wire/ip_protocol.hpp — the numbers that IPv4 and IPv6 share.
#pragma once

#include <cstdint>

namespace fairlead::wire {

// What follows an IP header. A name for those we know; the others keep their number.
enum class IpProtocol : std::uint8_t {
    HopByHop = 0,  // IPv6 only
    Icmp = 1,
    Igmp = 2,
    Tcp = 6,
    Udp = 17,
    Routing = 43,
    Fragment = 44,
    Icmpv6 = 58,
    NoNextHeader = 59,
    DestinationOptions = 60,
    Raw = 255,
};

// The low two bits of the traffic class, RFC 3168 §5.
enum class Ecn : std::uint8_t { NotCapable = 0, Capable1 = 1, Capable0 = 2, Congestion = 3 };

constexpr Ecn ecn_of(std::uint8_t traffic_class) { return static_cast<Ecn>(traffic_class & 3); }
constexpr std::uint8_t with_ecn(std::uint8_t traffic_class, Ecn ecn) {
    return static_cast<std::uint8_t>((traffic_class & 0xfc) | static_cast<std::uint8_t>(ecn));
}

}  // namespace fairlead::wire
