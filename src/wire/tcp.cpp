#include "wire/tcp.hpp"

#include <utility>

namespace fairlead::wire {
namespace {

// Where each field begins.
constexpr std::size_t kSource = 0;
constexpr std::size_t kTarget = 2;
constexpr std::size_t kSeq = 4;
constexpr std::size_t kAck = 8;
constexpr std::size_t kOffsetAndFlags = 12;
constexpr std::size_t kWindow = 14;
constexpr std::size_t kUrgent = 18;

// The low nine bits of the word that begins with the data offset.
constexpr std::uint16_t pack(TcpFlags f) {
    return static_cast<std::uint16_t>(f.fin << 0 | f.syn << 1 | f.rst << 2 | f.psh << 3 |
                                      f.ack << 4 | f.urg << 5 | f.ece << 6 | f.cwr << 7 |
                                      f.ae << 8);
}

constexpr TcpFlags unpack(std::uint16_t w) {
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

}  // namespace

std::expected<TcpHeader, TcpFault> parse_tcp(Bytes segment) {
    if (segment.size() < TcpHeader::kMinBytes) return std::unexpected{TcpFault::Truncated};

    const auto offset_and_flags = load_be<std::uint16_t>(segment, kOffsetAndFlags);
    const auto header_bytes = static_cast<std::uint8_t>((offset_and_flags >> 12) * 4);
    if (header_bytes < TcpHeader::kMinBytes) return std::unexpected{TcpFault::BadDataOffset};
    if (header_bytes > segment.size()) return std::unexpected{TcpFault::Truncated};

    return TcpHeader{
        .source_port = load_be<std::uint16_t>(segment, kSource),
        .target_port = load_be<std::uint16_t>(segment, kTarget),
        .seq = Seq32{load_be<std::uint32_t>(segment, kSeq)},
        .ack = Seq32{load_be<std::uint32_t>(segment, kAck)},
        .flags = unpack(offset_and_flags),
        .window = load_be<std::uint16_t>(segment, kWindow),
        .checksum = load_be<std::uint16_t>(segment, TcpHeader::kChecksumAt),
        .urgent = load_be<std::uint16_t>(segment, kUrgent),
        .header_bytes = header_bytes,
    };
}

void write_tcp(MutableBytes to, const TcpHeader& header) {
    FAIRLEAD_ASSERT(header.header_bytes % 4 == 0 && header.header_bytes >= TcpHeader::kMinBytes &&
                    header.header_bytes <= TcpHeader::kMaxBytes);
    store_be(to, kSource, header.source_port);
    store_be(to, kTarget, header.target_port);
    store_be(to, kSeq, std::to_underlying(header.seq));
    store_be(to, kAck, std::to_underlying(header.ack));
    store_be(to, kOffsetAndFlags,
             static_cast<std::uint16_t>(header.header_bytes / 4 << 12 | pack(header.flags)));
    store_be(to, kWindow, header.window);
    store_be(to, TcpHeader::kChecksumAt, header.checksum);
    store_be(to, kUrgent, header.urgent);
}

}  // namespace fairlead::wire
