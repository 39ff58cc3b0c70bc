#include "wire/ipv4.hpp"

#include <cstring>
#include <optional>

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

namespace {

// Field by field into where the caller wants it: a header that is built and then copied whole is
// read back before it was written.
std::optional<Ipv4Fault> read_header(Bytes from, Ipv4Header& header) {
    if (from.size() < Ipv4Header::kMinBytes) return Ipv4Fault::Truncated;
    const auto version_and_length = load_be<std::uint8_t>(from, kVersionAndLength);
    if (version_and_length >> 4 != 4) return Ipv4Fault::BadVersion;
    header.header_bytes = static_cast<std::uint8_t>((version_and_length & 0x0f) * 4);
    if (header.header_bytes < Ipv4Header::kMinBytes) return Ipv4Fault::BadHeaderLength;
    if (header.header_bytes > from.size()) return Ipv4Fault::Truncated;

    const auto fragment = load_be<std::uint16_t>(from, kFragment);
    header.traffic_class = load_be<std::uint8_t>(from, kTrafficClass);
    header.total_bytes = load_be<std::uint16_t>(from, kTotalBytes);
    header.id = load_be<std::uint16_t>(from, kId);
    header.dont_fragment = (fragment & kDontFragment) != 0;
    header.more_fragments = (fragment & kMoreFragments) != 0;
    header.fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8);
    header.ttl = load_be<std::uint8_t>(from, kTtl);
    header.protocol = static_cast<IpProtocol>(load_be<std::uint8_t>(from, kProtocol));
    header.source = load_v4(from, kSource);
    header.target = load_v4(from, kTarget);
    return std::nullopt;
}

}  // namespace

std::expected<Ipv4Header, Ipv4Fault> parse_quoted_ipv4(Bytes quoted) {
    std::expected<Ipv4Header, Ipv4Fault> result;
    if (const auto fault = read_header(quoted, *result)) result = std::unexpected{*fault};
    return result;
}

std::expected<Ipv4Header, Ipv4Fault> parse_ipv4(Bytes packet, std::size_t packet_bytes) {
    std::expected<Ipv4Header, Ipv4Fault> result;
    auto fault = read_header(packet, *result);
    if (!fault) {
        if (!sum_of(packet.first(result->header_bytes)).is_valid()) {
            fault = Ipv4Fault::BadChecksum;
        } else if (result->total_bytes > packet_bytes) {
            fault = Ipv4Fault::ShortPacket;
        } else if (result->total_bytes < result->header_bytes) {
            fault = Ipv4Fault::BadTotalLength;
        }
    }
    if (fault) result = std::unexpected{*fault};
    return result;
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
