// simulator.hpp — how fast time passes in the simulator.
#pragma once

#include <cstdint>

namespace fairlead::bench {

// Two hosts, a path of 1 Gbit/s and 20 ms, one transfer of `bytes`, every byte checked and every
// frame in the hash. Returns the segments that crossed, ACKs among them, in each second of real time.
double simulated_segments(std::uint64_t bytes);

}  // namespace fairlead::bench
