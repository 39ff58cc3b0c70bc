// in_flight.hpp — what an ACK costs the sender when much is in flight.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::bench {

// One connection that keeps `Window` segments in flight over a link that loses one in a thousand.
// Returns the nanoseconds that its sender takes for each ACK, with what it sends again and anew.
double ack_with_100_in_flight(std::uint64_t acks);
double ack_with_100000_in_flight(std::uint64_t acks);

}  // namespace fairlead::bench
