#include "tcp/congestion/bbr3.hpp"

#include <algorithm>

namespace fairlead::tcp {

namespace {

using namespace bbr;

constexpr Duration kRoundTripLife = 10_s;
constexpr Duration kProbeInterval = 5_s;
constexpr Duration kProbe = 200_ms;
constexpr std::int32_t kStartupGain = kUnit * 277 / 100 + 1;  // 4 ln(2)
constexpr std::int32_t kDrainGain = kUnit * 1000 / 2885;
constexpr std::int32_t kUpGain = kUnit * 5 / 4;
constexpr std::int32_t kDownGain = kUnit * 91 / 100;
constexpr std::int32_t kWindowGain = 2 * kUnit;
constexpr std::int32_t kUpWindowGain = kUnit * 9 / 4;
constexpr std::int32_t kLowGain = kUnit / 2;  // of ProbeRTT
constexpr std::uint64_t kFullGrowth = kUnit * 5 / 4;
constexpr std::uint8_t kFullRounds = 3;
constexpr std::uint8_t kExtraRounds = 5;
constexpr std::uint8_t kFullLosses = 6;
constexpr std::int32_t kKept = kUnit * 7 / 10;  // of what was too much
constexpr std::int32_t kMarkFactor = kUnit / 3;
constexpr int kAlphaShift = 4;

std::int32_t scaled(std::int32_t value, std::int32_t gain) {
    return static_cast<std::int32_t>(std::int64_t{value} * gain >> kGainBits);
}

std::uint32_t us_of(Duration d) {
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(d.us(), 1, kUnknown - 1));
}

}  // namespace

void Bbr3::on_start(const CongestionStart& start) {
    chance_ = start.chance | 1u;
    round_trip_at_ = probe_round_trip_at_ = phase_began_ = start.now;
    extra_.begin(start.now);
}

std::int64_t Bbr3::bandwidth() const { return bytes_per_second(most_bandwidth(), kUnit, mss_); }

std::int32_t Bbr3::pacing_gain() const {
    switch (mode_) {
        case Mode::Startup: return kStartupGain;
        case Mode::Drain: return kDrainGain;
        case Mode::Up: return kUpGain;
        case Mode::Down: return kDownGain;
        default: return kUnit;
    }
}

std::int32_t Bbr3::window_gain() const {
    switch (mode_) {
        case Mode::Up: return kUpWindowGain;
        case Mode::ProbeRoundTrip: return kLowGain;
        default: return kWindowGain;
    }
}

std::int32_t Bbr3::product(std::uint32_t rate, std::int32_t gain) const {
    return product_of(rate, round_trip_us_, gain);
}

// bbr_quantization_budget(): bursts at both ends, and something to probe with.
std::int32_t Bbr3::with_margin(std::int32_t segments) const {
    segments = std::max({segments, 3 * burst_of(pacing_rate_, mss_), kLeastWindow});
    return mode_ == Mode::Up ? segments + 2 : segments;
}

std::int32_t Bbr3::low_window() const { return std::max(product(rate(), kLowGain), kLeastWindow); }

void Bbr3::save(const CongestionWindow& window) {
    const bool is_calm = phase_ < CongestionState::Recovery && mode_ != Mode::ProbeRoundTrip;
    saved_window_ = is_calm ? window.segments : std::max(saved_window_, window.segments);
}

// --- the model ---

void Bbr3::begin(const CongestionWindow& window, const AckSample& ack) {
    has_begun_ = true;
    if (ack.least_rtt != Duration::infinite()) round_trip_us_ = us_of(ack.least_rtt);
    probe_round_trip_us_ = round_trip_us_;
    has_round_trip_ = !ack.smoothed_rtt.is_zero();
    pacing_rate_ =
        bytes_per_second(first_rate(window.segments, ack.smoothed_rtt), kStartupGain, mss_);
}

void Bbr3::begin_round(std::uint32_t delivered) { round_ends_at_ = delivered; }

