#include "wire/ipv6.hpp"

#include <algorithm>

#include "wire/address_field.hpp"

namespace fairlead::wire {
namespace {

using Step = std::expected<void, ExtensionError>;

constexpr std::size_t kPayloadBytes = 4;
constexpr std::size_t kHopLimit = 7;
constexpr std::size_t kSource = 8;
constexpr std::size_t kTarget = 24;

constexpr std::uint8_t kPad1 = 0;
constexpr std::uint8_t kPadN = 1;
constexpr std::uint8_t kRouterAlert = 5;
constexpr std::size_t kMaxPadding = 7;  // as Linux: more serves no alignment

// So that offsets fit 16 bits.
static_assert(Ipv6Header::kBytes + kMaxExtensionHeaders * 256 * 8 <= UINT16_MAX);

std::unexpected<ExtensionError> fault(ExtensionFault f, std::size_t pointer) {
    return std::unexpected{ExtensionError{f, static_cast<std::uint32_t>(pointer)}};
}

// RFC 8200 §4.2: the two highest bits say what to do with an option nobody knows.
Step unknown_option(std::uint8_t type, std::size_t at) {
    switch (type >> 6) {
        case 0: return {};
        case 1: return fault(ExtensionFault::DiscardOption, at);
        case 2: return fault(ExtensionFault::ReportOption, at);
        default: return fault(ExtensionFault::ReportUnlessGroup, at);
    }
}

// Padding that says something is a channel for what nobody asked for (RFC 4942 §2.1.9.5).
bool is_all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// The options in packet[at, end) of one hop-by-hop or destination options header.
Step walk_options(Bytes packet, std::size_t at, std::size_t end, Ipv6Upper& upper) {
    std::size_t padding = 0;
    int count = 0;
    while (at < end) {
        const auto type = load_be<std::uint8_t>(packet, at);
        if (type == kPad1) {
            if (++padding > kMaxPadding) return fault(ExtensionFault::BadOption, at);
            ++at;
            continue;
        }
        if (end - at < 2) return fault(ExtensionFault::BadOption, at);
        const std::size_t length = std::size_t{load_be<std::uint8_t>(packet, at + 1)} + 2;
        if (length > end - at) return fault(ExtensionFault::BadOption, at);
        if (type == kPadN) {
            padding += length;
            const bool is_zero = is_all_zero(packet.subspan(at + 2, length - 2));
            if (padding > kMaxPadding || !is_zero) return fault(ExtensionFault::BadOption, at);
        } else {
            padding = 0;
            if (++count > kMaxExtensionOptions) return fault(ExtensionFault::TooManyOptions, at);
            if (type == kRouterAlert && length == 4) {
                upper.router_alert = true;
            } else if (const Step step = unknown_option(type, at); !step) {
                return step;
            }
        }
        at += length;
    }
    return {};
}

// RFC 8200 §4.4: a type we do not know is skipped once its segments are used up.
Step check_routing(Bytes packet, std::size_t at) {
    if (load_be<std::uint8_t>(packet, at + 3) == 0) return {};
    return fault(ExtensionFault::BadRouting, at + 2);
}

// RFC 8200 §4.5: what a receiver refuses before it keeps a fragment.
Step check_fragment(const Ipv6Fragment& fragment, std::size_t bytes) {
    if (fragment.more && bytes % 8 != 0) {
        return fault(ExtensionFault::BadFragmentLength, kPayloadBytes);
    }
    if (fragment.offset + bytes > 65535) {
        return fault(ExtensionFault::FragmentTooLong, fragment.header_at + std::size_t{2});
    }
    return {};
}

Ipv6Fragment load_fragment(Bytes packet, std::size_t at) {
    const auto offset_and_more = load_be<std::uint16_t>(packet, at + 2);
    return {.id = load_be<std::uint32_t>(packet, at + 4),
            .offset = static_cast<std::uint16_t>(offset_and_more & 0xfff8),
            .more = (offset_and_more & 1) != 0,
            .header_at = static_cast<std::uint16_t>(at)};
}

constexpr bool is_extension(IpProtocol p) {
    return p == IpProtocol::HopByHop || p == IpProtocol::Routing || p == IpProtocol::Fragment ||
           p == IpProtocol::DestinationOptions;
}

// One header of `bytes` bytes at upper.offset, which is not a fragment header.
Step visit(Bytes packet, std::size_t bytes, Ipv6Upper& upper) {
    const std::size_t at = upper.offset;
    switch (upper.protocol) {
        case IpProtocol::HopByHop:
            if (at != Ipv6Header::kBytes) {
                return fault(ExtensionFault::MisplacedHopByHop, upper.next_header_at);
            }
            return walk_options(packet, at + 2, at + bytes, upper);
        case IpProtocol::DestinationOptions: return walk_options(packet, at + 2, at + bytes, upper);
        default: return check_routing(packet, at);
    }
}

}  // namespace

std::expected<Ipv6Header, Ipv6Fault> parse_ipv6(Bytes packet, std::size_t packet_bytes) {
    if (packet.size() < Ipv6Header::kBytes) return std::unexpected{Ipv6Fault::Truncated};
    const auto first = load_be<std::uint32_t>(packet, 0);
    if (first >> 28 != 6) return std::unexpected{Ipv6Fault::BadVersion};
    const Ipv6Header header{
        .traffic_class = static_cast<std::uint8_t>(first >> 20),
        .flow_label = first & 0xf'ffff,
        .payload_bytes = load_be<std::uint16_t>(packet, kPayloadBytes),
        .next_header =
            static_cast<IpProtocol>(load_be<std::uint8_t>(packet, Ipv6Header::kNextHeaderAt)),
        .hop_limit = load_be<std::uint8_t>(packet, kHopLimit),
        .source = load_v6(packet, kSource),
        .target = load_v6(packet, kTarget),
    };
    // Above ip/ such an address means IPv4: from the wire it would pass the wrong filters.
    if (header.source.is_v4() || header.target.is_v4()) {
        return std::unexpected{Ipv6Fault::MappedAddress};
    }
    if (Ipv6Header::kBytes + header.payload_bytes > packet_bytes) {
        return std::unexpected{Ipv6Fault::ShortPacket};
    }
    return header;
}

void write_ipv6(MutableBytes to, const Ipv6Header& header) {
    FAIRLEAD_ASSERT(header.flow_label <= 0xf'ffff);
    store_be(to, 0, 6u << 28 | std::uint32_t{header.traffic_class} << 20 | header.flow_label);
    store_be(to, kPayloadBytes, header.payload_bytes);
    store_be(to, Ipv6Header::kNextHeaderAt, static_cast<std::uint8_t>(header.next_header));
    store_be(to, kHopLimit, header.hop_limit);
    store_v6(to, kSource, header.source);
    store_v6(to, kTarget, header.target);
}

void write_ipv6_fragment(MutableBytes to, const Ipv6Fragment& fragment, IpProtocol next_header) {
    FAIRLEAD_ASSERT(fragment.offset % 8 == 0);
    store_be(to, 0, static_cast<std::uint8_t>(next_header));
    store_be(to, 1, std::uint8_t{0});
    store_be(to, 2, static_cast<std::uint16_t>(fragment.offset | (fragment.more ? 1 : 0)));
    store_be(to, 4, fragment.id);
}

std::expected<Ipv6Upper, ExtensionError> walk_extensions(Bytes packet, const Ipv6Header& header) {
    const std::size_t end =
        std::min(packet.size(), Ipv6Header::kBytes + std::size_t{header.payload_bytes});
    Ipv6Upper upper{.protocol = header.next_header,
                    .offset = Ipv6Header::kBytes,
                    .next_header_at = Ipv6Header::kNextHeaderAt};
    for (int count = 0; is_extension(upper.protocol); ++count) {
        const std::size_t at = upper.offset;
        if (count == kMaxExtensionHeaders) return fault(ExtensionFault::TooManyHeaders, at);
        if (at + 8 > end) return fault(ExtensionFault::Truncated, at);

        std::size_t bytes = Ipv6Fragment::kBytes;
        bool is_piece = false;
        if (upper.protocol == IpProtocol::Fragment) {
            const Ipv6Fragment fragment = load_fragment(packet, at);
            // One that is alone is read as if it had no fragment header (RFC 6946 §4).
            is_piece = fragment.more || fragment.offset != 0;
            if (is_piece) upper.fragment = fragment;
        } else {
            bytes = (std::size_t{load_be<std::uint8_t>(packet, at + 1)} + 1) * 8;
            if (at + bytes > end) return fault(ExtensionFault::Truncated, at);
            if (const Step step = visit(packet, bytes, upper); !step) {
                return std::unexpected{step.error()};
            }
        }
        upper.protocol = static_cast<IpProtocol>(load_be<std::uint8_t>(packet, at));
        upper.next_header_at = static_cast<std::uint16_t>(at);
        upper.offset = static_cast<std::uint16_t>(at + bytes);
        if (is_piece) {
            const std::size_t payload_end = Ipv6Header::kBytes + header.payload_bytes;
            if (const Step step = check_fragment(*upper.fragment, payload_end - upper.offset);
                !step) {
                return std::unexpected{step.error()};
            }
            break;
        }
    }
    return upper;
}

}  // namespace fairlead::wire
