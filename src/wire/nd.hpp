// wire/nd.hpp — Neighbour Discovery: the five messages of RFC 4861 and their options.
//
// Owns:   parsing and writing of whole ICMPv6 messages of types 133 to 137, from the type byte on.
// Knows:  RFC 4861 §4 (formats) and §6.1, §7.1, §8.1 (what makes a message invalid, as far as its
//         own bytes tell: code, length, options, multicast targets).
// Not here: hop limit 255, the checksum, the rules that need the addresses of the packet (link/).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"

namespace fairlead::wire {

// RFC 4861 §4.6.2. A lifetime of all ones is without end.
struct PrefixInformation {
    Prefix prefix{};  // bits behind its length are zero
    bool on_link = false;
    bool autonomous = false;
    std::uint32_t valid_s = 0;
    std::uint32_t preferred_s = 0;

    constexpr bool operator==(const PrefixInformation&) const = default;
};

struct NdOptions {
    static constexpr std::size_t kMaxPrefixes = 8;  // of one advertisement; the rest is skipped

    std::optional<MacAddress> source_mac{};
    std::optional<MacAddress> target_mac{};
    std::optional<std::uint32_t> mtu{};
    std::array<PrefixInformation, kMaxPrefixes> prefix_room{};
    std::uint8_t prefix_count = 0;
    Bytes redirected{};  // the packet that was redirected; read only, never written

    std::span<const PrefixInformation> prefixes() const {
        return {prefix_room.data(), prefix_count};
    }
};

struct RouterSolicitation {
    NdOptions options{};
};

struct RouterAdvertisement {
    std::uint8_t hop_limit = 0;  // 0 and the like below: not said
    bool managed = false;
    bool other_configuration = false;
    std::uint16_t lifetime_s = 0;  // 0: no default router
    std::uint32_t reachable_ms = 0;
    std::uint32_t retransmit_ms = 0;
    NdOptions options{};
};

struct NeighborSolicitation {
    IpAddress target{};
    NdOptions options{};
};

struct NeighborAdvertisement {
    IpAddress target{};
    bool is_router = false;
    bool is_solicited = false;
    bool overrides = false;
    NdOptions options{};
};

struct NdRedirect {
    IpAddress target{};       // the better first hop
    IpAddress destination{};  // of whom it is that
    NdOptions options{};
};

enum class NdFault : std::uint8_t {
    Truncated,  // shorter than its type needs
    BadCode,    // not 0
    BadTarget,  // a multicast address where none may be
    BadOption,  // length 0, or over the end
};

// Each takes the whole ICMPv6 message, contiguous, of its type.
std::expected<RouterSolicitation, NdFault> parse_router_solicitation(Bytes message);
std::expected<RouterAdvertisement, NdFault> parse_router_advertisement(Bytes message);
std::expected<NeighborSolicitation, NdFault> parse_neighbor_solicitation(Bytes message);
std::expected<NeighborAdvertisement, NdFault> parse_neighbor_advertisement(Bytes message);
std::expected<NdRedirect, NdFault> parse_nd_redirect(Bytes message);

// What write_nd() will take; at most kMaxNdBytes.
std::size_t nd_bytes(const RouterSolicitation& message);
std::size_t nd_bytes(const RouterAdvertisement& message);
std::size_t nd_bytes(const NeighborSolicitation& message);
std::size_t nd_bytes(const NeighborAdvertisement& message);
std::size_t nd_bytes(const NdRedirect& message);
inline constexpr std::size_t kMaxNdBytes = 40 + 8 + 8 + 8 + NdOptions::kMaxPrefixes * 32;

// Writes the message from its type byte on, the checksum zero, and returns how many bytes.
std::size_t write_nd(MutableBytes to, const RouterSolicitation& message);
std::size_t write_nd(MutableBytes to, const RouterAdvertisement& message);
std::size_t write_nd(MutableBytes to, const NeighborSolicitation& message);
std::size_t write_nd(MutableBytes to, const NeighborAdvertisement& message);
std::size_t write_nd(MutableBytes to, const NdRedirect& message);

// ff02::1:ff00:0/104 and the last 24 bits of the address (RFC 4291 §2.7.1), without a zone.
constexpr IpAddress solicited_node(const IpAddress& address) {
    const auto& b = address.bytes();
    return IpAddress::v6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]});
}

}  // namespace fairlead::wire
