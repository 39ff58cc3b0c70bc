// A policer lets bursts through and then drops all above its rate: where losses stay high, and the
// rate of two intervals between them is the same, that rate is taken for the path's (bbr_lt_bw).
#include "tcp/congestion/bbr.hpp"
#include "tcp/congestion/bbr_units.hpp"

namespace fairlead::tcp {

namespace {

using namespace bbr;

constexpr std::uint8_t kLeastRounds = 4;
constexpr std::uint8_t kMostRounds = 4 * kLeastRounds;
constexpr std::uint32_t kLossThreshold = 50;     // of 256
constexpr std::uint64_t kSameRatio = kUnit / 8;  // of 256
constexpr std::int64_t kSameBytes = 4000 / 8;    // a second
constexpr std::uint8_t kBelievedRounds = 48;
constexpr std::uint32_t kLongestMs = UINT32_MAX / 1000;

std::uint32_t ms_of(Instant t) { return static_cast<std::uint32_t>(t.ns() / 1'000'000); }

}  // namespace

void Bbr::begin_interval(const AckSample& ack) {
    interval_began_ms_ = ms_of(ack.now);
    interval_delivered_ = ack.total_delivered;
    interval_lost_ = ack.total_lost;
    interval_rounds_ = 0;
}

void Bbr::forget_policer() {
    policed_ = 0;
    uses_policed_ = is_watching_ = false;
    interval_rounds_ = 0;
}

void Bbr::end_interval(std::uint32_t bandwidth, const AckSample& ack) {
    if (policed_ != 0) {
        const std::uint64_t difference =
            bandwidth > policed_ ? bandwidth - policed_ : policed_ - bandwidth;
        if (difference * kUnit <= kSameRatio * policed_ ||
            bytes_per_second(difference, kUnit, mss_) <= kSameBytes) {
            policed_ = static_cast<std::uint32_t>((std::uint64_t{bandwidth} + policed_) >> 1);
            uses_policed_ = true;
            interval_rounds_ = 0;
            return;
        }
    }
    policed_ = bandwidth;
    begin_interval(ack);
}

// bbr_lt_bw_sampling()
void Bbr::watch_policer(const AckSample& ack) {
    if (uses_policed_) {
        const bool is_over = mode_ == Mode::ProbeBandwidth && is_round_start_ &&
                             ++interval_rounds_ >= kBelievedRounds;
        if (!is_over) return;
        forget_policer();  // look whether it is still there
        return enter_bandwidth_probe(ack.now);
    }
    if (!is_watching_) {
        if (ack.newly_lost == 0) return;
        begin_interval(ack);
        is_watching_ = true;
    }
    if (ack.rate.is_app_limited) return forget_policer();
    if (is_round_start_) ++interval_rounds_;
    if (interval_rounds_ < kLeastRounds) return;
    if (interval_rounds_ > kMostRounds) return forget_policer();
    // An interval ends with a loss: then the policer's bucket is empty.
    if (ack.newly_lost == 0) return;
    const std::uint32_t lost = ack.total_lost - interval_lost_;
    const std::uint32_t delivered = ack.total_delivered - interval_delivered_;
    if (delivered == 0 ||
        std::uint64_t{lost} << kGainBits < std::uint64_t{kLossThreshold} * delivered) {
        return;
    }
    const std::uint32_t ms = ms_of(ack.now) - interval_began_ms_;
    if (static_cast<std::int32_t>(ms) < 1) return;
    if (ms >= kLongestMs) return forget_policer();
    end_interval(rate_of(delivered, std::int64_t{ms} * 1000), ack);
}

}  // namespace fairlead::tcp
