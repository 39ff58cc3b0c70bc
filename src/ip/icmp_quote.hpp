// ip/icmp_quote.hpp — the body of an ICMP error: the packet it is about, as far as it fits.
//
// Owns:   writing it and what is kept of one that was read.
// Knows:  RFC 1812 §4.3.2.3 (an IPv4 error has at most 576 bytes), RFC 4443 §2.4 (c) (an IPv6 one
//         at most 1280).
#pragma once

#include <cstddef>

#include "fairlead/packet.hpp"
#include "ip/network.hpp"
#include "wire/quoted.hpp"

namespace fairlead::ip {

inline constexpr std::size_t kMaxErrorV4 = 576;
inline constexpr std::size_t kMaxErrorV6 = 1280;

// A packet of the first bytes of `packet`, up to `most`, copied, with room before it for the
// headers of the error. Null: the pool is empty.
PacketPtr icmp_quote(const Packet& packet, std::size_t most, PacketPool& pool);

// An error about the packet that `quoted` tells of, which lies in the front of `in`; its addresses have
// the zone of `interface` where they need one. What went wrong is for the caller to say.
IcmpError error_about(const wire::QuotedPacket& quoted, const Packet& in, InterfaceIndex interface);

}  // namespace fairlead::ip
