#include "tcp/congestion/cubic.hpp"

#include <algorithm>

namespace fairlead::tcp {

namespace {

constexpr std::int32_t kBeta = 717;  // of 1024: 0.7
constexpr std::int32_t kOne = 1024;
constexpr std::uint64_t kScale = 410;  // C: 0.4, in 1024ths
constexpr int kFraction = 10;          // bits of a time
constexpr int kCubeShift = 10 + 3 * kFraction;
// NewReno's window of the same loss rate: one more for so many eighths of a window acknowledged.
constexpr std::int64_t kRenoEighths = 8 * (kOne + kBeta) / 3 / (kOne - kBeta);
constexpr std::int32_t kUnknownGrowth = 20;  // 5 % a round trip while no loss has told the limit
constexpr std::uint32_t kSteadyMs = 31;      // 1/32 s: as long as the window is the same
constexpr std::uint32_t kSettleMs = 1000;    // after a loss, delays are of the queue

std::uint32_t ms_of(Instant t) { return static_cast<std::uint32_t>(t.ns() / 1'000'000); }

std::uint64_t cube(std::uint64_t x) { return x * x * x; }

}  // namespace

// The largest whole number whose cube is not above; Linux comes within 0.2 % of it by a table.
std::uint32_t Cubic::time_to_regain(std::uint32_t segments) {
    const std::uint64_t target = (std::uint64_t{1} << kCubeShift) / kScale * segments;
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 20; bit != 0; bit >>= 1) {
        if (cube(root | bit) <= target) root |= bit;
    }
    return static_cast<std::uint32_t>(root);
}

// bictcp_update()
void Cubic::update(std::int32_t window, std::int32_t acked, Instant now) {
    const std::uint32_t now_ms = ms_of(now);
    acked_ += acked;
    if (last_window_ == window && now_ms - updated_ms_ <= kSteadyMs) return;
    if (has_epoch_ && now_ms == updated_ms_) return follow_reno(window);
    last_window_ = window;
    updated_ms_ = now_ms;
    if (!has_epoch_) {
        has_epoch_ = true;
        epoch_ms_ = now_ms;
        acked_ = acked;
        reno_window_ = window;
        const std::int32_t missing = std::max(last_most_ - window, 0);
        time_to_origin_ = missing == 0 ? 0 : time_to_regain(static_cast<std::uint32_t>(missing));
        origin_ = std::max(last_most_, window);
    }
    // Where the curve will be a round trip from now.
    const std::uint64_t elapsed_ms =
        std::uint64_t{now_ms - epoch_ms_} + (least_delay_us_ + 999) / 1000;
    const std::uint64_t t = (elapsed_ms << kFraction) / 1000;
    const bool is_below = t < time_to_origin_;
    // Beyond this the window is larger than any can be, and the cube would not fit.
    const std::uint64_t distance =
        std::min<std::uint64_t>(is_below ? time_to_origin_ - t : t - time_to_origin_, 1u << 18);
    const auto delta = static_cast<std::int64_t>((kScale * cube(distance)) >> kCubeShift);
    const std::int64_t target = is_below ? origin_ - delta : origin_ + delta;
    each_ = target > window ? static_cast<std::int32_t>(window / (target - window)) : 100 * window;
    if (last_most_ == 0) each_ = std::min(each_, kUnknownGrowth);
    follow_reno(window);
}

// RFC 9438 §4.3: where NewReno would be faster, as fast as that.
void Cubic::follow_reno(std::int32_t window) {
    const auto each = static_cast<std::int32_t>(window * kRenoEighths >> 3);
    const std::int32_t more = each > 0 && acked_ > each ? (acked_ - 1) / each : 0;
    acked_ -= more * each;
    reno_window_ += more;
    if (reno_window_ > window) each_ = std::min(each_, window / (reno_window_ - window));
    each_ = std::max(each_, 2);  // half as much again in a round trip, at most
}

void Cubic::on_ack(CongestionWindow& window, const AckSample& ack) {
    if (!ack.is_window_limited) return;
    std::int32_t acked = ack.delivered;
    if (window.is_slow_start()) {
        acked = slow_start_.grow(window, ack);
        if (acked == 0) return;
    }
    update(window.segments, acked, ack.now);
    window.grow_by_one_in(each_, acked);
}

// RFC 9438 §4.6 and §4.7: a window that did not come as far as the last time makes room.
std::int32_t Cubic::threshold(const CongestionWindow& window, Instant) {
    has_epoch_ = false;
    const std::int64_t w = window.segments;
    last_most_ = static_cast<std::int32_t>(w < last_most_ ? w * (kOne + kBeta) / (2 * kOne) : w);
    return std::max(static_cast<std::int32_t>(w * kBeta / kOne), 2);
}

void Cubic::on_phase(CongestionState phase) {
    if (phase != CongestionState::Loss) return;
    SlowStart kept = slow_start_;
    kept.restart();
    *this = Cubic{};
    slow_start_ = kept;
}

// RFC 9438 §4.2.1: what was not sent is no time on the curve.
void Cubic::on_restart(Instant last_sent, Instant now) {
    if (!has_epoch_ || now <= last_sent) return;
    const std::uint32_t now_ms = ms_of(now);
    epoch_ms_ += now_ms - ms_of(last_sent);
    if (static_cast<std::int32_t>(epoch_ms_ - now_ms) > 0) epoch_ms_ = now_ms;
}

void Cubic::on_delivered(CongestionWindow& window, const AckSample& ack) {
    if (ack.last_rtt.is_zero()) return;
    if (has_epoch_ && ms_of(ack.now) - epoch_ms_ < kSettleMs) return;
    const auto delay =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(ack.last_rtt.us(), 1, INT32_MAX));
    const auto least =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(ack.least_rtt.us(), 1, delay));
    // What came before there was a state counts as well.
    if (least_delay_us_ == 0) least_delay_us_ = least;
    least_delay_us_ = std::min(least_delay_us_, delay);
    slow_start_.on_round_trip(window, ack, delay, least_delay_us_);
}

}  // namespace fairlead::tcp