// BBRUpdateRound(), BBRUpdateLatestDeliverySignals()
void Bbr3::take_round(const AckSample& ack) {
    is_round_start_ = is_loss_round_start_ = false;
    const RateSample& r = ack.rate;
    if (!r.is_valid() || r.delivered < 0) return;
    if (!is_before(r.delivered_before, round_ends_at_)) {
        begin_round(ack.total_delivered);
        is_round_start_ = true;
        if (probe_rounds_ < UINT8_MAX) ++probe_rounds_;
    }
    if (ack.delivered <= 0) return;
    latest_bandwidth_ = std::max(latest_bandwidth_, rate_of(r.delivered, r.interval.us()));
    latest_ = std::max(latest_, r.delivered);
    if (!is_before(r.delivered_before, loss_round_ends_at_)) {
        loss_round_ends_at_ = ack.total_delivered;
        is_loss_round_start_ = true;
    }
}

// BBRUpdateMaxBw(): what the application or ProbeRTT held back is no measure unless it is more.
void Bbr3::take_bandwidth(const AckSample& ack) {
    const RateSample& r = ack.rate;
    const std::uint32_t rate = rate_of(r.delivered, r.interval.us());
    const bool was_low = limited_until_ != 0 && !is_before(r.delivered_before, limited_from_) &&
                         !is_before(limited_until_, r.delivered_before);
    const bool is_limited = r.is_app_limited || was_low;
    if (!is_limited || rate >= most_bandwidth()) best_[1] = std::max(best_[1], rate);
}

// BBRUpdateCongestionSignals()
void Bbr3::take_congestion(const CongestionWindow& window, const AckSample& ack) {
    if (!ack.rate.is_valid() || ack.rate.delivered < 0 || ack.delivered <= 0) return;
    take_bandwidth(ack);
    has_lost_ = has_lost_ || ack.newly_lost > 0;
    if (!is_loss_round_start_) return;
    if (!is_probing()) lower_bounds(window, ack.rate);
    has_lost_ = has_marks_ = false;
}

// BBRAdaptLowerBoundsFromCongestion(): what got through is what there is, until it is probed anew. But
// where the round lost no more than is accepted, it tells nothing: the sample is never more than the
// pace, which is a hundredth below the bandwidth, and each such round would take that hundredth.
void Bbr3::lower_bounds(const CongestionWindow& window, const RateSample& round) {
    const bool lost_too_much = has_lost_ && is_loss_too_high(round.lost, round.sent_in_flight);
    if (!lost_too_much && !has_marks_) return;
    const std::int32_t before = low_ == kUnbounded ? window.segments : low_;
    if (has_marks_) low_ = scaled(before, kUnit - scaled(alpha_, kMarkFactor));
    if (!lost_too_much) return;
    if (bandwidth_low_ == UINT32_MAX) bandwidth_low_ = most_bandwidth();
    const auto kept = static_cast<std::uint32_t>(
        std::uint64_t{bandwidth_low_} * static_cast<std::uint64_t>(kKept) >> kGainBits);
    bandwidth_low_ = std::max({latest_bandwidth_, kept, 1u});
    low_ = std::min(low_, std::max(latest_, scaled(before, kKept)));
}

void Bbr3::forget_bounds() {
    bandwidth_low_ = UINT32_MAX;
    low_ = kUnbounded;
}

void Bbr3::forget_signals() {
    has_lost_ = has_marks_ = false;
    latest_bandwidth_ = 0;
    latest_ = 0;
}

// The share that is marked, round by round (bbr_update_ecn_alpha). On all paths: RFC 3168 §5 has a
// mark answered, however long the way.
void Bbr3::take_marks(const AckSample& ack) {
    if (ack.marked > 0) {
        has_marks_ = true;
        marked_ += static_cast<std::uint32_t>(ack.marked);
    }
    if (!is_round_start_) return;
    const std::uint32_t all = std::max(ack.total_delivered - round_began_, 1u);
    const auto share = static_cast<std::int32_t>(
        std::min<std::uint64_t>((std::uint64_t{marked_} << kGainBits) / all, kUnit));
    const std::int32_t alpha = alpha_ + (share >> kAlphaShift) - (alpha_ >> kAlphaShift);
    alpha_ = static_cast<std::uint16_t>(std::clamp(alpha, 0, kUnit));
    round_began_ = ack.total_delivered;
    marked_ = 0;
}

void Bbr3::forget_full(std::uint32_t bandwidth) {
    full_bandwidth_ = bandwidth;
    full_rounds_ = 0;
    is_full_now_ = false;
}

