#include "wire/ipv4.hpp"

#include <cstring>

#include "wire/address_field.hpp"
#include "wire/checksum.hpp"

namespace fairlead::wire {
namespace {

// Where each field begins.
constexpr std::size_t kVersionAndLength = 0;
constexpr std::size_t kTrafficClass = 1;
constexpr std::size_t kTotalBytes = 2;
constexpr std::size_t kId = 4;
constexpr std::size_t kFragment = 6;
constexpr std::size_t kTtl = 8;
constexpr std::size_t kProtocol = 9;
constexpr std::size_t kSource = 12;
constexpr std::size_t kTarget = 16;

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;  // in units of 8 bytes

enum Option : std::uint8_t {
    kEnd = 0,
    kNop = 1,
    kLooseSourceRoute = 131,
    kStrictSourceRoute = 137,
    kRouterAlert = 148,
};

}  // namespace

std::expected<Ipv4Header, Ipv4Fault> parse_quoted_ipv4(Bytes quoted) {
    if (quoted.size() < Ipv4Header::kMinBytes) return std::unexpected{Ipv4Fault::Truncated};
    const auto version_and_length = load_be<std::uint8_t>(quoted, kVersionAndLength);
    if (version_and_length >> 4 != 4) return std::unexpected{Ipv4Fault::BadVersion};
    const auto header_bytes = static_cast<std::uint8_t>((version_and_length & 0x0f) * 4);
    if (header_bytes < Ipv4Header::kMinBytes) return std::unexpected{Ipv4Fault::BadHeaderLength};
    if (header_bytes > quoted.size()) return std::unexpected{Ipv4Fault::Truncated};

    const auto fragment = load_be<std::uint16_t>(quoted, kFragment);
    return Ipv4Header{
        .header_bytes = header_bytes,
        .traffic_class = load_be<std::uint8_t>(quoted, kTrafficClass),
        .total_bytes = load_be<std::uint16_t>(quoted, kTotalBytes),
        .id = load_be<std::uint16_t>(quoted, kId),
        .dont_fragment = (fragment & kDontFragment) != 0,
        .more_fragments = (fragment & kMoreFragments) != 0,
        .fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8),
        .ttl = load_be<std::uint8_t>(quoted, kTtl),
        .protocol = static_cast<IpProtocol>(load_be<std::uint8_t>(quoted, kProtocol)),
        .source = load_v4(quoted, kSource),
        .target = load_v4(quoted, kTarget),
    };
}

std::expected<Ipv4Header, Ipv4Fault> parse_ipv4(Bytes packet, std::size_t packet_bytes) {
    const auto header = parse_quoted_ipv4(packet);
    if (!header) return header;
    if (!sum_of(packet.first(header->header_bytes)).is_valid()) {
        return std::unexpected{Ipv4Fault::BadChecksum};
    }
    if (header->total_bytes > packet_bytes) return std::unexpected{Ipv4Fault::ShortPacket};
    if (header->total_bytes < header->header_bytes) {
        return std::unexpected{Ipv4Fault::BadTotalLength};
    }
    return header;
}

void write_ipv4(MutableBytes to, const Ipv4Header& header, Bytes options) {
    FAIRLEAD_ASSERT(header.header_bytes == Ipv4Header::kMinBytes + options.size() &&
                    header.header_bytes % 4 == 0 && header.header_bytes <= Ipv4Header::kMaxBytes);
    FAIRLEAD_ASSERT(header.fragment_offset % 8 == 0);
    const auto first =
        static_cast<std::uint16_t>(0x4000 | header.header_bytes / 4 << 8 | header.traffic_class);
    const auto fragment = static_cast<std::uint16_t>((header.dont_fragment ? kDontFragment : 0) |
                                                     (header.more_fragments ? kMoreFragments : 0) |
                                                     header.fragment_offset / 8);
    const auto ttl_and_protocol =
        static_cast<std::uint16_t>(header.ttl << 8 | static_cast<std::uint8_t>(header.protocol));
    // Summed from the fields: to load what was just stored in smaller pieces is slow.
    PartialSum sum = pseudo_header(header.source, header.target, IpProtocol{}, 0);
    sum.add_u16(first);
    sum.add_u16(header.total_bytes);
    sum.add_u16(header.id);
    sum.add_u16(fragment);
    sum.add_u16(ttl_and_protocol);
    if (!options.empty()) sum.add(options);

    store_be(to, kVersionAndLength, first);
    store_be(to, kTotalBytes, header.total_bytes);
    store_be(to, kId, header.id);
    store_be(to, kFragment, fragment);
    store_be(to, kTtl, ttl_and_protocol);
    store_be(to, Ipv4Header::kChecksumAt, sum.checksum());
    store_v4(to, kSource, header.source);
    store_v4(to, kTarget, header.target);
    if (!options.empty()) {
        std::memcpy(to.data() + Ipv4Header::kMinBytes, options.data(), options.size());
    }
}

std::expected<Ipv4Options, std::uint8_t> parse_ipv4_options(Bytes options) {
    Ipv4Options out;
    std::size_t at = 0;
    while (at < options.size()) {
        const auto kind = load_be<std::uint8_t>(options, at);
        if (kind == kEnd) break;
        if (kind == kNop) {
            ++at;
            continue;
        }
        const std::size_t left = options.size() - at;
        const std::size_t length = left < 2 ? 0 : load_be<std::uint8_t>(options, at + 1);
        if (length < 2 || length > left || (kind == kRouterAlert && length < 4)) {
            return std::unexpected{static_cast<std::uint8_t>(Ipv4Header::kMinBytes + at)};
        }
        if (kind == kLooseSourceRoute || kind == kStrictSourceRoute) out.source_route = true;
        if (kind == kRouterAlert && load_be<std::uint16_t>(options, at + 2) == 0) {
            out.router_alert = true;
        }
        at += length;
    }
    return out;
}

}  // namespace fairlead::wire
