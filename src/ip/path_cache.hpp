// ip/path_cache.hpp — the paths that were looked up last.
//
// Owns:   a fixed number of answers of find_path(), each with its question, in places chosen by a
//         keyed hash. One of an older generation is none.
// Why:    a connection asks for the same path as the one before it, and the way through addresses,
//         broadcasts, routes and source addresses is long.
// Not here: answers that depend on more than the question and the generation (path.cpp keeps them
//         out), and errors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ip/address_hash.hpp"
#include "ip/network.hpp"

namespace fairlead::ip {

class PathCache {
public:
    explicit PathCache(AddressHash hash) : hash_{hash} {}

    // Null: not known. Valid until the next keep().
    const SourcedPath* find(const IpAddress& destination, const IpAddress& source,
                            InterfaceIndex interface, std::uint32_t generation) const {
        const Entry& e = entries_[place_of(destination, source)];
        const bool is_it = e.path.generation == generation && e.destination == destination &&
                           e.source == source && e.interface == interface;
        return is_it ? &e.path : nullptr;
    }
    void keep(const IpAddress& destination, const IpAddress& source, InterfaceIndex interface,
              const SourcedPath& path) {
        entries_[place_of(destination, source)] = {
            .destination = destination, .source = source, .interface = interface, .path = path};
    }

private:
    static constexpr std::size_t kEntries = 256;

    struct Entry {
        IpAddress destination{};
        IpAddress source{};
        InterfaceIndex interface = 0;
        SourcedPath path{};  // generation 0: free
    };

    std::size_t place_of(const IpAddress& destination, const IpAddress& source) const {
        std::uint64_t low = 0;
        std::memcpy(&low, source.bytes().data() + 8, sizeof low);
        return hash_(destination, low) % kEntries;
    }

    AddressHash hash_;
    std::array<Entry, kEntries> entries_{};
};

}  // namespace fairlead::ip