// BBRCheckFullBWReached(): three rounds without a quarter more.
void Bbr3::judge_full(const AckSample& ack) {
    const RateSample& r = ack.rate;
    if (is_full_now_ || r.is_app_limited || !r.is_valid() || r.delivered < 0) return;
    const std::uint32_t rate = rate_of(r.delivered, r.interval.us());
    if (rate >= full_bandwidth_ * kFullGrowth >> kGainBits) return forget_full(rate);
    if (!is_round_start_) return;
    is_full_now_ = ++full_rounds_ >= kFullRounds;
    is_full_ = is_full_ || is_full_now_;
}

// BBRCheckStartupHighLoss(): a round of recovery with too much lost in too many places.
void Bbr3::judge_startup(const AckSample& ack) {
    if (is_full_) return;
    if (ack.newly_lost > 0 && loss_events_ < UINT8_MAX) ++loss_events_;
    if (!is_loss_round_start_) return;
    const bool is_too_much = phase_ == CongestionState::Recovery && loss_events_ >= kFullLosses &&
                             is_loss_too_high(ack.rate.lost, ack.rate.sent_in_flight);
    loss_events_ = 0;
    if (!is_too_much) return;
    is_full_ = true;
    high_ = std::max(with_margin(product(most_bandwidth(), kUnit)), latest_);
}

void Bbr3::drain(CongestionWindow& window, const AckSample& ack) {
    if (mode_ == Mode::Startup && is_full_) {
        mode_ = Mode::Drain;
        window.threshold = with_margin(product(most_bandwidth(), kUnit));
        forget_signals();
    }
    if (mode_ == Mode::Drain && ack.in_flight <= with_margin(product(most_bandwidth(), kUnit))) {
        go_down(ack);
    }
}

// BBRUpdateMinRTT()
void Bbr3::take_round_trip(const AckSample& ack) {
    is_round_trip_old_ = ack.now > probe_round_trip_at_ + kProbeInterval;
    if (ack.rtt && !(is_round_trip_old_ && ack.is_delayed)) {
        const std::uint32_t us = us_of(*ack.rtt);
        if (us < probe_round_trip_us_ || is_round_trip_old_) {
            probe_round_trip_us_ = us;
            probe_round_trip_at_ = ack.now;
        }
    }
    if (probe_round_trip_us_ < round_trip_us_ || ack.now > round_trip_at_ + kRoundTripLife) {
        round_trip_us_ = probe_round_trip_us_;
        round_trip_at_ = probe_round_trip_at_;
    }
}

// BBRCheckProbeRTT()
void Bbr3::probe_round_trip(CongestionWindow& window, const AckSample& ack) {
    if (mode_ != Mode::ProbeRoundTrip && is_round_trip_old_ && !was_idle_) {
        save(window);
        mode_ = Mode::ProbeRoundTrip;
        probe_until_ = {};
        acks_ = Acks::ProbeStopping;
        limited_from_ = ack.total_delivered;
        begin_round(ack.total_delivered);
    }
    if (mode_ == Mode::ProbeRoundTrip) stay_low(window, ack);
    if (ack.rate.is_valid() && ack.rate.delivered > 0) was_idle_ = false;
}

void Bbr3::stay_low(CongestionWindow& window, const AckSample& ack) {
    limited_until_ = ack.total_delivered + static_cast<std::uint32_t>(ack.in_flight);
    limited_until_ = std::max(limited_until_, 1u);
    if (probe_until_ == Instant{}) {
        if (ack.in_flight > low_window()) return;
        probe_until_ = ack.now + kProbe;
        has_probed_a_round_ = false;
        begin_round(ack.total_delivered);
        return;
    }
    has_probed_a_round_ = has_probed_a_round_ || is_round_start_;
    if (has_probed_a_round_ && ack.now > probe_until_) leave_round_trip_probe(window, ack);
}

// BBRExitProbeRTT(): the queue is empty, so that there is nothing to bring down.
void Bbr3::leave_round_trip_probe(CongestionWindow& window, const AckSample& ack) {
    probe_round_trip_at_ = ack.now;
    window.segments = std::max(window.segments, saved_window_);
    forget_bounds();
    if (!is_full_) {
        mode_ = Mode::Startup;
        return;
    }
    go_down(ack);
    cruise();
}

// --- what follows ---

void Bbr3::set_pace(const CongestionWindow& window, const AckSample& ack) {
    if (!has_round_trip_ && !ack.smoothed_rtt.is_zero()) begin(window, ack);
    const std::int64_t pace = bytes_per_second(rate(), pacing_gain(), mss_);
    if (is_full_ || pace > pacing_rate_) pacing_rate_ = std::max<std::int64_t>(pace, 1);
}

