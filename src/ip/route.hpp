// ip/route.hpp — which way to a destination.
//
// Owns:   the routes, found by longest prefix, then smallest metric, then age.
// Why:    one table for both families: an IPv4 prefix of length n is the mapped prefix of length
//         96 + n. A chained hash of (prefix, length), and a bit for each length that is in use: a
//         look-up costs one probe for each length present that is longer than the answer, so that
//         three routes or ten thousand cost alike.
// Not here: path MTUs of single destinations (path_mtu.hpp), whether a gateway makes sense and
//         which source to use (path.cpp), changing of paths already found (Network::generation).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fairlead/error.hpp"
#include "fairlead/stack.hpp"
#include "ip/address_hash.hpp"

namespace fairlead::ip {

class RouteTable {
public:
    explicit RouteTable(AddressHash hash) : hash_{hash}, buckets_(16, kNone) {}

    // InvalidArgument: the prefix has bits behind its length, or is too long. Exists: one of this
    // prefix and metric by the same interface (IPv4: by any) is there. NoBuffers: full.
    Result<void> add(const Route& route);
    // The same without the rule of one route to an IPv4 prefix: two interfaces may share a subnet.
    Result<void> add_connected(const Route& route);
    // The first of this prefix. NoSuchEntry.
    Result<void> remove(const Prefix& destination);
    // The first of this prefix, interface and gateway. NoSuchEntry.
    Result<void> remove(const Prefix& destination, InterfaceIndex interface,
                        const IpAddress& gateway);

    // `interface` 0: any. Null: no route. Valid until the table changes.
    const Route* find(const IpAddress& destination, InterfaceIndex interface) const;
    // The first of exactly this prefix.
    Route* find_exact(const Prefix& destination, InterfaceIndex interface);

    std::size_t size() const { return size_; }
    // In no order that means anything, but the same one for the same history.
    template <typename F>
    void for_each(F&& f) const {
        for (const Entry& e : entries_) {
            if (e.is_used) f(e.route);
        }
    }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::size_t kMaxRoutes = 1u << 20;

    struct Key {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::uint8_t length = 0;
        bool is_v4 = false;
        bool operator==(const Key&) const = default;
    };
    struct Entry {
        Route route{};
        Key key{};
        std::uint32_t next = kNone;
        bool is_used = false;
    };
    // Which lengths are in use, and by how many routes; an array for each family.
    struct Lengths {
        std::array<std::uint64_t, 3> bits{};
        std::array<std::uint32_t, 129> counts{};
    };

    static Key key_of(const IpAddress& address, std::size_t mapped_length);
    static Key key_of(const Prefix& prefix);
    std::size_t bucket_of(const Key& key) const;
    Result<void> insert(const Route& route, const Key& key);
    void link(std::uint32_t index);
    void grow();
    template <typename Matches>
    Result<void> remove_first(const Key& key, Matches matches);
    const Route* find_in(const Key& key, InterfaceIndex interface) const;
    void count(const Key& key, bool is_new);

    AddressHash hash_;
    std::size_t size_ = 0;
    std::uint32_t free_ = kNone;
    std::vector<Entry> entries_{};
    std::vector<std::uint32_t> buckets_;
    std::array<Lengths, 2> lengths_{};  // [is_v4]
};

}  // namespace fairlead::ip
