#include "fairlead/simulation.hpp"

#include <deque>
#include <utility>

#include "base/assert.hpp"
#include "sim/stream.hpp"
#include "sim/world.hpp"

namespace fairlead {
namespace {

constexpr std::uint16_t kPort = 80;

sim::StreamPlan endless() { return {.to_send = UINT64_MAX / 2}; }

sim::LinkOptions path_of(const SimulationOptions& o) {
    return {.there = {.loss = o.loss,
                      .delay = o.delay,
                      .bits_per_second = o.bits_per_second,
                      .queue_bytes = o.queue_bytes},
            .back = {.delay = o.delay}};
}

}  // namespace

class Simulation::World {
public:
    explicit World(const SimulationOptions& o)
        : world_{o.seed},
          sender_{world_.add_host("sender", o.config, nullptr, o.controllers)},
          receiver_{world_.add_host("receiver", o.config, nullptr, o.controllers)} {
        world_.join(sender_, receiver_, path_of(o));
        sink_ = std::make_unique<sim::Listener>(receiver_, peer(), sim::mirrored(endless(), 0));
    }

    sim::World& world() { return world_; }
    Stack& sender() { return sender_.stack(); }
    Stack& receiver() { return receiver_.stack(); }

    Result<std::size_t> start_flow(std::string_view controller) {
        const SocketId socket = sim::start_connecting(sender_, peer());
        if (!controller.empty()) {
            if (const auto set = sender().set_congestion_control(socket, controller); !set) {
                (void)sender().close(socket);
                return std::unexpected{set.error()};
            }
        }
        flows_.emplace_back(sender_, socket, endless());
        return flows_.size() - 1;
    }
    // They are accepted in any order: a flow is known by the port it comes from.
    std::uint64_t received(std::size_t flow) {
        const auto from = sender().local_name(socket_of(flow));
        for (const sim::Stream& stream : sink_->streams()) {
            const auto peer = receiver().peer_name(stream.socket());
            if (from && peer && peer->port == from->port) return stream.received();
        }
        return 0;
    }
    SocketId socket_of(std::size_t flow) const {
        FAIRLEAD_ASSERT(flow < flows_.size());
        return flows_[flow].socket();
    }

private:
    Endpoint peer() const { return {receiver_.address(Family::Inet), kPort}; }

    sim::World world_;
    sim::Host& sender_;
    sim::Host& receiver_;
    std::unique_ptr<sim::Listener> sink_{};
    std::deque<sim::Stream> flows_{};
};

Simulation::Simulation(const SimulationOptions& options)
    : world_{std::make_unique<World>(options)} {}
Simulation::~Simulation() = default;

Result<std::size_t> Simulation::start_flow(std::string_view controller) {
    return world_->start_flow(controller);
}

void Simulation::run_for(Duration span) { world_->world().run_for(span); }
Instant Simulation::now() const { return world_->world().now(); }
std::uint64_t Simulation::received(std::size_t flow) const { return world_->received(flow); }

TcpInfo Simulation::info(std::size_t flow) const {
    return world_->sender().tcp_info(world_->socket_of(flow)).value_or(TcpInfo{});
}

Stack& Simulation::sender() { return world_->sender(); }
Stack& Simulation::receiver() { return world_->receiver(); }

}  // namespace fairlead
