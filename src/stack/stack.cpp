#include <algorithm>
#include <bit>
#include <span>

#include "base/siphash.hpp"
#include "stack/core.hpp"
#include "stack/group.hpp"
#include "stack/recorder.hpp"

namespace fairlead {
namespace {

// A key of its own for each part of the stack. Every byte of the seed tells in all of them, also where
// a program names a few only.
std::array<std::uint8_t, 16> key_of(const std::array<std::uint8_t, 32>& seed, std::uint64_t part) {
    const Bytes bytes = std::as_bytes(std::span{seed});
    const std::array<std::uint64_t, 2> words{siphash_2_4({.k0 = part, .k1 = 0}, bytes),
                                             siphash_2_4({.k0 = part, .k1 = 1}, bytes)};
    return std::bit_cast<std::array<std::uint8_t, 16>>(words);
}

constexpr std::uint64_t kNetwork = 1;
constexpr std::uint64_t kTransports = 2;

}  // namespace

Stack::Core::Core(const StackOptions& options)
    : config{options.config},
      own_pool{options.pool == nullptr ? std::make_unique<PacketPool>() : nullptr},
      pool{options.pool == nullptr ? *own_pool : *options.pool},
      network{config, counters, pool, key_of(options.seed, kNetwork)},
      tcp{config, counters, pool, network, key_of(options.seed, kTransports)},
      udp{config, counters, pool, network, key_of(options.seed, kTransports)},
      recorder{options.recorder},
      seat{options.seat} {
    tcp.set_controllers(options.controllers);
    if (recorder != nullptr) recorder->open(options);
    if (seat != nullptr) tcp.set_steering(seat->steering(), seat->own());
}

void Stack::Core::note(const Input& input) { recorder->add(input); }

Stack::Stack(const StackOptions& options) : core_{std::make_unique<Core>(options)} {}
Stack::~Stack() = default;

Result<InterfaceIndex> Stack::add_interface(Device& device, const InterfaceOptions& options) {
    Device& worn = core_->recorder == nullptr ? device : core_->recorder->wear(device, options);
    return core_->network.add_interface(worn, options);
}
Result<void> Stack::add_address(InterfaceIndex interface, const Prefix& address) {
    core_->record([&] {
        return Input{.kind = InputKind::AddAddress,
                     .address = address.address,
                     .interface = interface,
                     .what = address.length};
    });
    return core_->network.add_address(interface, address, core_->now);
}
Result<void> Stack::remove_address(InterfaceIndex interface, const IpAddress& address) {
    core_->record([&] {
        return Input{.kind = InputKind::RemoveAddress, .address = address, .interface = interface};
    });
    return core_->network.remove_address(interface, address);
}
Result<void> Stack::add_route(const Route& route) {
    core_->record([&] { return Input{.kind = InputKind::AddRoute, .route = route}; });
    const std::string_view named = route.hints.controller();
    if (!named.empty() && core_->tcp.controller(named) == nullptr) {
        return std::unexpected{Errc::InvalidArgument};
    }
    return core_->network.add_route(route);
}
Result<void> Stack::remove_route(const Prefix& destination) {
    core_->record([&] {
        return Input{.kind = InputKind::RemoveRoute,
                     .address = destination.address,
                     .what = destination.length};
    });
    return core_->network.remove_route(destination);
}
Result<InterfaceIndex> Stack::interface_by_name(std::string_view name) const {
    return core_->network.interface_by_name(name);
}

void Stack::advance(Instant now) {
    core_->record([&] { return Input{.kind = InputKind::Advance, .number = now.ns()}; });
    core_->advance(now);
}
PollResult Stack::poll(Instant now) {
    core_->record([&] { return Input{.kind = InputKind::Poll, .number = now.ns()}; });
    return core_->poll(now);
}
void Stack::flush() {
    core_->record([&] { return Input{.kind = InputKind::Flush}; });
    core_->flush();
}
Instant Stack::now() const { return core_->now; }
Instant Stack::next_deadline() const {
    // What waits for a busy device waits for the device, not for the time.
    if (!core_->device_is_busy && (core_->tcp.has_ready() || core_->network.has_queued())) {
        return core_->now;
    }
    return std::min(core_->network.next_deadline(), core_->tcp.next_deadline());
}

const Counters& Stack::counters() const { return core_->counters; }
const Config& Stack::config() const { return core_->config; }
Result<void> Stack::set_config(std::string_view name, std::string_view value) {
    core_->record([&] {
        return Input{
            .kind = InputKind::SetConfig, .name = name, .bytes = std::as_bytes(std::span{value})};
    });
    FAIRLEAD_TRY(core_->config.set(name, value));
    // proc_tfo_blackhole_detect_timeout(): who writes it, ends the pause.
    if (name.ends_with("tcp_fastopen_blackhole_timeout_sec")) core_->tcp.forgive_path();
    return {};
}
PacketPool& Stack::pool() { return core_->pool; }

}  // namespace fairlead
