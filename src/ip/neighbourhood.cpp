// Who has an address on the link: ARP and Neighbour Discovery heard, asked and answered, and the
// packets that wait for them.
#include <algorithm>

#include "ip/icmp_quote.hpp"
#include "ip/rooms.hpp"
#include "ip/sent_frames.hpp"
#include "ip/source_address.hpp"
#include "wire/arp.hpp"
#include "wire/nd.hpp"
#include "wire/quoted.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kLongestNd = Packet::kRoom;

bool begins_v6(const Packet& packet) {
    return (packet.front()[0] & std::byte{0xf0}) == std::byte{0x60};
}

// The source of a packet that begins at its IP header.
IpAddress source_of(const Packet& packet) {
    return begins_v6(packet) ? wire::load_v6(packet.front(), 8) : wire::load_v4(packet.front(), 12);
}

}  // namespace

void Network::Rooms::transmit_waiting(PacketQueue packets, link::Interface& out,
                                      const MacAddress& station) {
    while (PacketPtr packet = packets.pop_front()) {
        const std::uint64_t cookie = packet->meta.cookie;
        if (cookie == 0) {
            put_on_link(std::move(packet), out, station);
            continue;
        }
        const bool is_large = packet->meta.gso != GsoType::None;
        const SentFrames frames{out, false, packet->meta.gso_segments, now};
        put_on_link(std::move(packet), out, station);
        departed->push_back(frames.look(is_large));
        departed->back().cookie = cookie;
    }
}

void Network::Rooms::input_arp(PacketPtr packet, link::Interface& in, link::FrameTarget target) {
    packet->pull(std::min(packet->size(), wire::ArpPacket::kBytes));
    const auto arp = wire::parse_arp(packet->front());
    if (!arp) return counters.add(Counter::ArpInErrors);
    const auto is_ours = [&](const IpAddress& a) {
        return addresses.is_own(a) && !a.is_loopback();
    };
    const link::ArpContext context{.interface = in.index(),
                                   .mac = in.mac(),
                                   .frame_target = target,
                                   .is_target_ours = is_ours(arp->target),
                                   .is_sender_ours = is_ours(arp->sender)};
    link::ArpOutcome outcome = link::arp_input(neighbours, *arp, context, now);
    if (outcome.kind == link::ArpOutcome::Kind::Bad) return counters.add(Counter::ArpInErrors);
    if (outcome.reply) {
        PacketPtr frame = link::arp_frame(pool, *outcome.reply, outcome.reply->target_mac);
        if (frame != nullptr) in.transmit(std::move(frame), now);
    }
    transmit_waiting(std::move(outcome.ready), in, arp->sender_mac);
}

bool Network::Rooms::input_nd(Packet& message, const wire::Icmpv6Header& icmp,
                              const wire::Ipv6Header& header, const Arrival& arrival) {
    using wire::Icmpv6Type;
    if (icmp.type < Icmpv6Type::RouterSolicitation || icmp.type > Icmpv6Type::Redirect) {
        return false;
    }
    link::Interface& in = interfaces.at(arrival.interface);
    // Without stations there are no neighbours; a redirect is not believed.
    if (in.link() == LinkKind::Ip || icmp.type == Icmpv6Type::Redirect) return true;
    message.pull(std::min(message.size(), kLongestNd));
    const Bytes bytes = message.front();
    link::NdContext context{.interface = arrival.interface,
                            .mac = in.mac(),
                            .source = header.source.with_zone(0),
                            .destination = header.target.with_zone(0),
                            .hop_limit = header.hop_limit};
    const auto take = [&](const auto& parsed) {
        if (parsed) return act_on(link::nd_input(neighbours, *parsed, context, now), in);
        counters.add(Counter::Icmp6InErrors);
        return false;
    };
    const auto is_ours = [&](const IpAddress& target) {
        const IpAddress named = target.needs_zone() ? target.with_zone(arrival.interface) : target;
        return addresses.find(named) != nullptr && !target.is_loopback();
    };
    if (icmp.type == Icmpv6Type::NeighborSolicitation) {
        const auto parsed = wire::parse_neighbor_solicitation(bytes);
        context.is_target_ours = parsed && is_ours(parsed->target);
        take(parsed);
    } else if (icmp.type == Icmpv6Type::NeighborAdvertisement) {
        const auto parsed = wire::parse_neighbor_advertisement(bytes);
        context.is_target_ours = parsed && is_ours(parsed->target);
        if (take(parsed) && context.is_target_ours) on_duplicate(arrival.interface, parsed->target);
    } else if (icmp.type == Icmpv6Type::RouterSolicitation) {
        take(wire::parse_router_solicitation(bytes));
    } else {
        const auto parsed = wire::parse_router_advertisement(bytes);
        if (take(parsed)) on_router_advertisement(*parsed, header.source, in);
    }
    return true;
}

bool Network::Rooms::act_on(link::NdOutcome outcome, link::Interface& in) {
    if (outcome.kind == link::NdOutcome::Kind::Bad) {
        counters.add(Counter::Icmp6InErrors);
        return false;
    }
    transmit_waiting(std::move(outcome.ready), in, outcome.ready_station);
    if (outcome.reply) answer_solicitation(*outcome.reply, in);
    return true;
}

