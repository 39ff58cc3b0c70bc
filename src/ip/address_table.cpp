#include "ip/address_table.hpp"

#include <algorithm>
#include <bit>

#include "wire/nd.hpp"

namespace fairlead::ip {
namespace {

constexpr std::size_t kMaxAddresses = 16384;

bool same_bytes(const IpAddress& a, const IpAddress& b) { return a.bytes() == b.bytes(); }

// RFC 1122 §3.2.1.3 and RFC 4291 §2.5: what may be given to an interface.
bool is_assignable(const OwnAddress& a) {
    const std::uint8_t longest = a.address.is_v4() ? 32 : 128;
    if (a.prefix_length > longest || a.address.is_any() || a.address.is_multicast()) return false;
    if (a.address.is_v4()) return a.address.v4_value() < 0xf000'0000u;
    return !a.address.needs_zone() || a.address.zone() == a.interface;
}

bool same_subnet(const OwnAddress& a, const OwnAddress& b) {
    return a.interface == b.interface && a.prefix_length == b.prefix_length &&
           a.prefix().contains(b.address);
}

}  // namespace

std::optional<IpAddress> broadcast_of(const Prefix& prefix) {
    if (!prefix.address.is_v4() || prefix.length > 30) return std::nullopt;
    return IpAddress::v4(prefix.address.v4_value() | 0xffff'ffffu >> prefix.length);
}

Result<void> AddressTable::add(const OwnAddress& address) {
    if (!is_assignable(address)) return std::unexpected{Errc::InvalidArgument};
    if (find(address.interface, address.address) != nullptr) return std::unexpected{Errc::Exists};
    if (addresses_.size() == kMaxAddresses) return std::unexpected{Errc::NoBuffers};
    addresses_.push_back(address);
    OwnAddress& added = addresses_.back();
    added.is_secondary =
        address.address.is_v4() &&
        std::any_of(addresses_.begin(), addresses_.end() - 1,
                    [&](const OwnAddress& other) { return same_subnet(other, added); });
    if (addresses_.size() * 2 > slots_.size()) {
        rebuild();
    } else {
        file(addresses_.size() - 1);
    }
    return {};
}

std::optional<OwnAddress> AddressTable::remove(InterfaceIndex interface, const IpAddress& address) {
    const auto at = std::ranges::find_if(addresses_, [&](const OwnAddress& a) {
        return a.interface == interface && a.address == address;
    });
    if (at == addresses_.end()) return std::nullopt;
    const OwnAddress removed = *at;
    addresses_.erase(at);
    // The next of the subnet takes its place, as with Linux's promote_secondaries.
    if (!removed.is_secondary) {
        const auto next = std::ranges::find_if(
            addresses_, [&](const OwnAddress& a) { return same_subnet(a, removed); });
        if (next != addresses_.end()) next->is_secondary = false;
    }
    rebuild();
    return removed;
}

OwnAddress* AddressTable::find(InterfaceIndex interface, const IpAddress& address) {
    deadline_.reset();  // the caller may change its lifetimes
    const auto at = std::ranges::find_if(addresses_, [&](const OwnAddress& a) {
        return a.interface == interface && a.address == address;
    });
    return at == addresses_.end() ? nullptr : &*at;
}

bool AddressTable::is_broadcast(const IpAddress& address, InterfaceIndex interface) const {
    if (!address.is_v4()) return false;
    if (address.is_limited_broadcast()) return true;
    return std::ranges::any_of(broadcasts_, [&](const Broadcast& b) {
        return (interface == 0 || b.interface == interface) && b.address == address;
    });
}

// RFC 1112 §4 (all hosts), RFC 4291 §2.8 (all nodes, the solicited-node groups).
bool AddressTable::is_member(const IpAddress& group, InterfaceIndex interface) const {
    if (group.is_v4()) return group.v4_value() == 0xe000'0001u;
    const auto& b = group.bytes();
    const bool is_nodes = std::all_of(b.begin() + 2, b.end() - 1, [](auto x) { return x == 0; });
    if (is_nodes && b[15] == 1 && (b[1] == 0x01 || b[1] == 0x02)) return true;
    return std::ranges::any_of(addresses_, [&](const OwnAddress& a) {
        return a.interface == interface && !a.address.is_v4() &&
               same_bytes(wire::solicited_node(a.address), group);
    });
}

Destination AddressTable::classify_foreign(const IpAddress& destination,
                                           InterfaceIndex interface) const {
    if (destination.is_multicast()) {
        return is_member(destination, interface) ? Destination::Group : Destination::Other;
    }
    return is_broadcast(destination, interface) ? Destination::Broadcast : Destination::Other;
}

InterfaceIndex AddressTable::zone_of(const IpAddress& address_without_zone) const {
    const auto at = std::ranges::find_if(addresses_, [&](const OwnAddress& a) {
        return same_bytes(a.address, address_without_zone);
    });
    return at == addresses_.end() ? 0 : at->address.zone();
}

OwnAddress* AddressTable::next_unprobed() {
    deadline_.reset();
    const auto at = std::ranges::find_if(addresses_, &OwnAddress::is_unprobed);
    return at == addresses_.end() ? nullptr : &*at;
}

Instant AddressTable::soonest() const {
    Instant next = Instant::never();
    for (const OwnAddress& a : addresses_) {
        next = std::min(next, a.is_unprobed ? Instant{} : a.valid_until);
    }
    deadline_ = next;
    return next;
}

void AddressTable::rebuild() {
    slots_.assign(std::bit_ceil(4 * (addresses_.size() + 1)), 0);
    broadcasts_.clear();
    for (std::size_t i = 0; i < addresses_.size(); ++i) file(i);
    deadline_.reset();
}

void AddressTable::file(std::size_t position) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = slot_of(addresses_[position].address);
    while (slots_[at] != 0) at = (at + 1) & mask;
    slots_[at] = static_cast<std::uint16_t>(position + 1);

    deadline_.reset();
    const OwnAddress& own = addresses_[position];
    const auto all = own.address.is_loopback() ? std::nullopt : broadcast_of(own.prefix());
    if (!all) return;
    const Broadcast entry{.address = *all, .interface = own.interface};
    if (std::ranges::find(broadcasts_, entry) == broadcasts_.end()) broadcasts_.push_back(entry);
}

}  // namespace fairlead::ip
