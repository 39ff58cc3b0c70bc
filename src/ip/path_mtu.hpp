// ip/path_mtu.hpp — what the network said about the largest packet to one destination.
//
// Owns:   path MTUs that ICMP lowered, each until it expires.
// Knows:  RFC 1191 §6.3 and RFC 8201 §4 (10 minutes, then try again), Linux's floor of 552 bytes
//         under IPv4 (net.ipv4.route.min_pmtu); RFC 8200 §5: 1280 under IPv6.
// Room:   bounded; a full neighbourhood of the table forgets what would expire first.
// Not here: whether the message was to be believed: the transport that sent the packet has checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/time.hpp"
#include "ip/address_hash.hpp"

namespace fairlead::ip {

class PathMtuTable {
public:
    static constexpr std::uint32_t kFloorV4 = 552;
    static constexpr std::uint32_t kFloorV6 = 1280;
    static constexpr Duration kLifetime = Duration::from_s(600);

    explicit PathMtuTable(AddressHash hash) : hash_{hash} {}

    // Keeps `mtu`, raised to the family's floor, and returns what is kept. It never grows but by
    // expiry.
    std::uint32_t lower(const IpAddress& destination, std::uint32_t mtu, Instant now);
    // 0: nothing is known.
    std::uint32_t find(const IpAddress& destination) const;

    Instant next_deadline() const { return next_; }
    // True when something was forgotten.
    bool expire(Instant now);

private:
    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kSets = 1024;

    struct Entry {
        IpAddress destination{};
        std::uint32_t mtu = 0;  // 0: free
        Instant until{};
    };
    using Set = std::array<Entry, kWays>;

    std::size_t set_of(const IpAddress& destination) const { return hash_(destination) % kSets; }

    AddressHash hash_;
    Instant next_ = Instant::never();
    std::vector<Set> sets_{};  // empty until the first is kept
};

}  // namespace fairlead::ip
