#include "link/nd.hpp"

#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::link {
namespace {

constexpr std::uint8_t kHopLimit = 255;  // RFC 4861 §3.1: nothing from behind a router
constexpr IpAddress kAllNodes =
    IpAddress::v6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

NdOutcome bad() {
    NdOutcome outcome;
    outcome.kind = NdOutcome::Kind::Bad;
    return outcome;
}

bool is_group_station(const std::optional<MacAddress>& mac) { return mac && wire::is_group(*mac); }

// Whoever sends us something tells its station by the way: RFC 4861 §7.2.3, §6.2.6, §6.3.4.
NdOutcome learn_source(NeighbourTable& table, const NdContext& context, const NeighbourNews& news,
                       Instant now) {
    NdOutcome outcome;
    if (!news.mac) return outcome;
    outcome.ready = table.learn({context.source, context.interface}, news, now);
    outcome.ready_station = *news.mac;
    return outcome;
}

template <typename Message>
PacketPtr packet_of(PacketPool& pool, const Message& message, const IpAddress& source,
                    const IpAddress& destination) {
    PacketPtr packet = pool.packet();
    if (packet == nullptr) return nullptr;
    const std::size_t bytes = wire::nd_bytes(message);
    const MutableBytes icmp = packet->push_front(bytes);
    wire::write_nd(icmp, message);
    wire::PartialSum sum = wire::pseudo_header(source, destination, wire::IpProtocol::Icmpv6,
                                               static_cast<std::uint32_t>(bytes));
    sum.add(icmp);
    store_be(icmp, wire::Icmpv6Header::kChecksumAt, sum.checksum());
    packet->mark_transport(0);
    wire::write_ipv6(packet->push_front(wire::Ipv6Header::kBytes),
                     {.payload_bytes = static_cast<std::uint16_t>(bytes),
                      .next_header = wire::IpProtocol::Icmpv6,
                      .hop_limit = kHopLimit,
                      .source = source,
                      .target = destination});
    packet->mark_network(0);
    return packet;
}

// RFC 4861 §7.2.4.
NdReply answer_to(const wire::NeighborSolicitation& message, const NdContext& context) {
    NdReply reply;
    const bool is_probe = context.source.is_any();
    reply.message.target = message.target;
    reply.message.is_router = context.are_we_router;
    reply.message.is_solicited = !is_probe;
    reply.message.overrides = true;
    reply.message.options.target_mac = context.mac;
    reply.source = message.target;
    reply.destination = is_probe ? kAllNodes : context.source;
    reply.station = is_probe ? wire::multicast_mac(kAllNodes) : message.options.source_mac;
    return reply;
}

}  // namespace

NdOutcome nd_input(NeighbourTable& table, const wire::NeighborSolicitation& message,
                   const NdContext& context, Instant now) {
    const bool is_probe = context.source.is_any();
    const auto& station = message.options.source_mac;
    // RFC 4861 §7.1.1.
    if (context.hop_limit != kHopLimit || is_group_station(station)) return bad();
    if (is_probe &&
        (station || context.destination.bytes() != wire::solicited_node(message.target).bytes())) {
        return bad();
    }
    if (!context.is_target_ours) return {};
    NdOutcome outcome;
    if (!is_probe) {
        outcome = learn_source(table, context,
                               {.mac = station, .may_create = true, .may_override = true}, now);
    }
    outcome.reply = answer_to(message, context);
    return outcome;
}

NdOutcome nd_input(NeighbourTable& table, const wire::NeighborAdvertisement& message,
                   const NdContext& context, Instant now) {
    const auto& station = message.options.target_mac;
    // RFC 4861 §7.1.2.
    if (context.hop_limit != kHopLimit || is_group_station(station)) return bad();
    if (context.destination.is_multicast() && message.is_solicited) return bad();
    NdOutcome outcome;
    if (context.is_target_ours) {
        if (station != context.mac) outcome.kind = NdOutcome::Kind::Conflict;
        return outcome;
    }
    const NeighbourKey key{message.target, context.interface};
    const auto known = table.find(key);
    if (!known || known->state == NeighbourState::Failed) return outcome;
    outcome.ready = table.learn(key,
                                {.mac = station,
                                 .is_confirmation = message.is_solicited,
                                 .may_override = message.overrides,
                                 .may_weaken = true,
                                 .is_router = message.is_router},
                                now);
    outcome.ready_station = station.value_or(known->mac);
    return outcome;
}

NdOutcome nd_input(NeighbourTable& table, const wire::RouterSolicitation& message,
                   const NdContext& context, Instant now) {
    const auto& station = message.options.source_mac;
    // RFC 4861 §6.1.1.
    if (context.hop_limit != kHopLimit || is_group_station(station)) return bad();
    if (context.source.is_any()) return station ? bad() : NdOutcome{};
    return learn_source(
        table, context,
        {.mac = station, .may_create = true, .may_override = true, .is_router = false}, now);
}

NdOutcome nd_input(NeighbourTable& table, const wire::RouterAdvertisement& message,
                   const NdContext& context, Instant now) {
    const auto& station = message.options.source_mac;
    // RFC 4861 §6.1.2.
    if (context.hop_limit != kHopLimit || is_group_station(station)) return bad();
    if (context.source.is_v4() || !context.source.is_link_local()) return bad();
    return learn_source(
        table, context,
        {.mac = station, .may_create = true, .may_override = true, .is_router = true}, now);
}

PacketPtr nd_packet(PacketPool& pool, const wire::NeighborSolicitation& message,
                    const IpAddress& source, const IpAddress& destination) {
    return packet_of(pool, message, source, destination);
}

PacketPtr nd_packet(PacketPool& pool, const wire::NeighborAdvertisement& message,
                    const IpAddress& source, const IpAddress& destination) {
    return packet_of(pool, message, source, destination);
}

PacketPtr nd_packet(PacketPool& pool, const wire::RouterSolicitation& message,
                    const IpAddress& source, const IpAddress& destination) {
    return packet_of(pool, message, source, destination);
}

}  // namespace fairlead::link
