// fairlead_peer.hpp — two of our stacks back to back in memory, on one thread.
//
// Frames cross one by one, as the packets they are: the buffers are handed over, as skbs are over
// veth. Time is the machine's clock, read once for each poll; rows about memory run on a clock of
// their own.
#pragma once

#include "bench/peer.hpp"

namespace fairlead::bench {

// MTU 1500 and a link that does nothing for the stacks: each segment is a frame, its checksum is
// made by the one stack and verified by the other.
PeerKind fairlead_over_plain_wire();
// MTU 1500 and a link that takes segments up to 64 KiB and vouches for checksums, as a machine's
// own loopback does.
PeerKind fairlead_over_offloads();

// Growth of resident memory in bytes for each entry of its kind.
double fairlead_syn_received_bytes(std::size_t entries);
double fairlead_time_wait_bytes(std::size_t entries);

}  // namespace fairlead::bench
