// ICMP for IPv6: echo answered, errors taken in and sent (RFC 4443). Neighbour Discovery goes on to
// neighbourhood.cpp.
#include <algorithm>

#include "ip/icmp_error.hpp"
#include "ip/icmp_quote.hpp"
#include "ip/rooms.hpp"
#include "packet/sum.hpp"
#include "wire/checksum.hpp"
#include "wire/quoted.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kHeader = wire::Icmpv6Header::kBytes;

wire::PartialSum sum_of_message(const Packet& packet, const IpAddress& source,
                                const IpAddress& target) {
    return sum_from(packet, 0,
                    wire::pseudo_header(source, target, wire::IpProtocol::Icmpv6,
                                        static_cast<std::uint32_t>(packet.size())));
}

std::optional<Counter> counter_of_input(wire::Icmpv6Type type) {
    switch (type) {
        case wire::Icmpv6Type::Unreachable: return Counter::Icmp6InDestUnreachs;
        case wire::Icmpv6Type::PacketTooBig: return Counter::Icmp6InPktTooBigs;
        case wire::Icmpv6Type::TimeExceeded: return Counter::Icmp6InTimeExcds;
        case wire::Icmpv6Type::ParameterProblem: return Counter::Icmp6InParmProblems;
        case wire::Icmpv6Type::Echo: return Counter::Icmp6InEchos;
        case wire::Icmpv6Type::EchoReply: return Counter::Icmp6InEchoReplies;
        case wire::Icmpv6Type::ListenerQuery: return Counter::Icmp6InGroupMembQueries;
        case wire::Icmpv6Type::ListenerReport: return Counter::Icmp6InGroupMembResponses;
        case wire::Icmpv6Type::ListenerDone: return Counter::Icmp6InGroupMembReductions;
        case wire::Icmpv6Type::ListenerReport2: return Counter::Icmp6InMLDv2Reports;
        case wire::Icmpv6Type::RouterSolicitation: return Counter::Icmp6InRouterSolicits;
        case wire::Icmpv6Type::RouterAdvertisement: return Counter::Icmp6InRouterAdvertisements;
        case wire::Icmpv6Type::NeighborSolicitation: return Counter::Icmp6InNeighborSolicits;
        case wire::Icmpv6Type::NeighborAdvertisement: return Counter::Icmp6InNeighborAdvertisements;
        case wire::Icmpv6Type::Redirect: return Counter::Icmp6InRedirects;
    }
    return std::nullopt;
}

Counter counter_of_output(wire::Icmpv6Type type) {
    switch (type) {
        case wire::Icmpv6Type::TimeExceeded: return Counter::Icmp6OutTimeExcds;
        case wire::Icmpv6Type::ParameterProblem: return Counter::Icmp6OutParmProblems;
        case wire::Icmpv6Type::PacketTooBig: return Counter::Icmp6OutPktTooBigs;
        default: return Counter::Icmp6OutDestUnreachs;
    }
}

void put_icmp_header(Packet& body, wire::Icmpv6Header icmp, const IpAddress& source,
                     const IpAddress& target) {
    icmp.checksum = 0;
    wire::write_icmpv6(body.push_front(kHeader), icmp);
    icmp.checksum = sum_of_message(body, source, target).checksum();
    wire::write_icmpv6(body.head(), icmp);
}

// RFC 4443 §2.4 (e.1): an error, or a redirect, is never answered with one.
bool is_about_icmp_error(const Packet& packet, const wire::Ipv6Header& header) {
    const auto upper = wire::walk_extensions(packet.front(), header);
    if (!upper || upper->protocol != wire::IpProtocol::Icmpv6) return false;
    if (packet.size() <= upper->offset) return true;
    std::array<std::byte, 1> type{};
    packet.copy_to(upper->offset, type);
    const wire::Icmpv6Header icmp{.type = static_cast<wire::Icmpv6Type>(type[0])};
    return icmp.is_error() || icmp.type == wire::Icmpv6Type::Redirect;
}

