// Down, IPv4: the header before a transport's packet, or before each of its fragments.
#include <algorithm>

#include "base/assert.hpp"
#include "ip/fragment.hpp"
#include "ip/output_size.hpp"
#include "ip/rooms.hpp"
#include "link/segmentation.hpp"

namespace fairlead::ip {
namespace {

wire::Ipv4Header header_for(const Outgoing& outgoing, std::size_t header_bytes,
                            std::size_t payload_bytes, const Config& config) {
    // RFC 1112 §6.1: what is sent to a group stays on the link unless somebody says otherwise.
    const std::int64_t ttl = outgoing.destination.is_multicast() ? 1 : config.ip_default_ttl;
    return {
        .header_bytes = static_cast<std::uint8_t>(header_bytes),
        .traffic_class = outgoing.tos,
        .total_bytes = static_cast<std::uint16_t>(header_bytes + payload_bytes),
        .dont_fragment = outgoing.dont_fragment,
        .ttl = outgoing.ttl != 0 ? outgoing.ttl : static_cast<std::uint8_t>(ttl),
        .protocol = static_cast<wire::IpProtocol>(outgoing.protocol),
        .source = outgoing.source,
        .target = outgoing.destination,
    };
}

}  // namespace

inline Result<void> Network::Rooms::send_v4(PacketPtr&& packet, const Outgoing& outgoing,
                                            Bytes options, const Path& path) {
    const std::size_t header_bytes = wire::Ipv4Header::kMinBytes + options.size();
    packet->mark_transport(0);
    if (packet->size() + header_bytes > UINT16_MAX) return std::unexpected{Errc::MessageTooLong};
    if (largest_segment(*packet) + header_bytes > path.mtu) {
        if (!outgoing.dont_fragment && packet->meta.gso == GsoType::None) {
            const bool is_partial = packet->meta.checksum == ChecksumState::Partial;
            if (is_partial && !link::complete_checksum(*packet)) {
                return std::unexpected{Errc::NoBuffers};
            }
            return fragment_v4(*packet, outgoing, path);
        }
        counters.add(Counter::IpFragFails);
        return std::unexpected{Errc::MessageTooLong};
    }
    wire::Ipv4Header header = header_for(outgoing, header_bytes, packet->size(), config);
    header.id = static_cast<std::uint16_t>(
        ids.take(outgoing.source, outgoing.destination, packet->meta.gso_segments));
    wire::write_ipv4(packet->push_front(header_bytes), header, options);
    counters.add(Counter::IpOutRequests);
    return transmit(std::move(packet), outgoing.source, path);
}

// Compiled twice: without options, as nearly always, all of the header's size is known beforehand.
Result<void> Network::Rooms::send_v4(PacketPtr&& packet, const Outgoing& outgoing,
                                     const Path& path) {
    if (outgoing.options.empty()) return send_v4(std::move(packet), outgoing, Bytes{}, path);
    return send_v4(std::move(packet), outgoing, outgoing.options, path);
}

Result<void> Network::Rooms::fragment_v4(const Packet& packet, const Outgoing& outgoing,
                                         const Path& path) {
    const std::size_t header_bytes = wire::Ipv4Header::kMinBytes + outgoing.options.size();
    const std::size_t most = fragment_payload(path.mtu, header_bytes);
    const auto id = static_cast<std::uint16_t>(ids.take(outgoing.source, outgoing.destination, 1));
    counters.add(Counter::IpOutRequests);
    for (std::size_t from = 0; from < packet.size(); from += most) {
        const std::size_t bytes = std::min(most, packet.size() - from);
        PacketPtr part = part_of(packet, from, bytes, pool);
        if (part == nullptr) {
            counters.add(Counter::IpFragFails);
            return std::unexpected{Errc::NoBuffers};
        }
        wire::Ipv4Header header = header_for(outgoing, header_bytes, bytes, config);
        header.id = id;
        header.fragment_offset = static_cast<std::uint16_t>(from);
        header.more_fragments = from + bytes < packet.size();
        wire::write_ipv4(part->push_front(header_bytes), header, outgoing.options);
        counters.add(Counter::IpFragCreates);
        if (const auto sent = transmit(std::move(part), outgoing.source, path); !sent) return sent;
    }
    counters.add(Counter::IpFragOKs);
    return {};
}

void Network::Rooms::count_direct(const Packet& packet, const IpAddress& destination) {
    counters.add(Counter::Ip6OutRequests);
    counters.add(Counter::Ip6OutOctets, packet.size());
    counters.add(Counter::Ip6OutTransmits);
    count_for_group(packet, destination);
}

void Network::Rooms::count_for_group(const Packet& packet, const IpAddress& destination) {
    if (!destination.is_v4()) {
        if (!destination.is_multicast()) return;
        counters.add(Counter::Ip6OutMcastPkts);
        counters.add(Counter::Ip6OutMcastOctets, packet.size());
    } else if (destination.is_multicast()) {
        counters.add(Counter::IpExtOutMcastPkts);
        counters.add(Counter::IpExtOutMcastOctets, packet.size());
    } else {
        counters.add(Counter::IpExtOutBcastPkts);
        counters.add(Counter::IpExtOutBcastOctets, packet.size());
    }
}

Result<void> Network::Rooms::transmit_aside(PacketPtr&& packet, const Path& path) {
    if (path.is_group) count_for_group(*packet, path.next_hop);
    link::Interface& out = interfaces.at(path.interface);
    if (out.link() == LinkKind::Ip) {
        out.transmit(std::move(packet), now);
        return {};
    }
    const auto station = link::group_station(path.next_hop);
    FAIRLEAD_ASSERT(station.has_value());
    put_on_link(std::move(packet), out, *station);
    return {};
}

Result<void> Network::Rooms::look_up_and_transmit(PacketPtr&& packet, const link::NeighbourKey& key,
                                                  const IpAddress& source, const Path& path) {
    const link::NeighbourOutput to = neighbours.output(path.neighbour, key, packet, now);
    switch (to.verdict) {
        case link::NeighbourVerdict::Ready:
            put_on_link(std::move(packet), interfaces.at(key.interface), to.mac);
            break;
        case link::NeighbourVerdict::Waiting: break;
        case link::NeighbourVerdict::Ask: solicit(key, std::nullopt, source); break;
        case link::NeighbourVerdict::NoRoom:
            counters.add(key.address.is_v4() ? Counter::IpOutDiscards : Counter::Ip6OutDiscards);
            return std::unexpected{Errc::NoBuffers};
    }
    return {};
}

void Network::Rooms::send_own(PacketPtr packet, Outgoing outgoing, InterfaceIndex interface) {
    const auto path = find_path(outgoing.destination, outgoing.source, interface);
    if (!path) {
        counters.add(outgoing.destination.is_v4() ? Counter::IpOutNoRoutes
                                                  : Counter::Ip6OutNoRoutes);
        return;
    }
    outgoing.source = path->source;
    const auto sent = outgoing.destination.is_v4() ? send_v4(std::move(packet), outgoing, *path)
                                                   : send_v6(std::move(packet), outgoing, *path);
    if (!sent) {
        counters.add(outgoing.destination.is_v4() ? Counter::IpOutDiscards
                                                  : Counter::Ip6OutDiscards);
    }
}

}  // namespace fairlead::ip
