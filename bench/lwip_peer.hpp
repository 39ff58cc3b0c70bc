// lwip_peer.hpp — two lwIP stacks back to back in memory, driven through the raw API.
//
// Frames of MTU 1500 cross one by one. Each is copied once on the way, into a buffer of the stack
// that receives it, as lwIP's own drivers and its loopback do: the sender keeps the original for
// retransmission while the receiver rewrites the headers of what it is given.
#pragma once

#include "bench/peer.hpp"

namespace fairlead::bench {

PeerKind lwip_back_to_back();

}  // namespace fairlead::bench
