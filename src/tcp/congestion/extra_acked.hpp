// tcp/congestion/extra_acked.hpp — acknowledgements that come at once need a window beyond the product.
//
// Knows:  bbr_update_ack_aggregation() of Linux: how much more than the bandwidth's share arrived
//         since an epoch began, the most of the last five to ten rounds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/bbr_units.hpp"

namespace fairlead::tcp::bbr {

class ExtraAcked {
public:
    void begin(Instant now) {
        epoch_began_ = now;
        epoch_acked_ = 0;
    }
    // `most`: the window; `rounds`: after which the older half is forgotten.
    void take(const AckSample& ack, bool is_round_start, std::uint32_t rate, std::int32_t most,
              std::uint8_t rounds) {
        if (ack.delivered <= 0 || !ack.rate.is_valid() || ack.rate.delivered < 0) return;
        if (is_round_start && ++rounds_ >= rounds) {
            rounds_ = 0;
            is_second_ = !is_second_;
            extra_[is_second_ ? 1 : 0] = 0;
        }
        const auto epoch = static_cast<std::uint64_t>((ack.now - epoch_began_).us());
        const auto newly = static_cast<std::uint32_t>(ack.delivered);
        // A silence of hours is no epoch.
        std::uint64_t expected =
            std::uint64_t{rate} * std::min<std::uint64_t>(epoch, 1ull << 31) >> kRateBits;
        if (epoch_acked_ <= expected || epoch_acked_ + newly >= kEpochMost) {
            begin(ack.now);
            expected = 0;
        }
        epoch_acked_ = std::min(kEpochMost - 1, epoch_acked_ + newly);
        const auto extra = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(epoch_acked_ - expected, static_cast<std::uint64_t>(most)));
        std::uint32_t& best = extra_[is_second_ ? 1 : 0];
        best = std::max(best, extra);
    }
    // No more than what arrives in a tenth of a second.
    std::int32_t get(std::uint32_t rate) const {
        constexpr std::uint64_t kMostUs = 100'000;
        const auto most = static_cast<std::uint32_t>(std::uint64_t{rate} * kMostUs >> kRateBits);
        return static_cast<std::int32_t>(std::min(std::max(extra_[0], extra_[1]), most));
    }

private:
    static constexpr std::uint32_t kEpochMost = 1u << 20;

    Instant epoch_began_{};
    std::uint32_t epoch_acked_ = 0;
    std::array<std::uint32_t, 2> extra_{};  // segments that came faster than the bandwidth
    std::uint8_t rounds_ = 0;
    bool is_second_ = false;
};

}  // namespace fairlead::tcp::bbr
