// Up, IPv4: from a link to a transport, or to a counter.
//
// In Linux's order (ip_rcv_core, ip_route_input, ip_local_deliver): the header, the addresses, the
// options, fragments, the protocol.
#include "ip/rooms.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kHeader = wire::Ipv4Header::kMinBytes;

// Makes the header contiguous as far as it says it reaches.
bool pull_header(Packet& packet) {
    if (!packet.pull(kHeader)) return false;
    const std::size_t bytes = std::to_integer<std::size_t>(packet.front()[0] & std::byte{0x0f}) * 4;
    return bytes <= kHeader || packet.pull(bytes);
}

void count_fault(Counters& counters, wire::Ipv4Fault fault) {
    switch (fault) {
        case wire::Ipv4Fault::ShortPacket: counters.add(Counter::IpExtInTruncatedPkts); return;
        case wire::Ipv4Fault::BadChecksum:
            counters.add(Counter::IpExtInCsumErrors);
            [[fallthrough]];  // Linux counts it twice
        default: counters.add(Counter::IpInHdrErrors);
    }
}

void count_arrival(Counters& counters, const wire::Ipv4Header& header, const Packet& packet) {
    static constexpr Counter kByEcn[] = {Counter::IpExtInNoECTPkts, Counter::IpExtInECT1Pkts,
                                         Counter::IpExtInECT0Pkts, Counter::IpExtInCEPkts};
    counters.add(kByEcn[header.traffic_class & 3], packet.meta.gso_segments);
}

void count_group(Counters& counters, Destination destination, std::size_t bytes) {
    if (destination == Destination::Group) {
        counters.add(Counter::IpExtInMcastPkts);
        counters.add(Counter::IpExtInMcastOctets, bytes);
    } else {
        counters.add(Counter::IpExtInBcastPkts);
        counters.add(Counter::IpExtInBcastOctets, bytes);
    }
}

// RFC 1812 §5.3.7 and Linux's ip_route_input_slow(): addresses no honest packet carries here.
// RFC 9293 MUST-63
bool is_martian(const AddressTable& addresses, const wire::Ipv4Header& header,
                InterfaceIndex interface) {
    constexpr std::uint32_t kEverybody = 0xffff'ffffu;
    const std::uint32_t from = header.source.v4_value();
    const std::uint32_t to = header.target.v4_value();
    if (from >> 28 == 0xe || from == kEverybody) return true;  // 224/4
    if (interface == kLoopbackInterface) return false;
    // A host without an address yet speaks to all (RFC 2131 §4.1).
    if (from >> 24 == 0) return from != 0 || to != kEverybody;
    return from >> 24 == 127 || to >> 24 == 127 || addresses.find(header.source) != nullptr;
}

}  // namespace

void Network::Rooms::input_v4(PacketPtr&& packet, const link::Interface& in,
                              link::FrameTarget target) {
    counters.add(Counter::IpInReceives);
    counters.add(Counter::IpExtInOctets, packet->size());
    if (!pull_header(*packet)) return counters.add(Counter::IpInHdrErrors);
    if (const auto fault = wire::check_ipv4(packet->front(), packet->size())) {
        return count_fault(counters, *fault);
    }
    const wire::Ipv4Header header = wire::load_ipv4(packet->front());
    count_arrival(counters, header, *packet);
    packet->trim_back(packet->size() - header.total_bytes);

    bool is_own = true;
    if (const AddressPair pair{header, in.index(), generation}; pair != admitted) {
        if (is_martian(addresses, header, in.index())) return counters.add(Counter::IpInAddrErrors);
        const Destination destination = addresses.classify(header.target, in.index());
        // A router would forward it here, had its TTL been decremented.
        if (destination == Destination::Other) return counters.add(Counter::IpInAddrErrors);
        is_own = destination == Destination::Own;
        if (is_own) admitted = pair;
        if (!is_own) count_group(counters, destination, packet->size());
    }
    Arrival arrival{.interface = in.index(),
                    .is_unicast = is_own && target == link::FrameTarget::Us};

    if (header.header_bytes > kHeader) {
        // RFC 9293 MUST-50
        const auto options = wire::parse_ipv4_options(ipv4_options_of(packet->front(), header));
        if (!options) {
            counters.add(Counter::IpInHdrErrors);
            return send_error_v4(
                *packet, header,
                wire::icmp_parameter_problem(wire::ParameterCode::Pointer, options.error()),
                arrival);
        }
        const bool is_refused =
            options->source_route &&
            !take_source_route(ipv4_options_of(packet->front(), header), header.source, arrival);
        if (is_refused) return counters.add(Counter::IpInHdrErrors);
    }
    if (header.is_fragment()) return reassemble_v4(std::move(packet), header, arrival);
    deliver_v4(std::move(packet), header, arrival);
}

