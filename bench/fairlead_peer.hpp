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
struct TimeWaitFigures {
    double bytes = 0;
    double expiry_ns = 0;  // for each entry, all of them in one poll
};
TimeWaitFigures fairlead_time_wait(std::size_t entries);

// So many connections at once: opened one after the other, then each echoes a byte and then all are
// closed, 32 side by side. Seconds, and growth of resident memory for each of their ends.
struct CrowdFigures {
    double opening = 0;
    double echoing = 0;
    double closing = 0;
    double bytes = 0;
};
CrowdFigures fairlead_crowd(std::size_t connections);

}  // namespace fairlead::bench
