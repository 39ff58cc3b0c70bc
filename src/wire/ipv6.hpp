// wire/ipv6.hpp — the IPv6 header and the walk over its extension headers.
//
//   |Ver| traffic class |        flow label         |
//   |     payload bytes     | next header | hop limit |
//   |                source, target                 |
//
// Knows:  RFC 8200 §3 and §4 (headers, order, what to do with an unknown option), RFC 8504 §5.3
//         and Linux (limits on their number), RFC 5095 (routing type 0 is dead), RFC 6946 (a
//         fragment that is the whole packet), RFC 7112, RFC 2711 (router alert).
// Not here: jumbograms (RFC 2675), AH and ESP, fragments put together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::wire {

struct Ipv6Header {
    std::uint8_t traffic_class = 0;  // DSCP and ECN
    std::uint32_t flow_label = 0;    // 20 bits
    std::uint16_t payload_bytes = 0;
    IpProtocol next_header{};
    std::uint8_t hop_limit = 64;
    IpAddress source{};  // without a zone: only the interface it came in by can name it
    IpAddress target{};

    static constexpr std::size_t kBytes = 40;
    static constexpr std::size_t kNextHeaderAt = 6;
    constexpr bool operator==(const Ipv6Header&) const = default;
};

enum class Ipv6Fault : std::uint8_t {
    Truncated,      // the header is not there whole                        InHdrErrors
    BadVersion,     //                                                      InHdrErrors
    MappedAddress,  // ::ffff:0:0/96 is IPv4 inside; no packet may say so   InHdrErrors
    ShortPacket,    // the packet is shorter than it says                   InTruncatedPkts
};

// `packet` begins with the header, contiguous; `packet_bytes` is what the link delivered in all.
std::expected<Ipv6Header, Ipv6Fault> parse_ipv6(Bytes packet, std::size_t packet_bytes);
inline std::expected<Ipv6Header, Ipv6Fault> parse_ipv6(Bytes packet) {
    return parse_ipv6(packet, packet.size());
}

// `to` has room for kBytes.
void write_ipv6(MutableBytes to, const Ipv6Header& header);

// RFC 8200 §4.5.
struct Ipv6Fragment {
    std::uint32_t id = 0;
    std::uint16_t offset = 0;  // in bytes; a multiple of 8
    bool more = false;
    std::uint16_t header_at = 0;  // where the fragment header begins in the packet

    static constexpr std::size_t kBytes = 8;
    constexpr bool operator==(const Ipv6Fragment&) const = default;
};

// Writes the header that says `next_header` follows; `to` has room for kBytes.
void write_ipv6_fragment(MutableBytes to, const Ipv6Fragment& fragment, IpProtocol next_header);

// Where the walk ended.
struct Ipv6Upper {
    IpProtocol protocol{};             // of the header at `offset`
    std::uint16_t offset = 0;          // from the first byte of the packet
    std::uint16_t next_header_at = 0;  // the byte that named `protocol`
    bool router_alert = false;
    // Set when this is one piece of several; the walk stops behind the fragment header.
    std::optional<Ipv6Fragment> fragment{};
};

enum class ExtensionFault : std::uint8_t {
    Truncated,          // a header runs over the end: discard
    BadOption,          // an option runs over its header, or too much padding: discard
    TooManyHeaders,     // more than kMaxExtensionHeaders: discard
    TooManyOptions,     // more than kMaxExtensionOptions: discard
    DiscardOption,      // unknown, and marked "discard" (01)
    ReportOption,       // unknown: Parameter Problem 2 (10)
    ReportUnlessGroup,  // unknown: Parameter Problem 2 unless the target is multicast (11)
    BadRouting,         // unknown type with segments left: Parameter Problem 0
    MisplacedHopByHop,  // not first: Parameter Problem 1
    BadFragmentLength,  // not the last and no multiple of 8: Parameter Problem 0
    FragmentTooLong,    // would end behind byte 65535: Parameter Problem 0
};

struct ExtensionError {
    ExtensionFault fault{};
    std::uint32_t pointer = 0;  // the byte at fault, as a Parameter Problem names it

    constexpr bool operator==(const ExtensionError&) const = default;
};

inline constexpr int kMaxExtensionHeaders = 8;
inline constexpr int kMaxExtensionOptions = 8;  // a header; Linux's max_dst_opts_number

// `packet` is the whole of the header and at least its extension headers, contiguous; nothing
// behind 40 + header.payload_bytes counts.
std::expected<Ipv6Upper, ExtensionError> walk_extensions(Bytes packet, const Ipv6Header& header);

}  // namespace fairlead::wire
