// kernel_peer.hpp — the kernel of this machine, with one thread owning both ends.
#pragma once

#include "bench/peer.hpp"

namespace fairlead::bench {

PeerKind kernel_over_loopback();
// Frames of MTU 1500 with every offload off: split and summed as a plain wire would have it.
PeerKind kernel_over_veth();

}  // namespace fairlead::bench
