#include "ip/icmp_limit.hpp"

#include <algorithm>

namespace fairlead::ip {

IcmpAllowance IcmpLimit::allow(const IpAddress& destination, Instant now) {
    if (!has_global(now)) return IcmpAllowance::GlobalLimit;
    if (!take_from_peer(destination, now)) return IcmpAllowance::HostLimit;
    --tokens_;
    return IcmpAllowance::Send;
}

bool IcmpLimit::has_global(Instant now) {
    if (!is_started_) {
        is_started_ = true;
        tokens_ = config_.icmp_msgs_burst;
        filled_ = now;
    }
    // At most one second's worth at once, so that the product stays small.
    const Duration passed = std::min(now - filled_, Duration::from_s(1));
    const std::int64_t gained = passed.us() * config_.icmp_msgs_per_sec / 1'000'000;
    if (gained > 0) {
        tokens_ = std::min(tokens_ + gained, config_.icmp_msgs_burst);
        filled_ = now;
    }
    return tokens_ > 0;
}

bool IcmpLimit::take_from_peer(const IpAddress& destination, Instant now) {
    const Duration interval = Duration::from_ms(config_.icmp_ratelimit);
    if (interval.is_zero()) return true;
    Peer& peer = peers_[hash_(destination) % kPeers];
    if (!peer.is_used || peer.address != destination) {
        peer = {.address = destination,
                .credit = interval * kPeerBurst,
                .filled = now,
                .is_used = true};
    }
    peer.credit = std::min(peer.credit + std::min(now - peer.filled, interval * kPeerBurst),
                           interval * kPeerBurst);
    peer.filled = now;
    if (peer.credit < interval) return false;
    peer.credit = peer.credit - interval;
    return true;
}

}  // namespace fairlead::ip
