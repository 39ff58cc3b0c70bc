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
#include <expected>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
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

// `packet` begins with the header, contiguous, options included; `packet_bytes` is what the link
// delivered in all (padding may lie behind). The checksum is verified.
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