void Network::Rooms::answer_solicitation(const link::NdReply& reply, link::Interface& in) {
    PacketPtr packet = link::nd_packet(pool, reply.message, reply.source, reply.destination);
    if (packet == nullptr) return counters.add(Counter::Icmp6OutErrors);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(Counter::Icmp6OutNeighborAdvertisements);
    if (reply.station) {
        count_direct(*packet, reply.destination);
        return put_on_link(std::move(packet), in, *reply.station);
    }
    counters.add(Counter::Ip6OutRequests);
    const Path path{.next_hop = reply.destination,
                    .interface = in.index(),
                    .mtu = in.mtu(),
                    .is_group = reply.destination.is_multicast()};
    if (!transmit(std::move(packet), reply.source, path)) counters.add(Counter::Ip6OutDiscards);
}

void Network::Rooms::solicit(const link::NeighbourKey& key,
                             const std::optional<MacAddress>& station, const IpAddress& source) {
    link::Interface& out = interfaces.at(key.interface);
    if (key.address.is_v4()) {
        // The packet's own source, unless it may not be said on this link (arp_announce = 0).
        const bool is_good = !source.is_any() && !source.is_loopback() && addresses.is_own(source);
        const IpAddress from = is_good
                                   ? source
                                   : choose_source_v4(addresses.all(), key.address, key.interface)
                                         .value_or(IpAddress::any(Family::Inet));
        PacketPtr frame = link::arp_frame(pool, link::arp_request(out.mac(), from, key.address),
                                          station.value_or(wire::kBroadcastMac));
        if (frame != nullptr) out.transmit(std::move(frame), now);
        return;
    }
    const IpAddress named = source.is_link_local() ? source.with_zone(key.interface) : source;
    const OwnAddress* own = addresses.find(named);
    const IpAddress target =
        key.address.needs_zone() ? key.address.with_zone(key.interface) : key.address;
    const auto chosen =
        own != nullptr && own->interface == key.interface ? std::optional{own->address}
                                                          : choose_source_v6(addresses.all(),
                                                                             target, key.interface,
                                                                             now);
    if (!chosen) return counters.add(Counter::Icmp6OutErrors);
    const wire::NeighborSolicitation message{.target = key.address,
                                             .options = {.source_mac = out.mac()}};
    const IpAddress destination = station ? key.address : wire::solicited_node(key.address);
    PacketPtr packet = link::nd_packet(pool, message, chosen->with_zone(0), destination);
    if (packet == nullptr) return counters.add(Counter::Icmp6OutErrors);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(Counter::Icmp6OutNeighborSolicits);
    count_direct(*packet, destination);
    put_on_link(std::move(packet), out, station.value_or(wire::multicast_mac(destination)));
}

// What nobody took: as if a router had said that the host is unreachable.
void Network::Rooms::report_unreachable(PacketQueue packets, InterfaceIndex interface) {
    while (const PacketPtr packet = packets.pop_front()) {
        packet->pull(std::min(packet->size(), Packet::kRoom));
        const bool is_v6 = begins_v6(*packet);
        const auto quoted =
            is_v6 ? wire::parse_quoted_v6(packet->front()) : wire::parse_quoted_v4(packet->front());
        if (!quoted) continue;
        IcmpError error = error_about(*quoted, *packet, interface);
        error.error = Errc::HostUnreachable;
        error.type = is_v6 ? static_cast<std::uint8_t>(wire::Icmpv6Type::Unreachable)
                           : static_cast<std::uint8_t>(wire::IcmpType::Unreachable);
        error.code = is_v6 ? static_cast<std::uint8_t>(wire::Unreachable6Code::Address)
                           : static_cast<std::uint8_t>(wire::UnreachableCode::Host);
        error.offender = error.source;
        errors.push_back(std::move(error));
    }
}

void Network::Rooms::expire_neighbours() {
    while (auto event = neighbours.expire(now)) {
        if (event->kind == link::NeighbourEvent::Kind::Failed) {
            report_unreachable(std::move(event->packets), event->key.interface);
            continue;
        }
        const IpAddress source =
            event->waiting != nullptr ? source_of(*event->waiting) : IpAddress{};
        solicit(event->key, event->station, source);
    }
}

void Network::Rooms::expire_fragments() {
    while (auto expired = fragments.expire(now)) {
        const bool is_v4 = expired->key.source.is_v4();
        counters.add(is_v4 ? Counter::IpReasmTimeout : Counter::Ip6ReasmTimeout);
        counters.add(is_v4 ? Counter::IpReasmFails : Counter::Ip6ReasmFails);
        if (expired->first == nullptr) continue;
        const Packet& first = *expired->first;
        const InterfaceIndex interface = first.meta.interface;
        const Arrival arrival{.interface = interface,
                              .is_unicast = addresses.is_own(expired->key.destination)};
        if (is_v4) {
            const auto header = wire::parse_quoted_ipv4(first.front());
            if (!header) continue;
            send_error_v4(first, *header,
                          wire::icmp_time_exceeded(wire::TimeExceededCode::Reassembly), arrival);
        } else {
            auto header = wire::parse_ipv6(first.front(), SIZE_MAX);
            if (!header) continue;
            header->source = expired->key.source;
            header->target = expired->key.destination;
            send_error_v6(first, *header,
                          wire::icmpv6_time_exceeded(wire::TimeExceeded6Code::Reassembly), arrival);
        }
    }
}

}  // namespace fairlead::ip
