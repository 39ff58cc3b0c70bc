#include "wire/nd.hpp"

#include <algorithm>
#include <cstring>

#include "wire/address_field.hpp"
#include "wire/icmpv6.hpp"

namespace fairlead::wire {
namespace {

// RFC 4861 §4.6.
enum Option : std::uint8_t {
    kSourceMac = 1,
    kTargetMac = 2,
    kPrefix = 3,
    kRedirected = 4,
    kMtu = 5,
};
constexpr std::size_t kMacOptionBytes = 8;
constexpr std::size_t kMtuOptionBytes = 8;
constexpr std::size_t kPrefixOptionBytes = 32;

// Where the options begin.
constexpr std::size_t kRouterSolicitationBytes = 8;
constexpr std::size_t kRouterAdvertisementBytes = 16;
constexpr std::size_t kNeighborBytes = 24;  // solicitation and advertisement alike
constexpr std::size_t kRedirectBytes = 40;

constexpr std::size_t kTarget = 8;
constexpr std::size_t kDestination = 24;

PrefixInformation load_prefix(Bytes option) {
    const auto length = load_be<std::uint8_t>(option, 2);
    const auto flags = load_be<std::uint8_t>(option, 3);
    std::array<std::uint8_t, 16> bytes = load_v6(option, 16).bytes();
    // RFC 4861 §4.6.2: what lies behind the length is ignored.
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t kept = length > i * 8 ? std::min<std::size_t>(length - i * 8, 8) : 0;
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
    }
    return {.prefix = {.address = IpAddress::v6(bytes), .length = length},
            .on_link = (flags & 0x80) != 0,
            .autonomous = (flags & 0x40) != 0,
            .valid_s = load_be<std::uint32_t>(option, 4),
            .preferred_s = load_be<std::uint32_t>(option, 8)};
}

// An option of a known kind and a wrong size is skipped like an unknown one.
void read_option(Bytes option, NdOptions& out) {
    switch (load_be<std::uint8_t>(option, 0)) {
        case kSourceMac:
            if (option.size() == kMacOptionBytes) out.source_mac = load_mac(option, 2);
            return;
        case kTargetMac:
            if (option.size() == kMacOptionBytes) out.target_mac = load_mac(option, 2);
            return;
        case kMtu:
            if (option.size() == kMtuOptionBytes) out.mtu = load_be<std::uint32_t>(option, 4);
            return;
        case kPrefix:
            if (option.size() == kPrefixOptionBytes && load_be<std::uint8_t>(option, 2) <= 128 &&
                out.prefix_count < NdOptions::kMaxPrefixes) {
                out.prefix_room[out.prefix_count++] = load_prefix(option);
            }
            return;
        case kRedirected:
            out.redirected = option.subspan(8 <= option.size() ? 8 : option.size());
            return;
        default: return;
    }
}

std::expected<void, NdFault> read_options(Bytes options, NdOptions& out) {
    while (!options.empty()) {
        if (options.size() < 2) return std::unexpected{NdFault::BadOption};
        const std::size_t bytes = std::size_t{load_be<std::uint8_t>(options, 1)} * 8;
        if (bytes == 0 || bytes > options.size()) return std::unexpected{NdFault::BadOption};
        read_option(options.first(bytes), out);
        options = options.subspan(bytes);
    }
    return {};
}

// What all five have in common: long enough, code 0, well-formed options.
std::expected<void, NdFault> read_common(Bytes message, std::size_t fixed, NdOptions& out) {
    if (message.size() < fixed) return std::unexpected{NdFault::Truncated};
    if (load_be<std::uint8_t>(message, 1) != 0) return std::unexpected{NdFault::BadCode};
    return read_options(message.subspan(fixed), out);
}

std::size_t options_bytes(const NdOptions& options) {
    return (options.source_mac ? kMacOptionBytes : 0) + (options.target_mac ? kMacOptionBytes : 0) +
           (options.mtu ? kMtuOptionBytes : 0) + options.prefix_count * kPrefixOptionBytes;
}

void store_option_head(MutableBytes to, std::uint8_t kind, std::size_t bytes) {
    std::memset(to.data(), 0, bytes);
    store_be(to, 0, kind);
    store_be(to, 1, static_cast<std::uint8_t>(bytes / 8));
}

MutableBytes store_mac_option(MutableBytes to, std::uint8_t kind, const MacAddress& mac) {
    store_option_head(to.first(kMacOptionBytes), kind, kMacOptionBytes);
    store_mac(to, 2, mac);
    return to.subspan(kMacOptionBytes);
}

MutableBytes store_prefix_option(MutableBytes to, const PrefixInformation& information) {
    store_option_head(to.first(kPrefixOptionBytes), kPrefix, kPrefixOptionBytes);
    store_be(to, 2, information.prefix.length);
    store_be(to, 3,
             static_cast<std::uint8_t>((information.on_link ? 0x80 : 0) |
                                       (information.autonomous ? 0x40 : 0)));
    store_be(to, 4, information.valid_s);
    store_be(to, 8, information.preferred_s);
    store_v6(to, 16, information.prefix.address);
    return to.subspan(kPrefixOptionBytes);
}

void write_options(MutableBytes to, const NdOptions& options) {
    if (options.source_mac) to = store_mac_option(to, kSourceMac, *options.source_mac);
    if (options.target_mac) to = store_mac_option(to, kTargetMac, *options.target_mac);
    if (options.mtu) {
        store_option_head(to.first(kMtuOptionBytes), kMtu, kMtuOptionBytes);
        store_be(to, 4, *options.mtu);
        to = to.subspan(kMtuOptionBytes);
    }
    for (const PrefixInformation& p : options.prefixes()) to = store_prefix_option(to, p);
}

// The part all five share; the caller has put nothing there yet.
std::size_t write_common(MutableBytes to, Icmpv6Type type, std::size_t fixed,
                         const NdOptions& options) {
    const std::size_t bytes = fixed + options_bytes(options);
    FAIRLEAD_ASSERT(to.size() >= bytes && options.prefix_count <= NdOptions::kMaxPrefixes);
    std::memset(to.data(), 0, fixed);
    store_be(to, 0, static_cast<std::uint8_t>(type));
    write_options(to.subspan(fixed), options);
    return bytes;
}

}  // namespace

