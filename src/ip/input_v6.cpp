// Up, IPv6: from a link to a transport, or to a counter.
//
// In Linux's order (ip6_rcv_core, ip6_route_input, ip6_protocol_deliver_rcu): the header, the
// addresses, the extension headers, fragments, the protocol.
#include <algorithm>

#include "ip/rooms.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kHeader = wire::Ipv6Header::kBytes;
constexpr std::uint8_t kInterfaceLocalScope = 1;

void count_arrival(Counters& counters, const wire::Ipv6Header& header, const Packet& packet) {
    static constexpr Counter kByEcn[] = {Counter::Ip6InNoECTPkts, Counter::Ip6InECT1Pkts,
                                         Counter::Ip6InECT0Pkts, Counter::Ip6InCEPkts};
    counters.add(kByEcn[header.traffic_class & 3], packet.meta.gso_segments);
}

// RFC 4291 §2.5.2, §2.5.3, §2.7: what must not come from a link.
bool has_bad_address(const wire::Ipv6Header& header, InterfaceIndex interface) {
    if (header.source.is_multicast() || header.target.is_any()) return true;
    if (interface == kLoopbackInterface) return false;
    if (header.source.is_loopback() || header.target.is_loopback()) return true;
    return header.target.is_multicast() &&
           (header.target.bytes()[1] & 0x0f) <= kInterfaceLocalScope;
}

constexpr bool is_plain(wire::IpProtocol p) {
    return p == wire::IpProtocol::Tcp || p == wire::IpProtocol::Udp ||
           p == wire::IpProtocol::Icmpv6;
}

void name_zones(wire::Ipv6Header& header, InterfaceIndex zone) {
    if (header.source.needs_zone()) header.source = header.source.with_zone(zone);
    if (header.target.needs_zone()) header.target = header.target.with_zone(zone);
}

struct ProblemReport {
    wire::Parameter6Code code{};
    bool even_to_groups = false;
};

// RFC 8200 §4.2 to §4.5: which faults the sender is told of.
std::optional<ProblemReport> report_of(wire::ExtensionFault fault) {
    using wire::ExtensionFault;
    using wire::Parameter6Code;
    switch (fault) {
        case ExtensionFault::ReportOption: return ProblemReport{Parameter6Code::Option, true};
        case ExtensionFault::ReportUnlessGroup: return ProblemReport{Parameter6Code::Option};
        case ExtensionFault::BadRouting: return ProblemReport{Parameter6Code::Header};
        case ExtensionFault::MisplacedHopByHop: return ProblemReport{Parameter6Code::NextHeader};
        case ExtensionFault::BadFragmentLength: return ProblemReport{Parameter6Code::Header};
        case ExtensionFault::FragmentTooLong: return ProblemReport{Parameter6Code::Header};
        default: return std::nullopt;
    }
}

}  // namespace

void Network::Rooms::input_v6(PacketPtr packet, const link::Interface& in,
                              link::FrameTarget target) {
    counters.add(Counter::Ip6InReceives);
    counters.add(Counter::Ip6InOctets, packet->size());
    if (!packet->pull(kHeader)) return counters.add(Counter::Ip6InHdrErrors);
    auto header = wire::parse_ipv6(packet->front(), packet->size());
    if (!header) {
        return counters.add(header.error() == wire::Ipv6Fault::ShortPacket
                                ? Counter::Ip6InTruncatedPkts
                                : Counter::Ip6InHdrErrors);
    }
    count_arrival(counters, *header, *packet);
    packet->trim_back(packet->size() - kHeader - header->payload_bytes);
    if (has_bad_address(*header, in.index())) return counters.add(Counter::Ip6InHdrErrors);

    // What we say to our own link-local address comes by "lo", but belongs to the address's link.
    InterfaceIndex link = in.index();
    if (link == kLoopbackInterface && header->target.is_link_local()) {
        link = addresses.zone_of(header->target);
    }
    name_zones(*header, link);
    const Destination destination = addresses.classify(header->target, link);
    if (header->target.is_multicast()) {
        counters.add(Counter::Ip6InMcastPkts);
        counters.add(Counter::Ip6InMcastOctets, packet->size());
    }
    // A router would forward it here.
    if (destination == Destination::Other) return counters.add(Counter::Ip6InAddrErrors);
    const Arrival arrival{
        .interface = link,
        .is_unicast = destination == Destination::Own && target == link::FrameTarget::Us};

    walk_v6(std::move(packet), *header, arrival);
}

