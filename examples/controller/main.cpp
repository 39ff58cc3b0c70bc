// A congestion controller that the library does not know, tried beside cubic in the simulator.
// docs/congestion.md tells what a controller may have.
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "controller/gentle.hpp"
#include "fairlead/congestion.hpp"
#include "fairlead/simulation.hpp"

namespace {

using namespace fairlead;
using example::Gentle;

constexpr const CongestionOperations* kOwn[] = {&kCongestionOperations<Gentle>};

constexpr std::int64_t kSeconds = 20;

double megabits(std::uint64_t bytes) {
    return static_cast<double>(bytes) * 8 / 1e6 / static_cast<double>(kSeconds);
}

SimulationOptions path() {
    return {.bits_per_second = 20'000'000,
            .delay = 10_ms,
            .queue_bytes = 50'000,
            .seed = 7,
            .controllers = kOwn};
}

// One flow by itself.
bool run_alone(std::string_view controller) {
    Simulation simulation{path()};
    const auto flow = simulation.start_flow(controller);
    if (!flow) return false;
    simulation.run_for(Duration::from_s(kSeconds));
    const TcpInfo info = simulation.info(*flow);
    std::printf("%-8.*s %5.1f Mbit/s, %u segments sent again\n",
                static_cast<int>(controller.size()), controller.data(),
                megabits(simulation.received(*flow)), info.total_retransmitted);
    return true;
}

// Both over one bottleneck.
bool run_together() {
    Simulation simulation{path()};
    const auto own = simulation.start_flow("gentle");
    const auto other = simulation.start_flow("cubic");
    if (!own || !other) return false;
    simulation.run_for(Duration::from_s(kSeconds));
    std::printf("both: gentle %.1f Mbit/s, cubic %.1f Mbit/s\n",
                megabits(simulation.received(*own)), megabits(simulation.received(*other)));
    return true;
}

}  // namespace

int main() { return run_alone("gentle") && run_alone("cubic") && run_together() ? 0 : 1; }
