#include "ip/source_address.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fairlead::ip {
namespace {

// RFC 4291 §2.7 and RFC 6724 §3.1: a unicast address has the scope a group of that number has.
constexpr std::uint8_t kLinkScope = 2;
constexpr std::uint8_t kSiteScope = 5;
constexpr std::uint8_t kGlobalScope = 14;

std::uint8_t scope_of(const IpAddress& a) {
    if (a.is_multicast()) return a.bytes()[1] & 0x0f;
    if (a.is_link_local() || a.is_loopback()) return kLinkScope;
    if (a.bytes()[0] == 0xfe && (a.bytes()[1] & 0xc0) == 0xc0) return kSiteScope;
    return kGlobalScope;
}

struct Policy {
    Prefix prefix;
    std::uint8_t label;
};

// RFC 6724 §2.1, longest first.
constexpr Policy kPolicies[] = {
    {{IpAddress::loopback(Family::Inet6), 128}, 0},
    {{IpAddress{}, 96}, 3},
    {{IpAddress::v6({0x20, 0x01}), 32}, 5},
    {{IpAddress::v6({0x20, 0x02}), 16}, 2},
    {{IpAddress::v6({0x3f, 0xfe}), 16}, 12},
    {{IpAddress::v6({0xfe, 0xc0}), 10}, 11},
    {{IpAddress::v6({0xfc}), 7}, 13},
};

std::uint8_t label_of(const IpAddress& a) {
    for (const Policy& p : kPolicies) {
        if (p.prefix.contains(a)) return p.label;
    }
    return 1;
}

int common_prefix(const IpAddress& a, const IpAddress& b) {
    int bits = 0;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto difference = static_cast<std::uint8_t>(a.bytes()[i] ^ b.bytes()[i]);
        if (difference != 0) return bits + std::countl_zero(difference);
        bits += 8;
    }
    return bits;
}

struct Choice {
    const IpAddress& destination;
    InterfaceIndex outgoing;
    Instant now;

    // RFC 6724 §5, whether `a` comes before `b`; the first rule that tells them apart decides.
    bool prefers(const OwnAddress& a, const OwnAddress& b) const {
        const bool is_same_a = a.address.bytes() == destination.bytes();
        const bool is_same_b = b.address.bytes() == destination.bytes();
        if (is_same_a != is_same_b) return is_same_a;  // rule 1

        const std::uint8_t scope_a = scope_of(a.address);
        const std::uint8_t scope_b = scope_of(b.address);
        const std::uint8_t wanted = scope_of(destination);
        if (scope_a < scope_b) return scope_a >= wanted;  // rule 2
        if (scope_b < scope_a) return scope_b < wanted;

        const bool is_deprecated_a = a.preferred_until <= now;
        const bool is_deprecated_b = b.preferred_until <= now;
        if (is_deprecated_a != is_deprecated_b) return is_deprecated_b;  // rule 3

        const bool is_outgoing_a = a.interface == outgoing;
        const bool is_outgoing_b = b.interface == outgoing;
        if (is_outgoing_a != is_outgoing_b) return is_outgoing_a;  // rule 5

        const std::uint8_t label = label_of(destination);
        const bool is_labelled_a = label_of(a.address) == label;
        const bool is_labelled_b = label_of(b.address) == label;
        if (is_labelled_a != is_labelled_b) return is_labelled_a;  // rule 6

        return matched(a) > matched(b);  // rule 8
    }

    int matched(const OwnAddress& a) const {
        return std::min<int>(common_prefix(a.address, destination), a.prefix_length);
    }

    // RFC 6724 §4: within a link only that link's addresses are candidates.
    bool is_candidate(const OwnAddress& a) const {
        if (a.address.is_v4()) return false;
        if (destination.needs_zone() || a.address.is_link_local()) return a.interface == outgoing;
        return !a.address.is_loopback() || destination.is_loopback();
    }
};

}  // namespace

std::optional<IpAddress> choose_source_v4(std::span<const OwnAddress> own,
                                          const IpAddress& next_hop, InterfaceIndex outgoing) {
    const OwnAddress* first = nullptr;
    const OwnAddress* elsewhere = nullptr;
    for (const OwnAddress& a : own) {
        if (!a.address.is_v4()) continue;
        if (a.interface == outgoing && !a.is_secondary) {
            if (a.prefix().contains(next_hop)) return a.address;
            if (first == nullptr) first = &a;
        } else if (elsewhere == nullptr && !a.address.is_loopback()) {
            elsewhere = &a;
        }
    }
    if (first != nullptr) return first->address;
    if (elsewhere != nullptr) return elsewhere->address;
    return std::nullopt;
}

std::optional<IpAddress> choose_source_v6(std::span<const OwnAddress> own,
                                          const IpAddress& destination, InterfaceIndex outgoing,
                                          Instant now) {
    const Choice choice{destination, outgoing, now};
    const OwnAddress* best = nullptr;
    for (const OwnAddress& a : own) {
        if (!choice.is_candidate(a)) continue;
        if (best == nullptr || choice.prefers(a, *best)) best = &a;
    }
    if (best == nullptr) return std::nullopt;
    return best->address;
}

}  // namespace fairlead::ip