// RFC 4443 §2.4 (e.3): two errors may be about what was sent to a group.
bool may_be_about_group(const wire::Icmpv6Header& icmp) {
    return icmp.type == wire::Icmpv6Type::PacketTooBig ||
           (icmp.type == wire::Icmpv6Type::ParameterProblem &&
            icmp.code == static_cast<std::uint8_t>(wire::Parameter6Code::Option));
}

}  // namespace

void Network::Rooms::input_icmp_v6(PacketPtr message, const wire::Ipv6Header& header,
                                   const Arrival& arrival) {
    counters.add(Counter::Icmp6InMsgs);
    const bool is_vouched_for = message->meta.checksum != ChecksumState::None;
    if (!is_vouched_for && !sum_of_message(*message, header.source, header.target).is_valid()) {
        counters.add(Counter::Icmp6InCsumErrors);
        return counters.add(Counter::Icmp6InErrors);
    }
    if (!message->pull(kHeader)) return counters.add(Counter::Icmp6InErrors);
    const auto icmp = wire::parse_icmpv6(message->front());
    if (!icmp) return counters.add(Counter::Icmp6InErrors);
    if (const auto counter = counter_of_input(icmp->type)) counters.add(*counter);
    if (icmp->type == wire::Icmpv6Type::Echo) {
        return answer_echo_v6(std::move(message), header, arrival);
    }
    if (icmp->type == wire::Icmpv6Type::EchoReply) {
        // To whoever asked (ping sockets).
        incoming.push_back({.packet = std::move(message),
                            .source = header.source,
                            .destination = header.target,
                            .interface = arrival.interface,
                            .protocol = kProtocolIcmp6,
                            .ttl = header.hop_limit,
                            .tos = header.traffic_class,
                            .is_unicast = arrival.is_unicast});
        return;
    }
    if (input_nd(*message, *icmp, header, arrival)) return;
    if (icmp->is_error()) take_error_v6(*message, *icmp, header, arrival);
}

void Network::Rooms::answer_echo_v6(PacketPtr message, const wire::Ipv6Header& header,
                                    const Arrival& arrival) {
    // A group is answered too (RFC 4443 §4.2), from an address of our own.
    if (config.icmp_echo_ignore_all != 0 || header.source.is_any()) return;
    const auto icmp = wire::parse_icmpv6(message->front());
    const IpAddress asked = addresses.is_own(header.target) ? header.target : IpAddress{};
    const auto path = find_path(header.source, asked, arrival.interface);
    if (!path) return counters.add(Counter::Ip6OutNoRoutes);
    message->trim_front(kHeader);
    message->meta = {.arrived = message->meta.arrived};
    put_icmp_header(*message, {.type = wire::Icmpv6Type::EchoReply, .rest = icmp->rest},
                    path->source, header.source);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(Counter::Icmp6OutEchoReplies);
    const Outgoing outgoing{.source = path->source,
                            .destination = header.source,
                            .protocol = kProtocolIcmp6,
                            .tos = header.traffic_class,
                            .dont_fragment = false};
    if (!send_v6(std::move(message), outgoing, *path)) counters.add(Counter::Ip6OutDiscards);
}

void Network::Rooms::take_error_v6(Packet& message, const wire::Icmpv6Header& icmp,
                                   const wire::Ipv6Header& header, const Arrival& arrival) {
    const auto meaning = meaning_of_icmpv6(static_cast<std::uint8_t>(icmp.type), icmp.code);
    if (!meaning || !arrival.is_unicast) return;
    message.pull(std::min(message.size(), Packet::kRoom));
    const auto quoted = wire::parse_quoted_v6(message.front().subspan(kHeader));
    if (!quoted) return counters.add(Counter::Icmp6InErrors);
    IcmpError error = error_about(*quoted, message, arrival.interface);
    // Only what we sent can have gone wrong for us.
    if (!addresses.is_own(error.source)) return counters.add(Counter::Icmp6InErrors);
    error.error = meaning->error;
    error.is_hard = meaning->is_hard;
    error.type = static_cast<std::uint8_t>(icmp.type);
    error.code = icmp.code;
    error.mtu = meaning->error == Errc::MessageTooLong ? icmp.mtu() : 0u;
    error.offender = header.source;
    errors.push_back(std::move(error));
}

