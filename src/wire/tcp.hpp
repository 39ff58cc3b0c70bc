// wire/tcp.hpp — the 20 bytes of RFC 9293 §3.1, and nothing that remembers.
//
//   |          Source Port          |          Target Port          |
//   |                        Sequence Number                        |
//   |                    Acknowledgment Number                      |
//   | Off |Rsvd |      flags        |            Window             |
//   |           Checksum            |        Urgent Pointer         |
//
// Knows:  RFC 9293 §3.1, RFC 3168 §6.1 (ECE, CWR), RFC 9768 §3 (AE, the ninth flag).
// Not here: options (tcp_options.hpp), the order of sequence numbers (tcp/position.hpp).
#pragma once

#include <cstdint>
#include <expected>

#include "base/bytes.hpp"

namespace fairlead::wire {

// A sequence number as it travels. It has no order on purpose.
enum class Seq32 : std::uint32_t {};

struct TcpFlags {
    bool fin = false, syn = false, rst = false, psh = false;
    bool ack = false, urg = false, ece = false, cwr = false;
    bool ae = false;

    constexpr bool operator==(const TcpFlags&) const = default;
};

struct TcpHeader {
    std::uint16_t source_port = 0;
    std::uint16_t target_port = 0;
    Seq32 seq{};
    Seq32 ack{};
    TcpFlags flags{};
    std::uint16_t window = 0;
    std::uint16_t checksum = 0;
    std::uint16_t urgent = 0;               // the pointer; of use where flags.urg is set
    std::uint8_t header_bytes = kMinBytes;  // options included

    static constexpr std::uint8_t kMinBytes = 20;
    static constexpr std::uint8_t kMaxBytes = 60;
    static constexpr std::size_t kChecksumAt = 16;
    constexpr bool operator==(const TcpHeader&) const = default;
};

enum class TcpFault : std::uint8_t { Truncated, BadDataOffset };

// `segment` begins with the header, which must lie in it whole, options included.
std::expected<TcpHeader, TcpFault> parse_tcp(Bytes segment);

// `to` has room for kMinBytes; options are written behind by write_tcp_options(). The checksum is
// written as it stands in the header.
void write_tcp(MutableBytes to, const TcpHeader& header);

// The options of a segment that parse_tcp() accepted.
inline Bytes tcp_options_of(Bytes segment, const TcpHeader& header) {
    return segment.subspan(TcpHeader::kMinBytes,
                           static_cast<std::size_t>(header.header_bytes) - TcpHeader::kMinBytes);
}

}  // namespace fairlead::wire
