// fairlead/simulation.hpp — two stacks and a path between them in virtual time.
//
// Owns:   Simulation: a sender and a receiver, the path with its bottleneck, the flows over it. It is
//         what a controller of one's own is tried in (fairlead/congestion.hpp, docs/congestion.md).
// Rules:  A second of it takes as long as the work in it. The same options and calls give the same
//         frames to the bit, on every machine and compiler.
// Not here: more hosts and worse paths (src/sim/world.hpp), real devices and time (src/device/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "fairlead/stack.hpp"

namespace fairlead {

struct SimulationOptions {
    std::uint64_t bits_per_second =
        10'000'000;                      // of the bottleneck, from the sender to the receiver
    Duration delay = 20_ms;              // each way
    std::uint64_t queue_bytes = 50'000;  // what may wait before the bottleneck
    std::uint32_t loss = 0;              // of a million frames, by chance
    std::uint64_t seed = 1;              // of all chance there is
    Config config{};                     // of both stacks
    // Beside the stack's own; they outlive the simulation.
    std::span<const CongestionOperations* const> controllers{};
};

class Simulation {
public:
    explicit Simulation(const SimulationOptions& options);
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;
    ~Simulation();

    // A flow that begins now, and never ends: the number by which it is asked about, from 0 on.
    // NoSuchEntry: no controller has that name. Empty: the one of net.ipv4.tcp_congestion_control.
    Result<std::size_t> start_flow(std::string_view controller = {});
    void run_for(Duration span);
    Instant now() const;

    // Bytes that the receiving application has read.
    std::uint64_t received(std::size_t flow) const;
    TcpInfo info(std::size_t flow) const;  // of the sending end

    Stack& sender();
    Stack& receiver();

private:
    class World;
    std::unique_ptr<World> world_;
};

}  // namespace fairlead