void Network::Rooms::send_error_v6(const Packet& packet, const wire::Ipv6Header& header,
                                   const wire::Icmpv6Header& icmp, const Arrival& arrival) {
    // RFC 4443 §2.4 (e).
    if ((!arrival.is_unicast && !may_be_about_group(icmp)) || header.source.is_any() ||
        header.source.is_multicast() || is_about_icmp_error(packet, header)) {
        return;
    }
    const bool is_limited = icmp.type != wire::Icmpv6Type::PacketTooBig;
    if (is_limited && arrival.interface != kLoopbackInterface) {
        const IcmpAllowance allowance = limit.allow(header.source, now);
        if (allowance != IcmpAllowance::Send) return counters.add(Counter::Icmp6OutRateLimitHost);
    }
    const IpAddress asked = addresses.is_own(header.target) ? header.target : IpAddress{};
    const auto path = find_path(header.source, asked, arrival.interface);
    if (!path) return counters.add(Counter::Ip6OutNoRoutes);
    constexpr std::size_t kMost = kMaxErrorV6 - wire::Ipv6Header::kBytes - kHeader;
    PacketPtr error = icmp_quote(packet, kMost, pool);
    if (error == nullptr) return counters.add(Counter::Icmp6OutErrors);
    put_icmp_header(*error, icmp, path->source, header.source);
    counters.add(Counter::Icmp6OutMsgs);
    counters.add(counter_of_output(icmp.type));
    const Outgoing outgoing{.source = path->source,
                            .destination = header.source,
                            .protocol = kProtocolIcmp6,
                            .dont_fragment = false};
    if (!send_v6(std::move(error), outgoing, *path)) counters.add(Counter::Ip6OutDiscards);
}

// Without options or extension headers the header is as it came; what lay between it and the
// datagram is not quoted.
void Network::send_port_unreachable(const Incoming& incoming, Instant now) {
    Rooms& rooms = *rooms_;
    rooms.now = std::max(rooms.now, now);
    const auto protocol = static_cast<wire::IpProtocol>(incoming.protocol);
    const auto bytes = incoming.packet->size();
    const Arrival arrival{.interface = incoming.interface, .is_unicast = incoming.is_unicast};
    const PacketPtr original = rooms.pool.clone(*incoming.packet);
    if (original == nullptr) return;
    if (incoming.source.is_v4()) {
        constexpr std::uint8_t kBytes = wire::Ipv4Header::kMinBytes;
        const wire::Ipv4Header header{.traffic_class = incoming.tos,
                                      .total_bytes = static_cast<std::uint16_t>(kBytes + bytes),
                                      .id = static_cast<std::uint16_t>(incoming.label),
                                      .dont_fragment = incoming.dont_fragment,
                                      .ttl = incoming.ttl,
                                      .protocol = protocol,
                                      .source = incoming.source,
                                      .target = incoming.destination};
        wire::write_ipv4(original->push_front(kBytes), header);
        return rooms.send_error_v4(*original, header,
                                   wire::icmp_unreachable(wire::UnreachableCode::Port), arrival);
    }
    const wire::Ipv6Header header{.traffic_class = incoming.tos,
                                  .flow_label = incoming.label,
                                  .payload_bytes = static_cast<std::uint16_t>(bytes),
                                  .next_header = protocol,
                                  .hop_limit = incoming.ttl,
                                  .source = incoming.source,
                                  .target = incoming.destination};
    wire::write_ipv6(original->push_front(wire::Ipv6Header::kBytes), header);
    rooms.send_error_v6(*original, header, wire::icmpv6_unreachable(wire::Unreachable6Code::Port),
                        arrival);
}

}  // namespace fairlead::ip
