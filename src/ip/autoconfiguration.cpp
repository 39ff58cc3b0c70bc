// Addresses given and taken: by hand, by the interface's own station, by a router's word.
#include <algorithm>

#include "ip/rooms.hpp"
#include "ip/source_address.hpp"
#include "wire/nd.hpp"

namespace fairlead::ip {
namespace {

constexpr std::uint8_t kInterfaceIdBits = 64;
constexpr std::uint32_t kMetric = 256;         // Linux's for what the kernel adds under IPv6
constexpr std::uint32_t kRouterMetric = 1024;  // and for what a router says
constexpr std::ptrdiff_t kMaxAutomatic = 16;   // Linux's max_addresses

// RFC 4291, appendix A: the modified EUI-64 of a station.
IpAddress with_interface_id(const IpAddress& prefix, const MacAddress& mac) {
    std::array<std::uint8_t, 16> bytes = prefix.bytes();
    const std::array<std::uint8_t, 8> id{
        static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
    std::ranges::copy(id, bytes.begin() + 8);
    return IpAddress::v6(bytes);
}

IpAddress network_of(const Prefix& prefix) {
    std::array<std::uint8_t, 16> bytes = prefix.address.bytes();
    const std::size_t length = prefix.length + (prefix.address.is_v4() ? std::size_t{96} : 0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t kept = length > i * 8 ? std::min<std::size_t>(length - i * 8, 8) : 0;
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & ~(0xffu >> kept));
    }
    return IpAddress::v6(bytes);
}

Route route_to_subnet(const OwnAddress& a) {
    const bool is_v4 = a.address.is_v4();
    return {.destination = {.address = network_of(a.prefix()), .length = a.prefix_length},
            .gateway = IpAddress::any(a.address.family()),
            .interface = a.interface,
            .metric = is_v4 ? 0 : kMetric,
            .source = is_v4 ? a.address : IpAddress{}};
}

bool has_subnet_route(const OwnAddress& a) {
    return a.interface != kLoopbackInterface && a.prefix_length < (a.address.is_v4() ? 32 : 128);
}

Instant after(Instant now, std::uint32_t seconds) {
    return seconds == UINT32_MAX ? Instant::never() : now + Duration::from_s(seconds);
}

}  // namespace

Result<void> Network::Rooms::add_address(OwnAddress address) {
    // Asked at the next expire(): that is when the time is known.
    address.is_unprobed = !address.address.is_v4() && config.ip6_dad_transmits != 0 &&
                          interfaces.at(address.interface).link() == LinkKind::Ethernet;
    if (const auto done = addresses.add(address); !done) return done;
    ++generation;
    if (has_subnet_route(address)) {
        const Route route = route_to_subnet(address);
        if (routes.find_exact(route.destination, route.interface) == nullptr) {
            if (const auto done = routes.add_connected(route); !done) return done;
        }
    }
    return {};
}

Result<void> Network::Rooms::remove_address(InterfaceIndex interface, const IpAddress& address) {
    const auto removed = addresses.remove(interface, address);
    if (!removed) return std::unexpected{Errc::AddressNotAvailable};
    ++generation;
    if (!has_subnet_route(*removed)) return {};
    // The subnet's route goes with its last address; else it speaks for the next one.
    const Route route = route_to_subnet(*removed);
    const auto heir = std::ranges::find_if(addresses.all(), [&](const OwnAddress& a) {
        return a.interface == interface && a.prefix_length == removed->prefix_length &&
               a.prefix().contains(removed->address);
    });
    if (heir == addresses.all().end()) {
        // A route of that name may be gone already, taken away by hand.
        (void)routes.remove(route.destination, interface, route.gateway);
    } else if (Route* kept = routes.find_exact(route.destination, interface);
               kept != nullptr && kept->source == address) {
        kept->source = heir->address;
    }
    return {};
}

void Network::Rooms::make_link_local(const link::Interface& in) {
    if (in.link() != LinkKind::Ethernet || in.mac() == MacAddress{}) return;
    const IpAddress prefix = IpAddress::v6({0xfe, 0x80});
    const auto done = add_address({
        .address = with_interface_id(prefix, in.mac()).with_zone(in.index()),
        .prefix_length = kInterfaceIdBits,
        .interface = in.index(),
    });
    if (done && config.ip6_accept_ra != 0) routers.search(in.index(), now);
}

// RFC 4862 §5.4, with the optimism of RFC 4429: the address is used while the answer is awaited.
void Network::Rooms::probe_for_duplicate(OwnAddress& own) {
    own.is_unprobed = false;
    link::Interface& out = interfaces.at(own.interface);
    if (!out.is_up()) return;
    own.probed_until = now + Duration::from_ms(config.neigh_retrans_time_ms);
    const IpAddress target = own.address.with_zone(0);
    const IpAddress group = wire::solicited_node(target);
    PacketPtr packet =
        link::nd_packet(pool, wire::NeighborSolicitation{.target = target}, IpAddress{}, group);
    if (packet == nullptr) return counters.add(Counter::Icmp6OutErrors);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(Counter::Icmp6OutNeighborSolicits);
    count_direct(*packet, group);
    put_on_link(std::move(packet), out, wire::multicast_mac(group));
}

// Somebody has the address: it is theirs if they say so while we ask; later only a nuisance.
void Network::Rooms::on_duplicate(InterfaceIndex interface, const IpAddress& address) {
    const IpAddress named = address.needs_zone() ? address.with_zone(interface) : address;
    const OwnAddress* own = addresses.find(interface, named);
    if (own != nullptr && now < own->probed_until) (void)remove_address(interface, named);
}

void Network::Rooms::on_router_advertisement(const wire::RouterAdvertisement& message,
                                             const IpAddress& router, const link::Interface& in) {
    if (config.ip6_accept_ra == 0 || (config.ip6_accept_ra == 1 && config.ip_forward != 0)) return;
    routers.end_search(in.index());
    const Route way{.destination = {.address = IpAddress{}, .length = 0},
                    .gateway = router.with_zone(0),
                    .interface = in.index(),
                    .metric = kRouterMetric};
    if (message.lifetime_s == 0) {
        if (routers.forget(router)) take_back(way);
    } else if (routers.learn({.address = router, .until = after(now, message.lifetime_s)})) {
        if (routes.add(way)) ++generation;
    }
    for (const wire::PrefixInformation& prefix : message.options.prefixes()) {
        if (prefix.autonomous) on_prefix(prefix, in);
    }
}

void Network::Rooms::take_back(const Route& way) {
    if (routes.remove(way.destination, way.interface, way.gateway)) ++generation;
}

// RFC 4862 §5.5.3.
void Network::Rooms::on_prefix(const wire::PrefixInformation& prefix, const link::Interface& in) {
    if (prefix.prefix.address.is_link_local() || prefix.prefix.address.is_multicast() ||
        prefix.preferred_s > prefix.valid_s || prefix.prefix.length + kInterfaceIdBits != 128) {
        return;
    }
    const IpAddress address = with_interface_id(prefix.prefix.address, in.mac());
    OwnAddress* own = addresses.find(in.index(), address);
    if (own == nullptr) {
        const auto automatic = std::ranges::count_if(
            addresses.all(), [&](const OwnAddress& a) { return a.is_automatic; });
        if (prefix.valid_s == 0 || automatic >= kMaxAutomatic) return;
        const bool is_on_link = prefix.on_link;
        (void)add_address({
            .address = address,
            .prefix_length = static_cast<std::uint8_t>(is_on_link ? kInterfaceIdBits : 128),
            .interface = in.index(),
            .is_automatic = true,
            .preferred_until = after(now, prefix.preferred_s),
            .valid_until = after(now, prefix.valid_s),
        });
        return;
    }
    if (!own->is_automatic) return;
    // (e): nobody on the link can end an address's life within two hours by saying so.
    const Instant wanted = after(now, prefix.valid_s);
    const Instant soon = now + Duration::from_s(7200);
    own->preferred_until = after(now, prefix.preferred_s);
    if (wanted > soon || wanted > own->valid_until) {
        own->valid_until = wanted;
    } else if (own->valid_until > soon) {
        own->valid_until = soon;
    }
}

void Network::Rooms::solicit_router(link::Interface& out) {
    const IpAddress all_routers =
        IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
    const auto source =
        choose_source_v6(addresses.all(), all_routers.with_zone(out.index()), out.index(), now);
    if (!source || !out.is_up()) return;
    PacketPtr packet =
        link::nd_packet(pool, wire::RouterSolicitation{.options = {.source_mac = out.mac()}},
                        source->with_zone(0), all_routers);
    if (packet == nullptr) return counters.add(Counter::Icmp6OutErrors);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(Counter::Icmp6OutRouterSolicits);
    count_direct(*packet, all_routers);
    put_on_link(std::move(packet), out, wire::multicast_mac(all_routers));
}

void Network::Rooms::expire_addresses() {
    while (OwnAddress* own = addresses.next_unprobed()) probe_for_duplicate(*own);
    while (const auto interface = routers.next_solicitation(now)) {
        solicit_router(interfaces.at(*interface));
    }
    while (const auto router = routers.expire(now)) {
        take_back({.destination = {.address = IpAddress{}, .length = 0},
                   .gateway = router->address.with_zone(0),
                   .interface = router->address.zone()});
    }
    while (addresses.next_deadline() <= now) {
        const auto gone = std::ranges::find_if(
            addresses.all(), [&](const OwnAddress& a) { return a.valid_until <= now; });
        (void)remove_address(gone->interface, gone->address);
    }
}

}  // namespace fairlead::ip
