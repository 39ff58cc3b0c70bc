#include "bench/simulator.hpp"

#include <stdexcept>

#include "bench/machine.hpp"
#include "sim/stream.hpp"
#include "sim/world.hpp"

namespace fairlead::bench {

double simulated_segments(std::uint64_t bytes) {
    constexpr std::uint16_t kServerPort = 80;
    const link::Faults path{
        .delay = 10_ms, .bits_per_second = 1'000'000'000, .queue_bytes = 5'000'000};
    sim::World world{1};
    sim::Host& client = world.add_host("client");
    sim::Host& server = world.add_host("server");
    world.join(client, server, {.there = path, .back = path});
    const sim::StreamPlan plan{.to_send = bytes};
    const Endpoint there{server.address(Family::Inet), kServerPort};
    sim::Listener listener{server, there, sim::mirrored(plan, 0)};
    const Stopwatch watch;
    sim::Stream stream{client, sim::start_connecting(client, there), plan};
    const auto& streams = listener.streams();
    world.run_while_not([&] { return !streams.empty() && streams.front().is_over(); },
                        Duration::from_s(3600));
    const double seconds = watch.seconds();
    if (streams.empty() || streams.front().received() != bytes || streams.front().wrong_at()) {
        throw std::runtime_error{"the simulated transfer failed"};
    }
    return static_cast<double>(world.recorder().left()) / seconds;
}

}  // namespace fairlead::bench
