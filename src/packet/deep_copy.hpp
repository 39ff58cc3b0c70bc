// packet/deep_copy.hpp — the same packet in memory of its own.
#pragma once

#include "fairlead/packet.hpp"

namespace fairlead {

// Content and metadata, with nothing shared. Null: the pool is at its limit.
PacketPtr deep_copy(const Packet& packet, PacketPool& pool);

}  // namespace fairlead
