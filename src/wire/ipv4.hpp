// wire/ipv4.hpp — the IPv4 header, RFC 791 §3.1.
//
//   |Ver|IHL|  traffic class  |        total bytes        |
//   |      identification     | -DM |   fragment offset   |
//   |  ttl  |    protocol     |          checksum         |
//   |                    source, target                   |
//   |                       options                       |
//
// Knows:  RFC 791, RFC 2474 and RFC 3168 (traffic class), RFC 1122 §3.2.1 (what is dropped in
//         silence), RFC 2113 (router alert).
// Not here: fragments put together (ip/reassembly), options acted on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
#include "wire/address_field.hpp"
#include "wire/checksum.hpp"
#include "wire/ip_protocol.hpp"

namespace fairlead::wire {

struct Ipv4Header {
    std::uint8_t header_bytes = kMinBytes;  // options included
    std::uint8_t traffic_class = 0;         // DSCP and ECN
    std::uint16_t total_bytes = 0;          // header and payload; what lies behind is padding
    std::uint16_t id = 0;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0;  // in bytes; a multiple of 8, at most 65528
    std::uint8_t ttl = 64;
    IpProtocol protocol{};
    IpAddress source = IpAddress::v4(0);
    IpAddress target = IpAddress::v4(0);

    static constexpr std::uint8_t kMinBytes = 20;
    static constexpr std::uint8_t kMaxBytes = 60;
    static constexpr std::size_t kChecksumAt = 10;
    constexpr bool is_fragment() const { return more_fragments || fragment_offset != 0; }
    constexpr std::uint16_t payload_bytes() const {
        return static_cast<std::uint16_t>(total_bytes - header_bytes);
    }
    constexpr bool operator==(const Ipv4Header&) const = default;
};

enum class Ipv4Fault : std::uint8_t {
    Truncated,        // the header is not there whole                      InHdrErrors
    BadVersion,       //                                                    InHdrErrors
    BadHeaderLength,  // under 20 bytes                                     InHdrErrors
    BadChecksum,      //                                                    InCsumErrors
    BadTotalLength,   // shorter than the header                            InHdrErrors
    ShortPacket,      // the packet is shorter than it says                 InTruncatedPkts
};

// Where each field begins.
namespace ipv4_at {
inline constexpr std::size_t kVersionAndLength = 0;
inline constexpr std::size_t kTrafficClass = 1;
inline constexpr std::size_t kTotalBytes = 2;
inline constexpr std::size_t kId = 4;
inline constexpr std::size_t kFragment = 6;
inline constexpr std::size_t kTtl = 8;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kSource = 12;
inline constexpr std::size_t kTarget = 16;
}  // namespace ipv4_at

inline constexpr std::uint16_t kIpv4DontFragment = 0x4000;
inline constexpr std::uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr std::uint16_t kIpv4OffsetMask = 0x1fff;  // in units of 8 bytes

// What is wrong with a header, if anything. `packet` begins with it, contiguous, options included;
// `packet_bytes` is what the link delivered in all (padding may lie behind). The checksum is verified.
std::optional<Ipv4Fault> check_ipv4(Bytes packet, std::size_t packet_bytes);
// The header of a packet that check_ipv4() found nothing wrong with.
Ipv4Header load_ipv4(Bytes packet);
// Both.
std::expected<Ipv4Header, Ipv4Fault> parse_ipv4(Bytes packet, std::size_t packet_bytes);
inline std::expected<Ipv4Header, Ipv4Fault> parse_ipv4(Bytes packet) {
    return parse_ipv4(packet, packet.size());
}

// The same for the header inside an ICMP error, whose packet was cut and whose checksum may be of
// another hop: neither is looked at.
std::expected<Ipv4Header, Ipv4Fault> parse_quoted_ipv4(Bytes quoted);

// Writes the header with `options` (header_bytes is 20 and their size, a multiple of 4) and its
// checksum; `to` has room for header_bytes.
void write_ipv4(MutableBytes to, const Ipv4Header& header, Bytes options = {});

// Inline: every packet comes by these.

// All but what needs more than the header's first bytes.
inline std::optional<Ipv4Fault> check_ipv4_form(Bytes from) {
    if (from.size() < Ipv4Header::kMinBytes) return Ipv4Fault::Truncated;
    const auto version_and_length = load_be<std::uint8_t>(from, ipv4_at::kVersionAndLength);
    if (version_and_length >> 4 != 4) return Ipv4Fault::BadVersion;
    const std::size_t header_bytes = (version_and_length & 0x0fu) * 4u;
    if (header_bytes < Ipv4Header::kMinBytes) return Ipv4Fault::BadHeaderLength;
    if (header_bytes > from.size()) return Ipv4Fault::Truncated;
    return std::nullopt;
}

inline std::optional<Ipv4Fault> check_ipv4(Bytes packet, std::size_t packet_bytes) {
    if (const auto fault = check_ipv4_form(packet)) return fault;
    const std::size_t header_bytes = (load_be<std::uint8_t>(packet, 0) & 0x0fu) * 4u;
    // Of a constant size, as nearly every one is, it takes no loop.
    const PartialSum sum = header_bytes == Ipv4Header::kMinBytes
                               ? sum_of(packet.first<Ipv4Header::kMinBytes>())
                               : sum_of(packet.first(header_bytes));
    if (!sum.is_valid()) return Ipv4Fault::BadChecksum;
    const auto total_bytes = load_be<std::uint16_t>(packet, ipv4_at::kTotalBytes);
    if (total_bytes > packet_bytes) return Ipv4Fault::ShortPacket;
    if (total_bytes < header_bytes) return Ipv4Fault::BadTotalLength;
    return std::nullopt;
}

inline Ipv4Header load_ipv4(Bytes from) {
    FAIRLEAD_ASSERT(from.size() >= Ipv4Header::kMinBytes);
    const auto fragment = load_be<std::uint16_t>(from, ipv4_at::kFragment);
    return {
        .header_bytes = static_cast<std::uint8_t>((load_be<std::uint8_t>(from, 0) & 0x0f) * 4),
        .traffic_class = load_be<std::uint8_t>(from, ipv4_at::kTrafficClass),
        .total_bytes = load_be<std::uint16_t>(from, ipv4_at::kTotalBytes),
        .id = load_be<std::uint16_t>(from, ipv4_at::kId),
        .dont_fragment = (fragment & kIpv4DontFragment) != 0,
        .more_fragments = (fragment & kIpv4MoreFragments) != 0,
        .fragment_offset = static_cast<std::uint16_t>((fragment & kIpv4OffsetMask) * 8),
        .ttl = load_be<std::uint8_t>(from, ipv4_at::kTtl),
        .protocol = static_cast<IpProtocol>(load_be<std::uint8_t>(from, ipv4_at::kProtocol)),
        .source = load_v4(from, ipv4_at::kSource),
        .target = load_v4(from, ipv4_at::kTarget),
    };
}

inline void write_ipv4(MutableBytes to, const Ipv4Header& header, Bytes options) {
    FAIRLEAD_ASSERT(header.header_bytes == Ipv4Header::kMinBytes + options.size() &&
                    header.header_bytes % 4 == 0 && header.header_bytes <= Ipv4Header::kMaxBytes &&
                    to.size() >= header.header_bytes && header.fragment_offset % 8 == 0);
    const auto first =
        static_cast<std::uint16_t>(0x4000 | header.header_bytes / 4 << 8 | header.traffic_class);
    const auto fragment = static_cast<std::uint16_t>(
        (header.dont_fragment ? kIpv4DontFragment : 0) |
        (header.more_fragments ? kIpv4MoreFragments : 0) | header.fragment_offset / 8);
    const auto ttl_and_protocol =
        static_cast<std::uint16_t>(header.ttl << 8 | static_cast<std::uint8_t>(header.protocol));
    // Summed from the fields: to load what was just stored in smaller pieces is slow.
    PartialSum sum;
    sum.add_v4(header.source);
    sum.add_v4(header.target);
    sum.add_u16(first);
    sum.add_u16(header.total_bytes);
    sum.add_u16(header.id);
    sum.add_u16(fragment);
    sum.add_u16(ttl_and_protocol);
    if (!options.empty()) sum.add(options);

    store_be(to, ipv4_at::kVersionAndLength, first);
    store_be(to, ipv4_at::kTotalBytes, header.total_bytes);
    store_be(to, ipv4_at::kId, header.id);
    store_be(to, ipv4_at::kFragment, fragment);
    store_be(to, ipv4_at::kTtl, ttl_and_protocol);
    store_be(to, Ipv4Header::kChecksumAt, sum.checksum());
    store_v4(to, ipv4_at::kSource, header.source);
    store_v4(to, ipv4_at::kTarget, header.target);
    if (!options.empty()) {
        std::memcpy(to.data() + Ipv4Header::kMinBytes, options.data(), options.size());
    }
}

// The options of a packet that parse_ipv4() accepted.
inline Bytes ipv4_options_of(Bytes packet, const Ipv4Header& header) {
    return packet.subspan(Ipv4Header::kMinBytes,
                          static_cast<std::size_t>(header.header_bytes) - Ipv4Header::kMinBytes);
}

struct Ipv4Options {
    bool source_route = false;  // loose or strict
    bool router_alert = false;

    constexpr bool operator==(const Ipv4Options&) const = default;
};

// What the options ask for, or where in the header (from its first byte: the pointer of a
// Parameter Problem) they are malformed.
std::expected<Ipv4Options, std::uint8_t> parse_ipv4_options(Bytes options);

}  // namespace fairlead::wire
