// device/clock.hpp — when a frame was here, by the clock of whoever drives the stack.
//
// Owns:   Clock, which a device of the kernel may be given, and what it says of a burst.
// Why:    `now` was read before the device was: whoever was set aside in between would take the
//         frame for older than it is, and the round trip for shorter than the path.
#pragma once

#include <algorithm>
#include <span>

#include "fairlead/packet.hpp"

namespace fairlead::device {

// The clock that `now` is read from; null: there is none but `now`.
using Clock = Instant (*)();

// The burst has just been read.
inline void stamp(std::span<const PacketPtr> burst, Instant now, Clock clock) {
    if (burst.empty()) return;
    const Instant arrived = clock == nullptr ? now : std::max(now, clock());
    for (const PacketPtr& packet : burst) packet->meta.arrived = arrived;
}

}  // namespace fairlead::device
