// wire/udp.hpp — the 8 bytes of RFC 768.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "base/bytes.hpp"
#include "wire/checksum.hpp"

namespace fairlead::wire {

struct UdpHeader {
    std::uint16_t source_port = 0;
    std::uint16_t target_port = 0;
    std::uint16_t total_bytes = kBytes;  // header and payload; what lies behind is padding
    std::uint16_t checksum = 0;          // 0: none was sent (IPv4 only, RFC 8200 §8.1)

    static constexpr std::size_t kBytes = 8;
    static constexpr std::size_t kChecksumAt = 6;
    constexpr bool operator==(const UdpHeader&) const = default;
};

enum class UdpFault : std::uint8_t { Truncated, BadLength };

// `datagram` begins with the header, contiguous; `datagram_bytes` is what IP delivered in all.
std::expected<UdpHeader, UdpFault> parse_udp(Bytes datagram, std::size_t datagram_bytes);
inline std::expected<UdpHeader, UdpFault> parse_udp(Bytes datagram) {
    return parse_udp(datagram, datagram.size());
}

// `to` has room for kBytes. The checksum is written as it stands in the header.
void write_udp(MutableBytes to, const UdpHeader& header);

// A computed checksum of zero travels as all ones, since zero says "none" (RFC 768).
constexpr std::uint16_t udp_checksum(PartialSum pseudo_header_and_datagram) {
    const std::uint16_t checksum = pseudo_header_and_datagram.checksum();
    return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

}  // namespace fairlead::wire
