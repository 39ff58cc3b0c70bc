// tcp/challenge_limit.hpp — how many challenge ACKs a host sends in a second.
//
// Knows:  RFC 5961 §7; Linux's tcp_send_challenge_ack(): a limit that is the same each second would
//         be a channel between strangers, so that half of it is drawn anew (CVE-2016-5696).
// Not here: the limit of one connection (connection_input.cpp).
#pragma once

#include <cstdint>

#include "base/siphash.hpp"
#include "fairlead/time.hpp"

namespace fairlead::tcp {

class ChallengeLimit {
public:
    explicit ChallengeLimit(const SipKey& key) : key_{key} {}

    // One more? tcp_challenge_ack_limit; INT32_MAX: as many as are asked for.
    bool take(std::int64_t limit, Instant now) {
        if (limit >= INT32_MAX) return true;
        if (limit <= 0) return false;
        if (const std::int64_t second = now.ns() / 1'000'000'000; second != second_) {
            second_ = second;
            const std::int64_t half = (limit + 1) / 2;
            const std::uint64_t drawn = siphash_2_4(key_, static_cast<std::uint64_t>(second));
            left_ = half + static_cast<std::int64_t>(drawn % static_cast<std::uint64_t>(limit));
        }
        if (left_ == 0) return false;
        --left_;
        return true;
    }

private:
    SipKey key_;
    std::int64_t second_ = -1;
    std::int64_t left_ = 0;
};

}  // namespace fairlead::tcp