std::expected<RouterSolicitation, NdFault> parse_router_solicitation(Bytes message) {
    RouterSolicitation out;
    const auto common = read_common(message, kRouterSolicitationBytes, out.options);
    if (!common) return std::unexpected{common.error()};
    return out;
}

std::expected<RouterAdvertisement, NdFault> parse_router_advertisement(Bytes message) {
    RouterAdvertisement out;
    const auto common = read_common(message, kRouterAdvertisementBytes, out.options);
    if (!common) return std::unexpected{common.error()};
    const auto flags = load_be<std::uint8_t>(message, 5);
    out.hop_limit = load_be<std::uint8_t>(message, 4);
    out.managed = (flags & 0x80) != 0;
    out.other_configuration = (flags & 0x40) != 0;
    out.lifetime_s = load_be<std::uint16_t>(message, 6);
    out.reachable_ms = load_be<std::uint32_t>(message, 8);
    out.retransmit_ms = load_be<std::uint32_t>(message, 12);
    return out;
}

std::expected<NeighborSolicitation, NdFault> parse_neighbor_solicitation(Bytes message) {
    NeighborSolicitation out;
    const auto common = read_common(message, kNeighborBytes, out.options);
    if (!common) return std::unexpected{common.error()};
    out.target = load_v6(message, kTarget);
    if (out.target.is_multicast()) return std::unexpected{NdFault::BadTarget};
    return out;
}

