// ICMP for IPv4: echo answered, errors taken in and sent (RFC 792, RFC 1122 §3.2.2).
#include <algorithm>

#include "ip/icmp_error.hpp"
#include "ip/icmp_quote.hpp"
#include "ip/rooms.hpp"
#include "packet/sum.hpp"
#include "wire/checksum.hpp"
#include "wire/quoted.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kHeader = wire::IcmpHeader::kBytes;
// A quoted header with all options, and the 8 bytes that every error carries behind it.
constexpr std::size_t kQuoteLooked =
    wire::Ipv4Header::kMaxBytes + wire::QuotedPacket::kMinTransport;

std::optional<Counter> counter_of_input(wire::IcmpType type) {
    switch (type) {
        case wire::IcmpType::EchoReply: return Counter::IcmpInEchoReps;
        case wire::IcmpType::Unreachable: return Counter::IcmpInDestUnreachs;
        case wire::IcmpType::SourceQuench: return Counter::IcmpInSrcQuenchs;
        case wire::IcmpType::Redirect: return Counter::IcmpInRedirects;
        case wire::IcmpType::Echo: return Counter::IcmpInEchos;
        case wire::IcmpType::TimeExceeded: return Counter::IcmpInTimeExcds;
        case wire::IcmpType::ParameterProblem: return Counter::IcmpInParmProbs;
        case wire::IcmpType::Timestamp: return Counter::IcmpInTimestamps;
        case wire::IcmpType::TimestampReply: return Counter::IcmpInTimestampReps;
        default: return std::nullopt;
    }
}

Counter counter_of_output(wire::IcmpType type) {
    switch (type) {
        case wire::IcmpType::TimeExceeded: return Counter::IcmpOutTimeExcds;
        case wire::IcmpType::ParameterProblem: return Counter::IcmpOutParmProbs;
        default: return Counter::IcmpOutDestUnreachs;
    }
}

// The header before what is there, with the checksum over both.
void put_icmp_header(Packet& body, wire::IcmpHeader icmp) {
    icmp.checksum = 0;
    wire::write_icmp(body.push_front(kHeader), icmp);
    icmp.checksum = sum_from(body, 0).checksum();
    wire::write_icmp(body.head(), icmp);
}

// RFC 1122 §3.2.2: an error is never answered with one. Linux holds unknown types for errors too.
bool is_about_icmp_error(const Packet& packet, const wire::Ipv4Header& header) {
    if (header.protocol != wire::IpProtocol::Icmp) return false;
    if (packet.size() <= header.header_bytes) return true;
    std::array<std::byte, 1> type{};
    packet.copy_to(header.header_bytes, type);
    switch (static_cast<wire::IcmpType>(type[0])) {
        case wire::IcmpType::Echo:
        case wire::IcmpType::EchoReply:
        case wire::IcmpType::Timestamp:
        case wire::IcmpType::TimestampReply: return false;
        default: return true;
    }
}

}  // namespace

void Network::Rooms::input_icmp_v4(PacketPtr message, const wire::Ipv4Header& header,
                                   const Arrival& arrival) {
    counters.add(Counter::IcmpInMsgs);
    const bool is_vouched_for = message->meta.checksum != ChecksumState::None;
    if (!is_vouched_for && !sum_from(*message, 0).is_valid()) {
        counters.add(Counter::IcmpInCsumErrors);
        return counters.add(Counter::IcmpInErrors);
    }
    if (!message->pull(kHeader)) return counters.add(Counter::IcmpInErrors);
    const auto icmp = wire::parse_icmp(message->front());
    if (!icmp) return counters.add(Counter::IcmpInErrors);
    const auto counter = counter_of_input(icmp->type);
    // RFC 1122 §3.2.2: unknown types are dropped in silence.
    if (!counter) return;
    counters.add(*counter);
    if (icmp->type == wire::IcmpType::Echo) {
        return answer_echo_v4(std::move(message), header, arrival);
    }
    if (icmp->type == wire::IcmpType::EchoReply) {
        // To whoever asked (ping sockets).
        incoming.push_back({.packet = std::move(message),
                            .source = header.source,
                            .destination = header.target,
                            .interface = arrival.interface,
                            .protocol = kProtocolIcmp,
                            .ttl = header.ttl,
                            .tos = header.traffic_class,
                            .is_unicast = arrival.is_unicast});
        return;
    }
    if (icmp->is_error() && arrival.is_unicast) take_error_v4(*message, *icmp, header, arrival);
}

