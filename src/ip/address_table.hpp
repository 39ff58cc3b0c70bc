// ip/address_table.hpp — which addresses are ours, on which interface, and for how long.
//
// Owns:   the addresses of every interface with their prefix, state and lifetimes; what the
//         destination of a packet is to us.
// Knows:  RFC 4291 §2.7 (the groups every node is in), RFC 919 and RFC 922 (broadcast), RFC 4862
//         §5.5.4 (preferred, deprecated, invalid). Like Linux the stack follows the weak end
//         system model: a packet to any of our addresses is ours on any interface, but for
//         link-local ones, whose interface is part of their name.
// Cost:   "is it ours" is one multiplication and one comparison. The hash has no key: strangers choose
//         what is looked up, but not what is in the table.
// Not here: which address to send from (source_address.hpp), routes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/error.hpp"
#include "fairlead/time.hpp"

namespace fairlead::ip {

struct OwnAddress {
    IpAddress address{};  // with its zone where it needs one
    std::uint8_t prefix_length = 0;
    InterfaceIndex interface = 0;
    bool is_secondary = false;  // IPv4: another address of this subnet was there first
    bool is_automatic = false;  // made from a router's word: it may be taken back
    bool is_unprobed = false;   // nobody was asked yet whether it is theirs
    Instant probed_until{};     // until then they may still say so
    Instant preferred_until = Instant::never();
    Instant valid_until = Instant::never();

    Prefix prefix() const { return {.address = address, .length = prefix_length}; }
};

enum class Destination : std::uint8_t {
    Other,      // not for us
    Own,        // one of our own addresses
    Broadcast,  // everybody on the link, us included
    Group,      // a multicast group that we are in
};

class AddressTable {
public:
    AddressTable() { rebuild(); }

    // Exists: the interface has it already. InvalidArgument: no address a host can have.
    Result<void> add(const OwnAddress& address);
    // The address as it was; nothing: there was none.
    std::optional<OwnAddress> remove(InterfaceIndex interface, const IpAddress& address);

    // A link-local address is asked for with its zone.
    const OwnAddress* find(const IpAddress& address) const {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = slot_of(address); slots_[at] != 0; at = (at + 1) & mask) {
            const OwnAddress& candidate = addresses_[slots_[at] - 1u];
            if (candidate.address == address) return &candidate;
        }
        return nullptr;
    }
    // The same on one interface, to change its lifetimes.
    OwnAddress* find(InterfaceIndex interface, const IpAddress& address);
    // All of 127/8 is ours as well.
    bool is_own(const IpAddress& address) const {
        return find(address) != nullptr || (address.is_v4() && address.is_loopback());
    }
    // The last address of one of the interface's subnets (of any subnet: interface 0), or
    // 255.255.255.255.
    bool is_broadcast(const IpAddress& address, InterfaceIndex interface) const;
    // What a packet that came in by the interface is addressed to.
    Destination classify(const IpAddress& destination, InterfaceIndex interface) const {
        return is_own(destination) ? Destination::Own : classify_foreign(destination, interface);
    }

    // In the order they were added.
    std::span<const OwnAddress> all() const { return addresses_; }
    // The zone of a link-local address that is ours on some interface; 0: on none.
    InterfaceIndex zone_of(const IpAddress& address_without_zone) const;
    // Null: all were probed that need it.
    OwnAddress* next_unprobed();
    // When an address expires, or at once where one is unprobed.
    Instant next_deadline() const { return deadline_ ? *deadline_ : soonest(); }

private:
    Destination classify_foreign(const IpAddress& destination, InterfaceIndex interface) const;
    Instant soonest() const;
    bool is_member(const IpAddress& group, InterfaceIndex interface) const;
    void rebuild();
    void file(std::size_t position);

    std::size_t slot_of(const IpAddress& address) const {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, address.bytes().data(), 8);
        std::memcpy(&low, address.bytes().data() + 8, 8);
        const std::uint64_t product = (high ^ low ^ address.zone()) * 0x9e37'79b9'7f4a'7c15u;
        // The top bits: only they depend on the last byte of an IPv4 address.
        return static_cast<std::size_t>(product >> std::countl_zero(slots_.size() - 1));
    }

    std::vector<OwnAddress> addresses_{};
    struct Broadcast {
        IpAddress address{};
        InterfaceIndex interface = 0;
        bool operator==(const Broadcast&) const = default;
    };
    std::vector<Broadcast> broadcasts_{};        // of the subnets, each once
    mutable std::optional<Instant> deadline_{};  // nothing: something may have changed
    std::vector<std::uint16_t> slots_{};  // open addressing; 0: free, else a position and one
};

// The address of all hosts of an IPv4 prefix; nothing where there is none (RFC 3021: /31).
std::optional<IpAddress> broadcast_of(const Prefix& prefix);

}  // namespace fairlead::ip
