// ip/icmp_limit.hpp — how many ICMP errors we send, in all and to one destination.
//
// Owns:   the two buckets of Linux: icmp_msgs_per_sec with icmp_msgs_burst for the whole stack, and
//         for each destination one message per icmp_ratelimit milliseconds with a burst of six.
// Knows:  RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f); icmp_ratemask says which types of ICMPv4 it is for.
// Room:   a fixed number of destinations; a newcomer that meets another in its place begins anew,
//         which the bucket of the whole stack bounds.
// Not here: what is never answered at all (icmp_v4.cpp, icmp_v6.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/address.hpp"
#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "ip/address_hash.hpp"

namespace fairlead::ip {

enum class IcmpAllowance : std::uint8_t { Send, GlobalLimit, HostLimit };

class IcmpLimit {
public:
    // `config` outlives it.
    IcmpLimit(const Config& config, AddressHash hash) : config_{config}, hash_{hash} {}

    // Takes a token of each bucket when it says Send.
    IcmpAllowance allow(const IpAddress& destination, Instant now);

private:
    static constexpr std::size_t kPeers = 256;
    static constexpr std::int64_t kPeerBurst = 6;  // Linux's XRLIM_BURST_FACTOR

    struct Peer {
        IpAddress address{};
        Duration credit{};
        Instant filled{};
        bool is_used = false;
    };

    bool has_global(Instant now);
    bool take_from_peer(const IpAddress& destination, Instant now);

    const Config& config_;
    AddressHash hash_;
    bool is_started_ = false;
    std::int64_t tokens_ = 0;
    Instant filled_{};
    std::array<Peer, kPeers> peers_{};
};

}  // namespace fairlead::ip