void Network::Rooms::answer_echo_v4(PacketPtr message, const wire::Ipv4Header& header,
                                    const Arrival& arrival) {
    if (config.icmp_echo_ignore_all != 0) return;
    if (!arrival.is_unicast && config.icmp_echo_ignore_broadcasts != 0) return;
    const auto icmp = wire::parse_icmp(message->front());
    message->trim_front(kHeader);
    message->meta = {.arrived = message->meta.arrived};
    put_icmp_header(*message, {.type = wire::IcmpType::EchoReply, .rest = icmp->rest});
    counters.add(Counter::IcmpOutMsgs);
    counters.add(Counter::IcmpOutEchoReps);
    const bool is_own = addresses.is_own(header.target);
    send_own(std::move(message),
             {.source = is_own ? header.target : IpAddress::any(Family::Inet),
              .destination = header.source,
              .protocol = kProtocolIcmp,
              .tos = header.traffic_class,
              .dont_fragment = false},
             0);
}

void Network::Rooms::take_error_v4(Packet& message, const wire::IcmpHeader& icmp,
                                   const wire::Ipv4Header& header, const Arrival& arrival) {
    const auto meaning = meaning_of_icmp(static_cast<std::uint8_t>(icmp.type), icmp.code);
    if (!meaning) return;
    message.pull(std::min(message.size(), kHeader + kQuoteLooked));
    const auto quoted = wire::parse_quoted_v4(message.front().subspan(kHeader));
    // Only what we sent can have gone wrong for us.
    if (!quoted || !addresses.is_own(quoted->source)) return counters.add(Counter::IcmpInErrors);
    IcmpError error = error_about(*quoted, message, arrival.interface);
    error.error = meaning->error;
    error.is_hard = meaning->is_hard;
    error.type = static_cast<std::uint8_t>(icmp.type);
    error.code = icmp.code;
    error.mtu = meaning->error == Errc::MessageTooLong ? icmp.mtu() : 0u;
    error.offender = header.source;
    errors.push_back(std::move(error));
}

void Network::Rooms::send_error_v4(const Packet& packet, const wire::Ipv4Header& header,
                                   const wire::IcmpHeader& icmp, const Arrival& arrival) {
    // RFC 1122 §3.2.2: about nothing that was meant for many, came from nobody in particular, is a
    // later fragment or is itself an error.
    if (!arrival.is_unicast || header.fragment_offset != 0 || header.source.is_any() ||
        header.source.is_multicast() || addresses.is_broadcast(header.source, 0) ||
        is_about_icmp_error(packet, header)) {
        return;
    }
    const bool is_limited = (config.icmp_ratemask >> static_cast<unsigned>(icmp.type) & 1) != 0;
    if (is_limited && arrival.interface != kLoopbackInterface) {
        const IcmpAllowance allowance = limit.allow(header.source, now);
        if (allowance == IcmpAllowance::GlobalLimit) counters.add(Counter::IcmpOutRateLimitGlobal);
        if (allowance == IcmpAllowance::HostLimit) counters.add(Counter::IcmpOutRateLimitHost);
        if (allowance != IcmpAllowance::Send) return;
    }
    constexpr std::size_t kMost = kMaxErrorV4 - wire::Ipv4Header::kMinBytes - kHeader;
    PacketPtr error = icmp_quote(packet, kMost, pool);
    if (error == nullptr) return counters.add(Counter::IcmpOutErrors);
    put_icmp_header(*error, icmp);
    counters.add(Counter::IcmpOutMsgs);
    counters.add(counter_of_output(icmp.type));
    // RFC 1812 §4.3.2.5: precedence "internetwork control", the rest as in the packet.
    constexpr std::uint8_t kInternetworkControl = 0xc0;
    constexpr std::uint8_t kTypeOfService = 0x1e;
    const auto tos =
        static_cast<std::uint8_t>(kInternetworkControl | (header.traffic_class & kTypeOfService));
    send_own(std::move(error),
             {.source = header.target,
              .destination = header.source,
              .protocol = kProtocolIcmp,
              .tos = tos,
              .dont_fragment = false},
             0);
}

}  // namespace fairlead::ip