std::expected<NeighborAdvertisement, NdFault> parse_neighbor_advertisement(Bytes message) {
    NeighborAdvertisement out;
    const auto common = read_common(message, kNeighborBytes, out.options);
    if (!common) return std::unexpected{common.error()};
    const auto flags = load_be<std::uint8_t>(message, 4);
    out.target = load_v6(message, kTarget);
    if (out.target.is_multicast()) return std::unexpected{NdFault::BadTarget};
    out.is_router = (flags & 0x80) != 0;
    out.is_solicited = (flags & 0x40) != 0;
    out.overrides = (flags & 0x20) != 0;
    return out;
}

std::expected<NdRedirect, NdFault> parse_nd_redirect(Bytes message) {
    NdRedirect out;
    const auto common = read_common(message, kRedirectBytes, out.options);
    if (!common) return std::unexpected{common.error()};
    out.target = load_v6(message, kTarget);
    out.destination = load_v6(message, kDestination);
    // RFC 4861 §8.1: the target is a router's link-local address or the destination itself.
    const bool is_good_target = out.target.is_link_local() || out.target == out.destination;
    if (!is_good_target || out.destination.is_multicast()) {
        return std::unexpected{NdFault::BadTarget};
    }
    return out;
}

std::size_t nd_bytes(const RouterSolicitation& message) {
    return kRouterSolicitationBytes + options_bytes(message.options);
}
std::size_t nd_bytes(const RouterAdvertisement& message) {
    return kRouterAdvertisementBytes + options_bytes(message.options);
}
std::size_t nd_bytes(const NeighborSolicitation& message) {
    return kNeighborBytes + options_bytes(message.options);
}
std::size_t nd_bytes(const NeighborAdvertisement& message) {
    return kNeighborBytes + options_bytes(message.options);
}
std::size_t nd_bytes(const NdRedirect& message) {
    return kRedirectBytes + options_bytes(message.options);
}

std::size_t write_nd(MutableBytes to, const RouterSolicitation& message) {
    return write_common(to, Icmpv6Type::RouterSolicitation, kRouterSolicitationBytes,
                        message.options);
}

std::size_t write_nd(MutableBytes to, const RouterAdvertisement& message) {
    const std::size_t bytes = write_common(to, Icmpv6Type::RouterAdvertisement,
                                           kRouterAdvertisementBytes, message.options);
    store_be(to, 4, message.hop_limit);
    store_be(to, 5,
             static_cast<std::uint8_t>((message.managed ? 0x80 : 0) |
                                       (message.other_configuration ? 0x40 : 0)));
    store_be(to, 6, message.lifetime_s);
    store_be(to, 8, message.reachable_ms);
    store_be(to, 12, message.retransmit_ms);
    return bytes;
}

std::size_t write_nd(MutableBytes to, const NeighborSolicitation& message) {
    const std::size_t bytes =
        write_common(to, Icmpv6Type::NeighborSolicitation, kNeighborBytes, message.options);
    store_v6(to, kTarget, message.target);
    return bytes;
}

std::size_t write_nd(MutableBytes to, const NeighborAdvertisement& message) {
    const std::size_t bytes =
        write_common(to, Icmpv6Type::NeighborAdvertisement, kNeighborBytes, message.options);
    store_be(to, 4,
             static_cast<std::uint8_t>((message.is_router ? 0x80 : 0) |
                                       (message.is_solicited ? 0x40 : 0) |
                                       (message.overrides ? 0x20 : 0)));
    store_v6(to, kTarget, message.target);
    return bytes;
}

std::size_t write_nd(MutableBytes to, const NdRedirect& message) {
    const std::size_t bytes =
        write_common(to, Icmpv6Type::Redirect, kRedirectBytes, message.options);
    store_v6(to, kTarget, message.target);
    store_v6(to, kDestination, message.destination);
    return bytes;
}

}  // namespace fairlead::wire