// RFC 1122 §3.2.1.8 (c). One that is not at its end asks for a router, and a route that nobody said is to be
// taken is refused, as by Linux.
bool Network::Rooms::take_source_route(Bytes options, const IpAddress& source, Arrival& arrival) {
    if (config.ip_accept_source_route == 0) return false;
    const auto back = wire::return_route(options, source);
    if (!back) return false;
    if (ways_back.size() == UINT8_MAX) return true;
    ways_back.push_back(*back);
    arrival.route = static_cast<std::uint8_t>(ways_back.size());
    return true;
}

void Network::Rooms::reassemble_v4(PacketPtr packet, const wire::Ipv4Header& header,
                                   const Arrival& arrival) {
    counters.add(Counter::IpReasmReqds);
    const FragmentPiece piece{.key = {.source = header.source,
                                      .destination = header.target,
                                      .id = header.id,
                                      .protocol = static_cast<std::uint8_t>(header.protocol)},
                              .header_bytes = header.header_bytes,
                              .payload_bytes = header.payload_bytes(),
                              .offset = header.fragment_offset,
                              .more = header.more_fragments,
                              .tos = header.traffic_class};
    WholeDatagram whole;
    const PieceFate fate = fragments.add(std::move(packet), piece, now, whole);
    if (fragments.has_begun_anew()) counters.add(Counter::IpReasmFails);
    switch (fate) {
        case PieceFate::Kept:
        case PieceFate::Duplicate: return;
        case PieceFate::Overlap: counters.add(Counter::IpExtReasmOverlaps); [[fallthrough]];
        case PieceFate::Malformed:
        case PieceFate::NoRoom: return counters.add(Counter::IpReasmFails);
        case PieceFate::Whole: break;
    }
    // The first one's header stands for all of it (RFC 791 §3.2); its options are at rest by now.
    const auto first = wire::parse_quoted_ipv4(whole.first->front());
    const std::size_t total = kHeader + whole.payload->size();
    if (!first || total > UINT16_MAX) return counters.add(Counter::IpReasmFails);
    wire::Ipv4Header complete = *first;
    complete.header_bytes = wire::Ipv4Header::kMinBytes;
    complete.total_bytes = static_cast<std::uint16_t>(total);
    complete.more_fragments = false;
    complete.traffic_class = whole.tos;
    wire::write_ipv4(whole.payload->push_front(kHeader), complete);
    counters.add(Counter::IpReasmOKs);
    Arrival complete_arrival = arrival;
    complete_arrival.is_reassembled = true;
    deliver_v4(std::move(whole.payload), complete, complete_arrival);
}

void Network::Rooms::deliver_v4(PacketPtr&& packet, const wire::Ipv4Header& header,
                                const Arrival& arrival) {
    switch (header.protocol) {
        case wire::IpProtocol::Tcp:
        case wire::IpProtocol::Udp: {
            counters.add(Counter::IpInDelivers);
            packet->trim_front(header.header_bytes);
            // Filled where it lies: every packet comes by here.
            Incoming& in = incoming.emplace_back();
            in.packet = std::move(packet);
            in.source = header.source;
            in.destination = header.target;
            in.interface = arrival.interface;
            in.protocol = static_cast<std::uint8_t>(header.protocol);
            in.ttl = header.ttl;
            in.tos = header.traffic_class;
            in.is_unicast = arrival.is_unicast;
            in.dont_fragment = header.dont_fragment;
            in.label = header.id;
            in.route = arrival.route;
            return;
        }
        case wire::IpProtocol::Icmp:
            counters.add(Counter::IpInDelivers);
            packet->trim_front(header.header_bytes);
            return input_icmp_v4(std::move(packet), header, arrival);
        case wire::IpProtocol::Igmp: return counters.add(Counter::IpInDelivers);
        default:
            counters.add(Counter::IpInUnknownProtos);
            return send_error_v4(*packet, header,
                                 wire::icmp_unreachable(wire::UnreachableCode::Protocol), arrival);
    }
}

}  // namespace fairlead::ip
