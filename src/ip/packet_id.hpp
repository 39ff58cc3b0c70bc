// ip/packet_id.hpp — the identification of IPv4 packets and of fragments.
//
// Owns:   counters, chosen by a keyed hash of the two addresses, so that one destination's count
//         says nothing of another's.
// Knows:  RFC 6864 §4 (what is not fragmented may carry any), RFC 7739 §5.3 (hash-based selection),
//         Linux's TCP, whose identification rises by one a segment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/address.hpp"
#include "ip/address_hash.hpp"

namespace fairlead::ip {

class PacketIds {
public:
    explicit PacketIds(AddressHash hash) : hash_{hash} {
        for (std::size_t i = 0; i < kCounters; ++i) {
            counters_[i] = static_cast<std::uint32_t>(hash_(IpAddress{}, i + 1));
        }
        chosen_ = hash_(source_, destination_) % kCounters;
    }

    // The first of `count` identifications in a row.
    std::uint32_t take(const IpAddress& source, const IpAddress& destination, std::uint32_t count) {
        // Packets to one place come in a row: only the first of them is hashed.
        if (!(destination == destination_ && source == source_)) {
            source_ = source;
            destination_ = destination;
            chosen_ = hash_(source, destination) % kCounters;
        }
        std::uint32_t& counter = counters_[chosen_];
        const std::uint32_t first = counter;
        counter += count;
        return first;
    }

private:
    static constexpr std::size_t kCounters = 2048;

    AddressHash hash_;
    IpAddress source_{};
    IpAddress destination_{};
    std::size_t chosen_ = 0;  // by these two
    std::array<std::uint32_t, kCounters> counters_{};
};

}  // namespace fairlead::ip
