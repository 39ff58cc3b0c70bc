// udp/input.hpp — is this a datagram?
//
// Knows:  RFC 768, RFC 8200 §8.1 (no checksum: allowed by IPv4, refused by IPv6).
// Not here: whose it is (demux.hpp).
#pragma once

#include <cstdint>

#include "ip/network.hpp"
#include "wire/udp.hpp"

namespace fairlead::udp {

enum class Verdict : std::uint8_t {
    Good,
    BadLength,    // UdpInErrors
    BadChecksum,  // UdpInErrors and UdpInCsumErrors
};

// Reads and checks the header at the packet's front, which stays there; padding behind the
// datagram goes.
Verdict check(ip::Incoming& incoming, wire::UdpHeader& header);

}  // namespace fairlead::udp
