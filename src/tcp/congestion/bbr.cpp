#include "tcp/congestion/bbr.hpp"

#include <algorithm>

#include "tcp/congestion/bbr_units.hpp"

namespace fairlead::tcp {

namespace {

using namespace bbr;

constexpr std::uint32_t kBandwidthRounds = 10;
constexpr Duration kRoundTripLife = 10_s;
constexpr Duration kProbe = 200_ms;
constexpr std::int32_t kHighGain = kUnit * 2885 / 1000 + 1;  // 2/ln(2): twice as much a round trip
constexpr std::int32_t kDrainGain = kUnit * 1000 / 2885;
constexpr std::int32_t kWindowGain = 2 * kUnit;
constexpr std::array<std::int32_t, 8> kCycle = {kUnit * 5 / 4, kUnit * 3 / 4, kUnit, kUnit,
                                                kUnit,         kUnit,         kUnit, kUnit};
constexpr std::uint32_t kRandomPhases = 7;
constexpr std::uint64_t kFullGrowth = kUnit * 5 / 4;
constexpr std::uint8_t kFullRounds = 3;
constexpr std::uint8_t kExtraRounds = 5;

}  // namespace

void Bbr::on_start(const CongestionStart& start) {
    chance_ = start.chance | 1u;
    round_trip_at_ = phase_began_ = start.now;
    extra_.begin(start.now);
}

std::int64_t Bbr::bandwidth() const { return bytes_per_second(rate(), kUnit, mss_); }

std::int32_t Bbr::pacing_gain() const {
    switch (mode_) {
        case Mode::Startup: return kHighGain;
        case Mode::Drain: return kDrainGain;
        case Mode::ProbeBandwidth: return uses_policed_ ? kUnit : kCycle[cycle_];
        default: return kUnit;
    }
}

std::int32_t Bbr::window_gain() const {
    switch (mode_) {
        case Mode::ProbeBandwidth: return kWindowGain;
        case Mode::ProbeRoundTrip: return kUnit;
        default: return kHighGain;
    }
}

std::int32_t Bbr::product(std::uint32_t rate, std::int32_t gain) const {
    const bool is_known = round_trip_ != Duration::infinite();
    return product_of(rate, is_known ? static_cast<std::uint32_t>(round_trip_.us()) : kUnknown,
                      gain);
}

// bbr_quantization_budget(): bursts at both ends, delayed ACKs, and something to probe with.
std::int32_t Bbr::with_margin(std::int32_t segments) const {
    segments = (segments + 3 * burst_of(pacing_rate_, mss_) + 1) & ~1;
    return mode_ == Mode::ProbeBandwidth && cycle_ == 0 ? segments + 2 : segments;
}

// What will be in the network when the next leaves (bbr_packets_in_net_at_edt).
std::int32_t Bbr::in_network(std::int32_t in_flight, const AckSample& ack) const {
    const auto wait = static_cast<std::uint64_t>(ack.until_next_departure.us());
    const std::int64_t delivered =
        static_cast<std::int64_t>(std::uint64_t{bandwidth_.get()} * wait >> kRateBits);
    const std::int64_t later =
        in_flight + (pacing_gain() > kUnit ? burst_of(pacing_rate_, mss_) : 0);
    return static_cast<std::int32_t>(std::max<std::int64_t>(later - delivered, 0));
}

void Bbr::save(const CongestionWindow& window) {
    const bool is_calm = last_phase_ < CongestionState::Recovery && mode_ != Mode::ProbeRoundTrip;
    saved_window_ = is_calm ? window.segments : std::max(saved_window_, window.segments);
}

// --- the model ---

void Bbr::begin(const CongestionWindow& window, const AckSample& ack) {
    has_begun_ = true;
    round_trip_ = ack.least_rtt;
    has_round_trip_ = !ack.smoothed_rtt.is_zero();
    pacing_rate_ = bytes_per_second(first_rate(window.segments, ack.smoothed_rtt), kHighGain, mss_);
}

// bbr_update_bw()
void Bbr::take_bandwidth(const AckSample& ack) {
    is_round_start_ = false;
    const RateSample& r = ack.rate;
    if (!r.is_valid() || r.delivered < 0) return;
    if (!is_before(r.delivered_before, round_ends_at_)) {
        round_ends_at_ = ack.total_delivered;
        ++rounds_;
        is_round_start_ = true;
        is_conserving_ = false;
    }
    watch_policer(ack);
    const std::uint32_t rate = rate_of(r.delivered, r.interval.us());
    const bool was_probing = limited_until_ != 0 && !is_before(r.delivered_before, limited_from_) &&
                             !is_before(limited_until_, r.delivered_before);
    const bool is_limited = r.is_app_limited || was_probing;
    if (!is_limited || rate >= bandwidth_.get()) bandwidth_.add(kBandwidthRounds, rounds_, rate);
}

// bbr_check_full_bw_reached(): three rounds without a quarter more.
void Bbr::judge_full(const AckSample& ack) {
    if (is_full_ || !is_round_start_ || ack.rate.is_app_limited) return;
    if (bandwidth_.get() >= full_bandwidth_ * kFullGrowth >> kGainBits) {
        full_bandwidth_ = bandwidth_.get();
        full_rounds_ = 0;
        return;
    }
    is_full_ = ++full_rounds_ >= kFullRounds;
}

void Bbr::drain(CongestionWindow& window, const AckSample& ack) {
    const std::int32_t one = in_flight(bandwidth_.get(), kUnit);
    if (mode_ == Mode::Startup && is_full_) {
        mode_ = Mode::Drain;
        window.threshold = one;
    }
    if (mode_ == Mode::Drain &&
        in_network(ack.in_flight, ack) <= in_flight(bandwidth_.get(), kUnit)) {
        enter_bandwidth_probe(ack.now);
    }
}

// bbr_update_min_rtt()
void Bbr::take_round_trip(CongestionWindow& window, const AckSample& ack) {
    const bool is_old = ack.now > round_trip_at_ + kRoundTripLife;
    if (ack.rtt && (*ack.rtt < round_trip_ || (is_old && !ack.is_delayed))) {
        round_trip_ = std::max(*ack.rtt, 1_us);
        round_trip_at_ = ack.now;
    }
    if (is_old && !was_idle_ && mode_ != Mode::ProbeRoundTrip) {
        save(window);
        mode_ = Mode::ProbeRoundTrip;
        probe_until_ = {};
        limited_from_ = ack.total_delivered;
    }
    if (mode_ == Mode::ProbeRoundTrip) stay_low(window, ack);
    if (ack.rate.is_valid() && ack.rate.delivered > 0) was_idle_ = false;
}

void Bbr::stay_low(CongestionWindow& window, const AckSample& ack) {
    limited_until_ = ack.total_delivered + static_cast<std::uint32_t>(ack.in_flight);
    limited_until_ = std::max(limited_until_, 1u);
    if (probe_until_ == Instant{}) {
        if (ack.in_flight > kLeastWindow) return;
        probe_until_ = ack.now + kProbe;
        has_probed_a_round_ = false;
        round_ends_at_ = ack.total_delivered;
        return;
    }
    has_probed_a_round_ = has_probed_a_round_ || is_round_start_;
    if (has_probed_a_round_) leave_round_trip_probe(window, ack.now);
}

// bbr_check_probe_rtt_done()
void Bbr::leave_round_trip_probe(CongestionWindow& window, Instant now) {
    if (probe_until_ == Instant{} || now <= probe_until_) return;
    round_trip_at_ = now;
    window.segments = std::max(window.segments, saved_window_);
    reset_mode(now);
}

// --- the cycle ---

void Bbr::advance(Instant now) {
    cycle_ = static_cast<std::uint8_t>((cycle_ + 1u) % kCycle.size());
    phase_began_ = now;
}

// Any phase but the one that drains comes first, so that flows do not probe together.
void Bbr::enter_bandwidth_probe(Instant now) {
    mode_ = Mode::ProbeBandwidth;
    cycle_ = static_cast<std::uint8_t>(kCycle.size() - 1 - next_chance(chance_) % kRandomPhases);
    advance(now);
}

void Bbr::reset_mode(Instant now) {
    if (is_full_) return enter_bandwidth_probe(now);
    mode_ = Mode::Startup;
}

// bbr_is_next_cycle_phase()
bool Bbr::is_next_phase(const AckSample& ack) const {
    const bool is_long = ack.now - phase_began_ > round_trip_;
    const std::int32_t gain = pacing_gain();
    if (gain == kUnit) return is_long;
    const std::int32_t out = in_network(ack.prior_in_flight, ack);
    // More than the path holds was out, or a queue overflowed.
    if (gain > kUnit) {
        return is_long && (ack.newly_lost > 0 || out >= in_flight(bandwidth_.get(), gain));
    }
    return is_long || out <= in_flight(bandwidth_.get(), kUnit);
}

// --- what follows ---

void Bbr::set_pace(const CongestionWindow& window, const AckSample& ack) {
    if (!has_round_trip_ && !ack.smoothed_rtt.is_zero()) begin(window, ack);
    const std::int64_t pace = bytes_per_second(rate(), pacing_gain(), mss_);
    if (is_full_ || pace > pacing_rate_) pacing_rate_ = pace;
}

// bbr_set_cwnd_to_recover_or_restore(). True: the window is decided.
bool Bbr::follow_recovery(CongestionWindow& window, const AckSample& ack) {
    if (ack.newly_lost > 0) window.segments = std::max(window.segments - ack.newly_lost, 1);
    if (phase_ == CongestionState::Recovery && last_phase_ != CongestionState::Recovery) {
        // As much leaves as arrives, for a round trip.
        is_conserving_ = true;
        round_ends_at_ = ack.total_delivered;
        window.segments = ack.in_flight + ack.delivered;
    } else if (last_phase_ >= CongestionState::Recovery && phase_ < CongestionState::Recovery) {
        window.segments = std::max(window.segments, saved_window_);
        is_conserving_ = false;
    }
    last_phase_ = phase_;
    if (!is_conserving_) return false;
    window.segments = std::max(window.segments, ack.in_flight + ack.delivered);
    return true;
}

// bbr_set_cwnd()
void Bbr::set_window(CongestionWindow& window, const AckSample& ack) {
    if (ack.delivered > 0 && !follow_recovery(window, ack)) {
        std::int32_t target = product(rate(), window_gain());
        if (is_full_) target += extra_.get(rate());
        target = with_margin(target);
        if (is_full_) {
            window.segments = std::min(window.segments + ack.delivered, target);
        } else if (window.segments < target || ack.total_delivered < kInitialWindow) {
            window.segments += ack.delivered;
        }
        window.segments = std::max(window.segments, kLeastWindow);
    }
    if (mode_ == Mode::ProbeRoundTrip) window.segments = std::min(window.segments, kLeastWindow);
}

// bbr_main()
void Bbr::control(CongestionWindow& window, const AckSample& ack) {
    mss_ = ack.mss;
    if (!has_begun_) begin(window, ack);
    take_bandwidth(ack);
    extra_.take(ack, is_round_start_, rate(), window.segments, kExtraRounds);
    if (mode_ == Mode::ProbeBandwidth && is_next_phase(ack)) advance(ack.now);
    judge_full(ack);
    drain(window, ack);
    take_round_trip(window, ack);
    set_pace(window, ack);
    set_window(window, ack);
}

// A loss by itself changes nothing: what the window was is kept for when recovery is over.
std::int32_t Bbr::threshold(const CongestionWindow& window, Instant) {
    save(window);
    return window.threshold;
}

std::int32_t Bbr::undone(const CongestionWindow& window, std::int32_t) {
    full_bandwidth_ = 0;
    full_rounds_ = 0;
    forget_policer();
    return window.segments;
}

void Bbr::on_phase(CongestionState phase) {
    phase_ = phase;
    if (phase != CongestionState::Loss) return;
    last_phase_ = CongestionState::Loss;
    full_bandwidth_ = 0;
    is_round_start_ = true;  // a timeout is the end of a round
}

// After a silence the queue is empty: no need to look for the round trip, and no burst.
void Bbr::on_restart(Instant, Instant now) {
    was_idle_ = true;
    extra_.begin(now);
    if (mode_ == Mode::ProbeBandwidth) pacing_rate_ = bytes_per_second(rate(), kUnit, mss_);
}

CongestionDetails Bbr::details() const {
    const auto rate = static_cast<std::uint64_t>(bandwidth());
    const bool is_known = round_trip_ != Duration::infinite();
    return {.form = CongestionDetails::Form::Bbr,
            .bytes = 20,
            .words = {static_cast<std::uint32_t>(rate), static_cast<std::uint32_t>(rate >> 32),
                      is_known ? static_cast<std::uint32_t>(round_trip_.us()) : UINT32_MAX,
                      static_cast<std::uint32_t>(pacing_gain()),
                      static_cast<std::uint32_t>(window_gain())}};
}

}  // namespace fairlead::tcp
