// The way to an address: is it ours, everybody's, a group's, or behind which route?
#include <algorithm>

#include "ip/rooms.hpp"
#include "ip/source_address.hpp"

namespace fairlead::ip {
namespace {

constexpr IpAddress kEverybody = IpAddress::v4(0xffff'ffffu);
// RFC 791 §3.1: every link carries that much; what says less is mistaken.
constexpr std::uint32_t kLeastMtu = 68;

// A path names what its route says to TCP by an octet.
constexpr std::size_t kMostHints = 256;

void follow(const Route& route, std::uint32_t link_mtu, SourcedPath& path) {
    path.interface = route.interface;
    path.mtu = route.mtu != 0 ? std::min(link_mtu, route.mtu) : link_mtu;
    if (!route.gateway.is_any() && !path.is_group) path.next_hop = route.gateway;
    if (path.source.is_any()) path.source = route.source;
    path.is_mtu_locked = route.hints.is_mtu_locked;
}

}  // namespace

Result<void> Network::add_route(const Route& route) {
    Rooms& rooms = *rooms_;
    Route added = route;
    const bool has_gateway = !added.gateway.is_any();
    if (added.interface == 0) added.interface = added.gateway.zone();
    if (has_gateway) {
        // A gateway is a neighbour: some route must reach it without another gateway.
        if (added.gateway.is_v4() != added.destination.address.is_v4() ||
            added.gateway.is_multicast() || rooms.addresses.is_own(added.gateway)) {
            return std::unexpected{Errc::InvalidArgument};
        }
        if (added.gateway.needs_zone() && added.interface == 0) {
            return std::unexpected{Errc::InvalidArgument};
        }
        const Route* direct = rooms.routes.find(added.gateway, added.interface);
        if (direct == nullptr || !direct->gateway.is_any()) {
            return std::unexpected{Errc::NetworkUnreachable};
        }
        added.interface = direct->interface;
        added.gateway = added.gateway.with_zone(0);
    }
    if (!rooms.interfaces.has(added.interface)) return std::unexpected{Errc::NoSuchDevice};
    // Kept once for all routes that say the same, for as long as the network is there.
    const bool is_known = std::ranges::find(rooms.hints, added.hints) != rooms.hints.end();
    if (!is_known && rooms.hints.size() == kMostHints) return std::unexpected{Errc::NoBuffers};
    const Result<void> done = rooms.routes.add(added);
    if (!done) return done;
    if (!is_known) rooms.hints.push_back(added.hints);
    ++rooms.generation;
    return {};
}

// Linux: the unspecified address is this host; the rest of 127/8 is reached from 127.0.0.1.
SourcedPath Network::Rooms::path_to_self(SourcedPath path, const IpAddress& named) const {
    const OwnAddress* own = addresses.find(named);
    path.interface = kLoopbackInterface;
    path.is_loopback = true;
    path.mtu = interfaces.at(kLoopbackInterface).mtu();
    if (path.source.is_any()) {
        path.source = own != nullptr ? own->address : IpAddress::loopback(named.family());
    }
    return path;
}

Result<SourcedPath> Network::Rooms::choose_source(SourcedPath path, const IpAddress& named) const {
    const auto chosen = named.is_v4()
                            ? choose_source_v4(addresses.all(), path.next_hop, path.interface)
                            : choose_source_v6(addresses.all(), named, path.interface, now);
    if (!chosen && !named.is_v4()) return std::unexpected{Errc::AddressNotAvailable};
    path.source = chosen.value_or(IpAddress::any(Family::Inet));
    return path;
}

Result<SourcedPath> Network::Rooms::find_path(const IpAddress& destination, const IpAddress& source,
                                              InterfaceIndex interface) {
    const SourcedPath* known = paths.find(destination, source, interface, generation);
    if (known != nullptr) return *known;
    Result<SourcedPath> path = look_up_path(destination, source, interface);
    // The choice of an IPv6 source depends on the hour: addresses stop being preferred.
    const bool is_lasting = destination.is_v4() || !source.is_any();
    if (path && is_lasting) {
        if (!path->is_loopback && !path->is_group) {
            path->neighbour = neighbours.hint_of({path->next_hop, path->interface});
        }
        // Without a neighbour yet it is looked up once more, to be kept with it.
        if (path->neighbour != 0 || path->is_loopback) {
            paths.keep(destination, source, interface, *path);
        }
    }
    return path;
}

Result<SourcedPath> Network::Rooms::look_up_path(const IpAddress& destination,
                                                 const IpAddress& source,
                                                 InterfaceIndex interface) const {
    if (destination.needs_zone()) {
        if (interface == 0) interface = destination.zone();
        if (destination.zone() != 0 && destination.zone() != interface) {
            return std::unexpected{Errc::InvalidArgument};
        }
    }
    if (interface != 0 && !interfaces.has(interface)) return std::unexpected{Errc::NoSuchDevice};
    // A source that a socket is bound to, of the other family: Linux's answers for each way round.
    if (!source.is_any() && source.is_v4() != destination.is_v4()) {
        return std::unexpected{source.is_v4() ? Errc::FamilyNotSupported
                                              : Errc::NetworkUnreachable};
    }
    const IpAddress named =
        destination.needs_zone() ? destination.with_zone(interface) : destination;

    SourcedPath path{{.next_hop = destination.with_zone(0), .generation = generation}, source};
    if (named.is_any() || addresses.is_own(named)) return path_to_self(path, named);

    const bool is_broadcast = addresses.is_broadcast(destination, interface);
    path.is_group = is_broadcast || destination.is_multicast();
    if (is_broadcast) path.next_hop = kEverybody;

    const Route* route = routes.find(destination, interface);
    if (route == nullptr) {
        // Linux takes the word of who names the interface: the destination is on its link.
        if (interface == 0) return std::unexpected{Errc::NetworkUnreachable};
        path.interface = interface;
        path.mtu = interfaces.at(interface).mtu();
    } else {
        follow(*route, interfaces.at(route->interface).mtu(), path);
        path.hints =
            static_cast<std::uint8_t>(std::ranges::find(hints, route->hints) - hints.begin());
    }
    if (!interfaces.at(path.interface).is_up()) return std::unexpected{Errc::NetworkDown};
    if (const std::uint32_t known = path_mtus.find(named); known != 0 && !path.is_mtu_locked) {
        path.mtu = std::min(path.mtu, known);
    }
    path.mtu = std::max(path.mtu, kLeastMtu);
    return path.source.is_any() ? choose_source(path, named) : path;
}

}  // namespace fairlead::ip
