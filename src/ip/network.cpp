#include "ip/network.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "ip/rooms.hpp"

namespace fairlead::ip {
namespace {

// 64 KiB in the smallest segments that a path of 1500 or more is cut to.
constexpr std::size_t kLargestBurst = 64;

}  // namespace

Network::Rooms::Rooms(const Config& config_, Counters& counters_, PacketPool& pool_,
                      std::span<const std::uint8_t, 16> key)
    : config{config_},
      counters{counters_},
      pool{pool_},
      hash{key},
      interfaces{pool_, counters_},
      routes{hash},
      path_mtus{hash},
      paths{hash},
      neighbours{config_, counters_, hash(IpAddress{}, 1)},
      fragments{config_, pool_, hash},
      limit{config_, hash},
      ids{hash},
      labels{hash(IpAddress{}, 2), hash(IpAddress{}, 3)} {
    for (const Family family : {Family::Inet, Family::Inet6}) {
        const auto length = static_cast<std::uint8_t>(family == Family::Inet ? 8 : 128);
        const auto added = add_address({.address = IpAddress::loopback(family),
                                        .prefix_length = length,
                                        .interface = kLoopbackInterface});
        FAIRLEAD_ASSERT(added);
    }
}

// Time never goes back, and what was handed out before is over.
void Network::Rooms::begin(Instant at) {
    now = std::max(now, at);
    incoming.clear();
    errors.clear();
    ways_back.clear();
}

void Network::Rooms::input(PacketPtr&& frame, link::Interface& in) {
    const link::FrameInfo info = link::take_link_header(*frame, in.link(), in.mac());
    if (info.drop != link::FrameDrop::None) {
        return counters.add(info.drop == link::FrameDrop::Truncated ? Counter::LinkInTruncated
                                                                    : Counter::LinkInUnknownProtos);
    }
    if (info.target == link::FrameTarget::Other) return;
    switch (info.type) {
        case wire::EtherType::Ipv4: return input_v4(std::move(frame), in, info.target);
        case wire::EtherType::Ipv6: return input_v6(std::move(frame), in, info.target);
        case wire::EtherType::Arp: return input_arp(std::move(frame), in, info.target);
        default: counters.add(Counter::LinkInUnknownProtos);
    }
}

Network::Network(const Config& config, Counters& counters, PacketPool& pool,
                 std::span<const std::uint8_t, 16> key)
    : rooms_{std::make_unique<Rooms>(config, counters, pool, key)} {
    rooms_->departed = &departed_;
}

Network::~Network() = default;

Result<InterfaceIndex> Network::add_interface(Device& device, const InterfaceOptions& options) {
    const InterfaceIndex index = FAIRLEAD_TRY(rooms_->interfaces.add(
        device, options, rooms_->config.default_qdisc, rooms_->hash(IpAddress{}, 2)));
    rooms_->make_link_local(rooms_->interfaces.at(index));
    ++rooms_->generation;
    return index;
}

Result<void> Network::add_address(InterfaceIndex interface, const Prefix& address, Instant now) {
    Rooms& rooms = *rooms_;
    rooms.now = std::max(rooms.now, now);
    if (!rooms.interfaces.has(interface)) return std::unexpected{Errc::NoSuchDevice};
    const bool needs_zone = address.address.needs_zone();
    return rooms.add_address({
        .address = address.address.with_zone(needs_zone ? interface : 0),
        .prefix_length = address.length,
        .interface = interface,
    });
}

Result<void> Network::remove_address(InterfaceIndex interface, const IpAddress& address) {
    const bool needs_zone = address.needs_zone();
    return rooms_->remove_address(interface, address.with_zone(needs_zone ? interface : 0));
}

Result<void> Network::remove_route(const Prefix& destination) {
    const Result<void> removed = rooms_->routes.remove(destination);
    if (removed) ++rooms_->generation;
    return removed;
}

Result<InterfaceIndex> Network::interface_by_name(std::string_view name) const {
    return rooms_->interfaces.by_name(name);
}

std::vector<Route> Network::routes() const {
    std::vector<Route> all;
    rooms_->routes.for_each([&](const Route& route) { all.push_back(route); });
    return all;
}

const RouteHints& Network::hints_of(const Path& path) const { return rooms_->hints[path.hints]; }

std::size_t Network::interface_count() const { return rooms_->interfaces.count(); }

const link::Interface& Network::interface(InterfaceIndex index) const {
    FAIRLEAD_ASSERT(rooms_->interfaces.has(index));
    return rooms_->interfaces.at(index);
}

link::Interface& Network::interface(InterfaceIndex index) { return rooms_->interfaces.at(index); }

std::uint32_t Network::generation() const { return rooms_->generation; }

bool Network::is_local(const IpAddress& address, InterfaceIndex interface) const {
    const bool is_unnamed = address.needs_zone() && address.zone() == 0;
    return rooms_->addresses.is_own(is_unnamed ? address.with_zone(interface) : address);
}

bool Network::is_broadcast(const IpAddress& address) const {
    return rooms_->addresses.is_broadcast(address, 0);
}

Result<SourcedPath> Network::find_path(const IpAddress& destination, const IpAddress& source,
                                       InterfaceIndex interface) const {
    return rooms_->find_path(destination, source, interface);
}

Network::Events Network::receive(InterfaceIndex interface, Instant now, std::size_t& frames) {
    if (interface == kLoopbackInterface && rooms_->interfaces.loopback().waiting() == 0) {
        frames = 0;
        return {};
    }
    return receive_burst(interface, now, frames);
}

Network::Events Network::receive_burst(InterfaceIndex interface, Instant now, std::size_t& frames) {
    Rooms& rooms = *rooms_;
    rooms.begin(now);
    FAIRLEAD_ASSERT(rooms.interfaces.has(interface));
    link::Interface& in = rooms.interfaces.at(interface);
    if (in.refresh()) ++rooms.generation;

    std::span<PacketPtr> burst{rooms.burst};
    frames = in.receive(rooms.now, burst);
    if (frames != 0) rooms.now = std::max(rooms.now, burst[frames - 1]->meta.arrived);
    std::size_t left = frames;
    // What never left the machine is as large as it was sent.
    if (interface != kLoopbackInterface) left = rooms.gro.merge(in.link(), burst.first(frames));
    for (PacketPtr& frame : burst.first(left)) {
        rooms.input(std::move(frame), in);
        frame.reset();  // what nobody took
    }
    return {.incoming = rooms.incoming, .errors = rooms.errors, .now = rooms.now};
}

Result<void> Network::send(PacketPtr&& packet, const Outgoing& outgoing, const Path& path,
                           Instant now) {
    Rooms& rooms = *rooms_;
    rooms.now = std::max(rooms.now, now);
    return outgoing.destination.is_v4() ? rooms.send_v4(std::move(packet), outgoing, path)
                                        : rooms.send_v6(std::move(packet), outgoing, path);
}

std::uint32_t Network::lower_path_mtu(const IpAddress& destination, std::uint32_t mtu,
                                      Instant now) {
    const std::uint32_t before = rooms_->path_mtus.find(destination);
    const std::uint32_t after = rooms_->path_mtus.lower(destination, mtu, now);
    // Every path is looked up again: not for what was known.
    if (after != before) ++rooms_->generation;
    return after;
}

void Network::confirm_neighbour(const Path& path, Instant now) {
    confirmed_ = path.neighbour;
    confirm_again_ = now + 100_ms;
    if (path.is_loopback || path.is_group) return;
    rooms_->neighbours.confirm(path.neighbour,
                               {.address = path.next_hop, .interface = path.interface}, now);
}

void Network::doubt(const Path& path, Instant now) {
    if (path.is_loopback || path.is_group) return;
    rooms_->neighbours.doubt(path.neighbour,
                             {.address = path.next_hop, .interface = path.interface}, now);
}

const wire::HeaderOptions* Network::way_back(const Incoming& in) const {
    return in.route == 0 ? nullptr : &rooms_->ways_back[in.route - 1u];
}

Network::Events Network::expire(Instant now) {
    Rooms& rooms = *rooms_;
    rooms.now = std::max(rooms.now, now);
    if (rooms.next_expiry() > rooms.now) return {};
    rooms.begin(now);
    rooms.expire_neighbours();
    rooms.expire_fragments();
    rooms.expire_addresses();
    if (rooms.path_mtus.expire(rooms.now)) ++rooms.generation;
    return {.incoming = rooms.incoming, .errors = rooms.errors, .now = rooms.now};
}

bool Network::completes_checksums(InterfaceIndex interface) const {
    return rooms_->interfaces.has(interface) &&
           rooms_->interfaces.at(interface).features().checksum_out;
}

std::uint32_t Network::backlog(InterfaceIndex interface, std::uint32_t flow) const {
    if (!rooms_->interfaces.has(interface)) return 0;
    const link::Interface& out = rooms_->interfaces.at(interface);
    if (out.queued() + kLargestBurst > link::Interface::kQueueFrames) return kNoRoom;
    return out.backlog(flow);
}

QueueInfo Network::queue(InterfaceIndex interface) const {
    return rooms_->interfaces.queue(interface);
}

bool Network::holds_departures(InterfaceIndex interface) const {
    return rooms_->interfaces.has(interface) && rooms_->interfaces.at(interface).holds_departures();
}

Instant Network::Rooms::next_expiry() const {
    return std::min({neighbours.next_deadline(), fragments.next_deadline(),
                     addresses.next_deadline(), routers.next_deadline(),
                     path_mtus.next_deadline()});
}

Instant Network::next_deadline() const {
    return std::min({rooms_->next_expiry(), rooms_->interfaces.loopback().next_deadline(),
                     rooms_->interfaces.next_departure()});
}

bool Network::has_queued() const { return rooms_->interfaces.has_queued(); }

bool Network::flush(Instant now) { return rooms_->interfaces.flush(now); }

}  // namespace fairlead::ip
