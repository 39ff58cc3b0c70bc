// kernel_counters.hpp — what the kernel tells about its own TCP.
#pragma once

#include <cstdint>
#include <string>

namespace fairlead::bench {

// A TCP counter of the network namespace we are in, by its MIB name ("OutRsts").
std::uint64_t tcp_counter(const std::string& name);

// Bytes in the kernel's slabs that hold sockets and what a descriptor of one needs.
std::uint64_t socket_slab_bytes();

}  // namespace fairlead::bench