// BBRInflightWithHeadroom(): something is left to those who come.
std::int32_t Bbr3::with_headroom() const {
    if (high_ == kUnbounded) return kUnbounded;
    constexpr std::int64_t kHeadroom = 15;  // percent
    const auto headroom = static_cast<std::int32_t>(high_ * kHeadroom / 100);
    return std::max(high_ - std::max(headroom, 1), kLeastWindow);
}

// BBRBoundCwndForModel()
void Bbr3::bound_window(CongestionWindow& window) const {
    std::int32_t most = kUnbounded;
    if (mode_ == Mode::Cruise || mode_ == Mode::ProbeRoundTrip) {
        most = with_headroom();
    } else if (is_in_cycle()) {
        most = high_;
    }
    most = std::max(std::min(most, low_), kLeastWindow);
    window.segments = std::min(window.segments, most);
}

// BBRSetCwnd(). A loss by itself takes nothing away: what it says of the path is in the bounds.
void Bbr3::set_window(CongestionWindow& window, const AckSample& ack) {
    if (ack.delivered > 0) {
        std::int32_t target = product(rate(), window_gain());
        target = with_margin(target + extra_.get(rate()));
        if (is_full_) {
            window.segments = std::min(window.segments + ack.delivered, target);
        } else if (window.segments < target || ack.total_delivered < 2 * kInitialWindow) {
            window.segments += ack.delivered;
        }
        window.segments = std::max(window.segments, kLeastWindow);
    }
    if (mode_ == Mode::ProbeRoundTrip) {
        window.segments = std::min(window.segments, low_window());
    }
    bound_window(window);
}

// BBRUpdateOnACK()
void Bbr3::control(CongestionWindow& window, const AckSample& ack) {
    mss_ = static_cast<std::uint16_t>(ack.mss);
    if (!has_begun_) begin(window, ack);
    if (is_timed_out_ && phase_ < CongestionState::Recovery) {
        window.segments = std::max(window.segments, saved_window_);
        is_timed_out_ = false;
    }
    take_losses(window, ack);
    take_round(ack);
    take_marks(ack);
    take_congestion(window, ack);
    const std::uint8_t rounds = is_full_ ? kExtraRounds : 1;
    extra_.take(ack, is_round_start_, rate(), window.segments, rounds);
    judge_startup(ack);
    judge_full(ack);
    drain(window, ack);
    follow_cycle(window, ack);
    take_round_trip(ack);
    probe_round_trip(window, ack);
    if (is_loss_round_start_) {
        latest_bandwidth_ = rate_of(ack.rate.delivered, ack.rate.interval.us());
        latest_ = ack.rate.delivered;
    }
    set_pace(window, ack);
    set_window(window, ack);
}

std::int32_t Bbr3::threshold(const CongestionWindow& window, Instant) {
    save(window);
    return window.threshold;
}

std::int32_t Bbr3::undone(const CongestionWindow& window, std::int32_t) {
    forget_full(0);
    forget_bounds();
    has_lost_ = false;
    return std::max(window.segments, saved_window_);
}

void Bbr3::on_phase(CongestionState phase) {
    phase_ = phase;
    if (phase != CongestionState::Loss) return;
    is_timed_out_ = true;
    forget_full(0);
    // The window before is what the bounds begin with.
    if (!is_probing() && low_ == kUnbounded) low_ = std::max(saved_window_, kLeastWindow);
}

// After a silence the queue is empty: no need to look for the round trip, and no burst.
void Bbr3::on_restart(Instant, Instant now) {
    was_idle_ = true;
    extra_.begin(now);
    if (is_in_cycle()) pacing_rate_ = bytes_per_second(rate(), kUnit, mss_);
}

CongestionDetails Bbr3::details() const {
    const auto rate = static_cast<std::uint64_t>(bandwidth());
    return {.form = CongestionDetails::Form::Bbr,
            .bytes = 20,
            .words = {static_cast<std::uint32_t>(rate), static_cast<std::uint32_t>(rate >> 32),
                      round_trip_us_, static_cast<std::uint32_t>(pacing_gain()),
                      static_cast<std::uint32_t>(window_gain())}};
}

}  // namespace fairlead::tcp