void Network::Rooms::walk_v6(PacketPtr packet, const wire::Ipv6Header& header,
                             const Arrival& arrival) {
    if (is_plain(header.next_header)) {
        return deliver_v6(std::move(packet), header,
                          {.protocol = header.next_header,
                           .offset = kHeader,
                           .next_header_at = wire::Ipv6Header::kNextHeaderAt},
                          arrival);
    }
    packet->pull(std::min(packet->size(), Packet::kRoom));
    const auto upper = wire::walk_extensions(packet->front(), header);
    if (!upper) {
        counters.add(Counter::Ip6InHdrErrors);
        const auto report = report_of(upper.error().fault);
        if (!report || (header.target.is_multicast() && !report->even_to_groups)) return;
        return send_error_v6(*packet, header,
                             wire::icmpv6_parameter_problem(report->code, upper.error().pointer),
                             arrival);
    }
    if (upper->fragment) return reassemble_v6(std::move(packet), header, *upper, arrival);
    deliver_v6(std::move(packet), header, *upper, arrival);
}

void Network::Rooms::reassemble_v6(PacketPtr packet, const wire::Ipv6Header& header,
                                   const wire::Ipv6Upper& upper, const Arrival& arrival) {
    counters.add(Counter::Ip6ReasmReqds);
    // Fragments within a fragment have no honest use.
    if (arrival.is_reassembled) return counters.add(Counter::Ip6InHdrErrors);
    const wire::Ipv6Fragment& fragment = *upper.fragment;
    const FragmentPiece piece{
        .key = {.source = header.source, .destination = header.target, .id = fragment.id},
        .header_bytes = upper.offset,
        .payload_bytes = static_cast<std::uint32_t>(packet->size() - upper.offset),
        .offset = fragment.offset,
        .more = fragment.more,
        .next_header = static_cast<std::uint8_t>(upper.protocol),
        .tos = header.traffic_class};
    WholeDatagram whole;
    switch (fragments.add(std::move(packet), piece, now, whole)) {
        case PieceFate::Kept:
        case PieceFate::Duplicate: return;
        case PieceFate::Overlap:
        case PieceFate::Malformed:
        case PieceFate::NoRoom: return counters.add(Counter::Ip6ReasmFails);
        case PieceFate::Whole: break;
    }
    // RFC 8200 §4.5: the first one's header stands for all of it. The extension headers that each
    // fragment carried were walked with it, and are left behind.
    const auto first = wire::parse_ipv6(whole.first->front(), SIZE_MAX);
    if (!first) return counters.add(Counter::Ip6ReasmFails);
    wire::Ipv6Header complete = *first;
    complete.payload_bytes = static_cast<std::uint16_t>(whole.payload->size());
    complete.next_header = static_cast<wire::IpProtocol>(whole.next_header);
    complete.traffic_class = whole.tos;
    wire::write_ipv6(whole.payload->push_front(kHeader), complete);
    counters.add(Counter::Ip6ReasmOKs);
    name_zones(complete, arrival.interface);
    Arrival complete_arrival = arrival;
    complete_arrival.is_reassembled = true;
    walk_v6(std::move(whole.payload), complete, complete_arrival);
}

void Network::Rooms::deliver_v6(PacketPtr packet, const wire::Ipv6Header& header,
                                const wire::Ipv6Upper& upper, const Arrival& arrival) {
    switch (upper.protocol) {
        case wire::IpProtocol::Tcp:
        case wire::IpProtocol::Udp:
            counters.add(Counter::Ip6InDelivers);
            packet->trim_front(upper.offset);
            incoming.push_back({.packet = std::move(packet),
                                .source = header.source,
                                .destination = header.target,
                                .interface = arrival.interface,
                                .protocol = static_cast<std::uint8_t>(upper.protocol),
                                .ttl = header.hop_limit,
                                .tos = header.traffic_class,
                                .is_unicast = arrival.is_unicast,
                                .label = header.flow_label});
            return;
        case wire::IpProtocol::Icmpv6:
            counters.add(Counter::Ip6InDelivers);
            packet->trim_front(upper.offset);
            return input_icmp_v6(std::move(packet), header, arrival);
        case wire::IpProtocol::NoNextHeader: return counters.add(Counter::Ip6InDelivers);
        default:
            counters.add(Counter::Ip6InUnknownProtos);
            return send_error_v6(*packet, header,
                                 wire::icmpv6_parameter_problem(wire::Parameter6Code::NextHeader,
                                                                upper.next_header_at),
                                 arrival);
    }
}

}  // namespace fairlead::ip
