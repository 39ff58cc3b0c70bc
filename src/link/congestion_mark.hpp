// link/congestion_mark.hpp — the two bits in which a queue says that it is long.
//
// Knows:  RFC 3168 §5 (the ECN field), RFC 1624 (what a changed field does to the checksum).
// Not here: when to say it (queue_rule.hpp).
#pragma once

#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::link {

// Whether its sender understands a mark. False for what is no IP packet.
bool is_congestion_markable(const Packet& frame, LinkKind link);
// Sets CE in a frame that is markable. False, and nothing changed, where its header cannot be had to
// write in.
bool mark_congestion(Packet& frame, LinkKind link);

}  // namespace fairlead::link
