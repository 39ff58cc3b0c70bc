#include "tcp/congestion/slow_start.hpp"

#include <algorithm>

namespace fairlead::tcp {

namespace {

constexpr std::int64_t kTrainGapUs = 2000;
constexpr std::uint8_t kSamples = 8;  // RFC 9406 §4.3: N_RTT_SAMPLE
constexpr std::uint32_t kLeastRiseUs = 4000;
constexpr std::uint32_t kMostRiseUs = 16000;
constexpr std::int64_t kBurstBytes = 65536;
constexpr std::int64_t kMostBurstUs = 1000;
constexpr std::int32_t kMostAtOnce = 8;     // L
constexpr std::int32_t kGrowthDivisor = 4;  // CSS_GROWTH_DIVISOR
constexpr std::uint8_t kRounds = 5;         // CSS_ROUNDS

// What a delay must rise by: an eighth, within bounds.
constexpr std::uint32_t rise(std::uint32_t delay_us) {
    return std::clamp(delay_us >> 3, kLeastRiseUs, kMostRiseUs);
}

}  // namespace

void SlowStart::configure(const Config& config) {
    detectors_ = config.tcp_cubic_hystart == 0
                     ? std::uint8_t{0}
                     : static_cast<std::uint8_t>(config.tcp_cubic_hystart_detect);
    low_window_ = static_cast<std::int32_t>(config.tcp_cubic_hystart_low_window);
}

void SlowStart::restart() {
    has_round_ = has_found_ = false;
    quarters_ = rounds_left_ = 0;
    round_delay_us_ = last_delay_us_ = UINT32_MAX;
    baseline_us_ = 0;
}

void SlowStart::leave(CongestionWindow& window, const AckSample& ack, Counter found, Counter at) {
    has_found_ = true;
    baseline_us_ = 0;
    window.threshold = window.segments;
    if (ack.counters == nullptr) return;
    ack.counters->add(found);
    ack.counters->add(at, static_cast<std::uint64_t>(window.segments));
}

void SlowStart::begin_round(CongestionWindow& window, const AckSample& ack) {
    if (is_conservative() && has_round_ && --rounds_left_ == 0) {
        leave(window, ack, Counter::TcpExtTCPHystartDelayDetect,
              Counter::TcpExtTCPHystartDelayCwnd);
    }
    has_round_ = true;
    round_start_us_ = last_ack_us_ = ack.now.ns() / 1000;
    round_end_ = ack.next;
    last_delay_us_ = round_delay_us_;
    round_delay_us_ = UINT32_MAX;
    samples_ = 0;
}

// hystart_update()
void SlowStart::on_round_trip(CongestionWindow& window, const AckSample& ack, std::uint32_t delay,
                              std::uint32_t least) {
    if (has_found_ || detectors_ == 0 || !window.is_slow_start()) return;
    if (!has_round_ || ack.acked_to > round_end_) begin_round(window, ack);
    const bool is_plus_plus = (detectors_ & kPlusPlus) != 0;
    if (window.segments < low_window_ && !is_plus_plus) return;
    if ((detectors_ & kTrain) != 0) watch_train(window, ack, least);
    round_delay_us_ = std::min(round_delay_us_, delay);
    if (is_plus_plus) {
        watch_rise();
    } else if ((detectors_ & kDelay) != 0) {
        watch_delay(window, ack, least);
    }
}

// ACKs that come for half a round trip without a gap say that the path is full.
void SlowStart::watch_train(CongestionWindow& window, const AckSample& ack, std::uint32_t least) {
    const std::int64_t now_us = ack.now.ns() / 1000;
    if (now_us - last_ack_us_ > kTrainGapUs) return;
    last_ack_us_ = now_us;
    // A large packet is as one ACK: so long it may take.
    const std::int64_t burst_us =
        ack.pacing_rate <= 0
            ? 0
            : std::min(kMostBurstUs, kBurstBytes * 4 * 1'000'000 / ack.pacing_rate);
    // What is paced may itself have taken half a round trip.
    const std::int64_t limit = (least + burst_us) / (ack.is_paced ? 1 : 2);
    if (now_us - round_start_us_ > limit) {
        leave(window, ack, Counter::TcpExtTCPHystartTrainDetect,
              Counter::TcpExtTCPHystartTrainCwnd);
    }
}

void SlowStart::watch_delay(CongestionWindow& window, const AckSample& ack, std::uint32_t least) {
    if (samples_ < kSamples) {
        ++samples_;
        return;
    }
    if (round_delay_us_ <= least + rise(least)) return;
    leave(window, ack, Counter::TcpExtTCPHystartDelayDetect, Counter::TcpExtTCPHystartDelayCwnd);
}

// RFC 9406 §4.2
void SlowStart::watch_rise() {
    if (samples_ < kSamples) ++samples_;
    if (samples_ < kSamples) return;
    if (is_conservative()) {
        if (round_delay_us_ < baseline_us_) baseline_us_ = 0;  // it was none: as before
        return;
    }
    if (last_delay_us_ == UINT32_MAX) return;
    if (round_delay_us_ < last_delay_us_ + rise(last_delay_us_)) return;
    baseline_us_ = round_delay_us_;
    rounds_left_ = kRounds;
}

std::int32_t SlowStart::grow(CongestionWindow& window, const AckSample& ack) {
    std::int32_t acked = ack.delivered;
    const bool is_plus_plus = (detectors_ & kPlusPlus) != 0 && !has_found_;
    if (!is_plus_plus) return window.grow_in_slow_start(acked);
    // RFC 9406 §4.2: no bursts, unless what leaves is paced.
    if (!ack.is_paced) acked = std::min(acked, kMostAtOnce);
    if (!is_conservative()) return window.grow_in_slow_start(acked);
    const std::int32_t quarters = quarters_ + acked;
    quarters_ = static_cast<std::uint8_t>(quarters % kGrowthDivisor);
    return window.grow_in_slow_start(quarters / kGrowthDivisor);
}

}  // namespace fairlead::tcp
