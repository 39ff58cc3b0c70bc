#include "ip/route.hpp"

#include <bit>
#include <cstring>

#include "base/bytes.hpp"

namespace fairlead::ip {
namespace {

constexpr std::uint64_t mask_of(std::size_t leading_ones) {
    return leading_ones == 0 ? 0 : UINT64_MAX << (64 - leading_ones);
}

constexpr std::size_t mapped_length(const Prefix& prefix) {
    return prefix.length + (prefix.address.is_v4() ? std::size_t{96} : 0);
}

std::uint64_t load_host(const std::uint8_t* from) {
    std::uint64_t v = 0;
    std::memcpy(&v, from, sizeof v);
    return to_big_endian(v);
}

}  // namespace

RouteTable::Key RouteTable::key_of(const IpAddress& address, std::size_t length) {
    return {.high = load_host(address.bytes().data()) & mask_of(length < 64 ? length : 64),
            .low = load_host(address.bytes().data() + 8) & mask_of(length < 64 ? 0 : length - 64),
            .length = static_cast<std::uint8_t>(length),
            .is_v4 = address.is_v4()};
}

RouteTable::Key RouteTable::key_of(const Prefix& prefix) {
    return key_of(prefix.address, mapped_length(prefix));
}

std::size_t RouteTable::bucket_of(const Key& key) const {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &key.high, 8);
    std::memcpy(bytes.data() + 8, &key.low, 8);
    return hash_(IpAddress::v6(bytes), key.length) & (buckets_.size() - 1);
}

Result<void> RouteTable::add(const Route& route) {
    const std::size_t longest = route.destination.address.is_v4() ? 32 : 128;
    if (route.destination.length > longest) return std::unexpected{Errc::InvalidArgument};
    const Key key = key_of(route.destination);
    if (key != Key{key_of(route.destination.address, 128).high,
                   key_of(route.destination.address, 128).low, key.length, key.is_v4}) {
        return std::unexpected{Errc::InvalidArgument};
    }
    for (std::uint32_t i = buckets_[bucket_of(key)]; i != kNone; i = entries_[i].next) {
        const Entry& e = entries_[i];
        if (e.key != key || e.route.metric != route.metric) continue;
        if (key.is_v4 ||
            (e.route.interface == route.interface && e.route.gateway == route.gateway)) {
            return std::unexpected{Errc::Exists};
        }
    }
    return insert(route, key);
}

Result<void> RouteTable::add_connected(const Route& route) {
    return insert(route, key_of(route.destination));
}

Result<void> RouteTable::insert(const Route& route, const Key& key) {
    if (size_ == kMaxRoutes) return std::unexpected{Errc::NoBuffers};
    if (size_ >= buckets_.size()) grow();
    std::uint32_t index = free_;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        free_ = entries_[index].next;
    }
    entries_[index] = {.route = route, .key = key, .is_used = true};
    link(index);
    ++size_;
    count(key, true);
    return {};
}

// Behind those of the same prefix that are as good or better; behind all, if there are none.
void RouteTable::link(std::uint32_t index) {
    Entry& added = entries_[index];
    std::uint32_t* at = &buckets_[bucket_of(added.key)];
    while (*at != kNone) {
        const Entry& e = entries_[*at];
        if (e.key == added.key && e.route.metric > added.route.metric) break;
        at = &entries_[*at].next;
    }
    added.next = *at;
    *at = index;
}

void RouteTable::grow() {
    const std::vector<std::uint32_t> old = buckets_;
    buckets_.assign(old.size() * 4, kNone);
    for (std::uint32_t index : old) {
        while (index != kNone) {
            const std::uint32_t next = entries_[index].next;
            link(index);
            index = next;
        }
    }
}

template <typename Matches>
Result<void> RouteTable::remove_first(const Key& key, Matches matches) {
    std::uint32_t* at = &buckets_[bucket_of(key)];
    while (*at != kNone && !(entries_[*at].key == key && matches(entries_[*at].route))) {
        at = &entries_[*at].next;
    }
    if (*at == kNone) return std::unexpected{Errc::NoSuchEntry};
    const std::uint32_t index = *at;
    *at = entries_[index].next;
    entries_[index] = {.next = free_};
    free_ = index;
    --size_;
    count(key, false);
    return {};
}

Result<void> RouteTable::remove(const Prefix& destination) {
    return remove_first(key_of(destination), [](const Route&) { return true; });
}

Result<void> RouteTable::remove(const Prefix& destination, InterfaceIndex interface,
                                const IpAddress& gateway) {
    return remove_first(key_of(destination), [&](const Route& r) {
        return r.interface == interface && r.gateway == gateway;
    });
}

const Route* RouteTable::find_in(const Key& key, InterfaceIndex interface) const {
    for (std::uint32_t i = buckets_[bucket_of(key)]; i != kNone; i = entries_[i].next) {
        const Entry& e = entries_[i];
        if (e.key == key && (interface == 0 || e.route.interface == interface)) return &e.route;
    }
    return nullptr;
}

const Route* RouteTable::find(const IpAddress& destination, InterfaceIndex interface) const {
    const Lengths& lengths = lengths_[destination.is_v4() ? 1 : 0];
    for (std::size_t word = lengths.bits.size(); word-- > 0;) {
        for (std::uint64_t bits = lengths.bits[word]; bits != 0;) {
            const auto top = static_cast<std::size_t>(63 - std::countl_zero(bits));
            bits &= ~(std::uint64_t{1} << top);
            const Route* found = find_in(key_of(destination, word * 64 + top), interface);
            if (found != nullptr) return found;
        }
    }
    return nullptr;
}

Route* RouteTable::find_exact(const Prefix& destination, InterfaceIndex interface) {
    const Key key = key_of(destination);
    for (std::uint32_t i = buckets_[bucket_of(key)]; i != kNone; i = entries_[i].next) {
        Entry& e = entries_[i];
        if (e.key == key && (interface == 0 || e.route.interface == interface)) return &e.route;
    }
    return nullptr;
}

void RouteTable::count(const Key& key, bool is_new) {
    Lengths& lengths = lengths_[key.is_v4 ? 1 : 0];
    std::uint32_t& routes = lengths.counts[key.length];
    routes = is_new ? routes + 1 : routes - 1;
    const std::uint64_t bit = std::uint64_t{1} << key.length % 64;
    std::uint64_t& word = lengths.bits[key.length / 64];
    word = routes == 0 ? word & ~bit : word | bit;
}

}  // namespace fairlead::ip
