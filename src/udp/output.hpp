// udp/output.hpp — a datagram made of the application's bytes.
//
// Knows:  RFC 768. The checksum is left Partial: the device sums, or link/ does, or lo needs none.
#pragma once

#include "fairlead/bytes.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::udp {

inline constexpr std::size_t kMaxPayload = 65535 - 8;

// Copies the payload. Null: the pool is empty. At most kMaxPayload bytes.
PacketPtr make_datagram(PacketPool& pool, const Endpoint& from, const Endpoint& to, Bytes payload);

}  // namespace fairlead::udp
