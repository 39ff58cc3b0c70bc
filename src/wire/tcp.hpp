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

#include <bit>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <utility>

#include "base/bytes.hpp"

namespace fairlead::wire {

// A sequence number as it travels. It has no order on purpose.
enum class Seq32 : std::uint32_t {};

// Bit by bit as in the header's fourth word, the lowest first.
struct TcpFlags {
    bool fin : 1 = false, syn : 1 = false, rst : 1 = false, psh : 1 = false;
    bool ack : 1 = false, urg : 1 = false, ece : 1 = false, cwr : 1 = false;
    bool ae : 1 = false;

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

// Where each field begins.
namespace tcp_at {
inline constexpr std::size_t kSource = 0;
inline constexpr std::size_t kTarget = 2;
inline constexpr std::size_t kSeq = 4;
inline constexpr std::size_t kAck = 8;
inline constexpr std::size_t kOffsetAndFlags = 12;
inline constexpr std::size_t kWindow = 14;
inline constexpr std::size_t kUrgent = 18;
}  // namespace tcp_at

// The low nine bits of the word that begins with the data offset.
constexpr std::uint16_t pack(TcpFlags f) {
    if constexpr (std::endian::native == std::endian::little) {
        if !consteval {
            std::uint16_t w;
            static_assert(sizeof f == sizeof w);
            std::memcpy(&w, &f, sizeof w);
            return w & 0x1ff;
        }
    }
    return static_cast<std::uint16_t>(f.fin << 0 | f.syn << 1 | f.rst << 2 | f.psh << 3 |
                                      f.ack << 4 | f.urg << 5 | f.ece << 6 | f.cwr << 7 |
                                      f.ae << 8);
}

constexpr TcpFlags unpack(std::uint16_t w) {
    if constexpr (std::endian::native == std::endian::little) {
        if !consteval {
            TcpFlags f;
            w &= 0x1ff;
            std::memcpy(static_cast<void*>(&f), &w, sizeof f);
            return f;
        }
    }
    return {.fin = (w & 0x001) != 0,
            .syn = (w & 0x002) != 0,
            .rst = (w & 0x004) != 0,
            .psh = (w & 0x008) != 0,
            .ack = (w & 0x010) != 0,
            .urg = (w & 0x020) != 0,
            .ece = (w & 0x040) != 0,
            .cwr = (w & 0x080) != 0,
            .ae = (w & 0x100) != 0};
}

static_assert(unpack(0x012) == TcpFlags{.syn = true, .ack = true});
static_assert(pack({.fin = true}) == 0x001 && pack({.cwr = true}) == 0x080 &&
              pack({.ae = true}) == 0x100);
static_assert([] {
    for (std::uint16_t w = 0; w < 0x200; ++w) {
        if (pack(unpack(w)) != w) return false;
    }
    return true;
}());

// What is wrong with a header, if anything. `segment` begins with it; it must lie in it whole,
// options included.
inline std::optional<TcpFault> check_tcp(Bytes segment) {
    if (segment.size() < TcpHeader::kMinBytes) return TcpFault::Truncated;
    const std::size_t header_bytes =
        (load_be<std::uint8_t>(segment, tcp_at::kOffsetAndFlags) >> 4) * 4u;
    if (header_bytes < TcpHeader::kMinBytes) return TcpFault::BadDataOffset;
    if (header_bytes > segment.size()) return TcpFault::Truncated;
    return std::nullopt;
}

// The header of a segment that check_tcp() found nothing wrong with. Field by field into where it is
// wanted: one that is put together elsewhere and then copied has to be waited for.
inline void load_tcp(Bytes segment, TcpHeader& header) {
    FAIRLEAD_ASSERT(segment.size() >= TcpHeader::kMinBytes);
    const auto offset_and_flags = load_be<std::uint16_t>(segment, tcp_at::kOffsetAndFlags);
    header.source_port = load_be<std::uint16_t>(segment, tcp_at::kSource);
    header.target_port = load_be<std::uint16_t>(segment, tcp_at::kTarget);
    header.seq = Seq32{load_be<std::uint32_t>(segment, tcp_at::kSeq)};
    header.ack = Seq32{load_be<std::uint32_t>(segment, tcp_at::kAck)};
    header.flags = unpack(offset_and_flags);
    header.window = load_be<std::uint16_t>(segment, tcp_at::kWindow);
    header.checksum = load_be<std::uint16_t>(segment, TcpHeader::kChecksumAt);
    header.urgent = load_be<std::uint16_t>(segment, tcp_at::kUrgent);
    header.header_bytes = static_cast<std::uint8_t>((offset_and_flags >> 12) * 4);
}

// Both.
inline std::expected<TcpHeader, TcpFault> parse_tcp(Bytes segment) {
    if (const auto fault = check_tcp(segment)) return std::unexpected{*fault};
    TcpHeader header;
    load_tcp(segment, header);
    return header;
}

// `to` has room for kMinBytes; options are written behind by write_tcp_options(). The checksum is
// written as it stands in the header.
inline void write_tcp(MutableBytes to, const TcpHeader& header) {
    FAIRLEAD_ASSERT(header.header_bytes % 4 == 0 && header.header_bytes >= TcpHeader::kMinBytes &&
                    header.header_bytes <= TcpHeader::kMaxBytes &&
                    to.size() >= TcpHeader::kMinBytes);
    store_be(to, tcp_at::kSource, header.source_port);
    store_be(to, tcp_at::kTarget, header.target_port);
    store_be(to, tcp_at::kSeq, std::to_underlying(header.seq));
    store_be(to, tcp_at::kAck, std::to_underlying(header.ack));
    store_be(to, tcp_at::kOffsetAndFlags,
             static_cast<std::uint16_t>(header.header_bytes / 4 << 12 | pack(header.flags)));
    store_be(to, tcp_at::kWindow, header.window);
    store_be(to, TcpHeader::kChecksumAt, header.checksum);
    store_be(to, tcp_at::kUrgent, header.urgent);
}

// The options of a segment that parse_tcp() accepted.
inline Bytes tcp_options_of(Bytes segment, const TcpHeader& header) {
    return segment.subspan(TcpHeader::kMinBytes,
                           static_cast<std::size_t>(header.header_bytes) - TcpHeader::kMinBytes);
}

}  // namespace fairlead::wire
