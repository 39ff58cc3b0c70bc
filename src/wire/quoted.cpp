#include "wire/quoted.hpp"

#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::wire {

std::optional<QuotedPacket> parse_quoted_v4(Bytes body) {
    const auto header = parse_quoted_ipv4(body);
    if (!header || header->fragment_offset != 0) return std::nullopt;
    const Bytes transport = body.subspan(header->header_bytes);
    if (transport.size() < QuotedPacket::kMinTransport) return std::nullopt;
    return QuotedPacket{.source = header->source,
                        .target = header->target,
                        .protocol = header->protocol,
                        .packet_bytes = header->total_bytes,
                        .transport = transport};
}

std::optional<QuotedPacket> parse_quoted_v6(Bytes body) {
    // The error cut the packet: it is shorter than its header says.
    const auto header = parse_ipv6(body, Ipv6Header::kBytes + std::size_t{UINT16_MAX});
    if (!header) return std::nullopt;
    const auto upper = walk_extensions(body, *header);
    if (!upper || (upper->fragment && upper->fragment->offset != 0)) return std::nullopt;
    const Bytes transport = body.subspan(upper->offset);
    if (transport.size() < QuotedPacket::kMinTransport) return std::nullopt;
    return QuotedPacket{
        .source = header->source,
        .target = header->target,
        .protocol = upper->protocol,
        .packet_bytes = static_cast<std::uint32_t>(Ipv6Header::kBytes + header->payload_bytes),
        .transport = transport};
}

}  // namespace fairlead::wire
