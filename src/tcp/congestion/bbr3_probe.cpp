// The cycle of BBR version 3: down, cruise, refill, up; and how much in flight was too much.
#include <algorithm>

#include "tcp/congestion/bbr3.hpp"

namespace fairlead::tcp {

namespace {

using namespace bbr;

constexpr std::uint32_t kLeastWaitMs = 2000;
constexpr std::uint32_t kMoreWaitMs = 1000;
constexpr std::int32_t kMostRenoRounds = 63;
constexpr std::uint8_t kMostSteps = 30;
constexpr std::int32_t kKept = kUnit * 7 / 10;
constexpr std::int32_t kLossOdds = 50;  // one in so many: 2 %

}  // namespace

bool Bbr3::is_loss_too_high(std::int32_t lost, std::int32_t sent_in_flight) {
    return lost > 0 && lost > sent_in_flight / kLossOdds;
}

// BBRHandleLostPacket(), for all that were found lost since the last ACK: of those, the first to leave
// saw the most of the others lost.
void Bbr3::take_losses(const CongestionWindow& window, const AckSample& ack) {
    const LossSample& loss = ack.loss;
    if (loss.segments == 0) return;
    // A round begins with the first, so that what is delivered is seen over all of it.
    if (!has_lost_) loss_round_ends_at_ = ack.total_delivered;
    has_lost_ = true;
    if (!is_probe_sample_ || !is_loss_too_high(loss.lost, loss.sent_in_flight)) return;
    // BBRInflightAtLoss(): where in this flight the losses became too many.
    const std::int32_t before = loss.lost - loss.segments;
    const std::int32_t flight = std::max(loss.sent_in_flight - 1, 0);
    const std::int32_t spare = std::max(flight / kLossOdds - before, 0);
    give_way(flight + spare * kLossOdds / (kLossOdds - 1), loss.is_app_limited, window, ack);
}

// BBRHandleInflightTooHigh(): once a probe.
void Bbr3::give_way(std::int32_t in_flight, bool is_limited, const CongestionWindow& window,
                    const AckSample& ack) {
    is_probe_sample_ = false;
    if (!is_limited) {
        const std::int32_t target = std::min(product(rate(), kUnit), window.segments);
        high_ = std::max(in_flight,
                         static_cast<std::int32_t>(std::int64_t{target} * kKept >> kGainBits));
    }
    if (mode_ == Mode::Up) go_down(ack);
}

// --- the phases ---

void Bbr3::go_down(const AckSample& ack) {
    forget_signals();
    probe_rounds_ = static_cast<std::uint8_t>(next_chance(chance_) & 1u);
    wait_ms_ = static_cast<std::uint16_t>(kLeastWaitMs + next_chance(chance_) % kMoreWaitMs);
    phase_began_ = ack.now;
    acks_ = Acks::ProbeStopping;
    begin_round(ack.total_delivered);
    mode_ = Mode::Down;
}

void Bbr3::cruise() {
    if (low_ != kUnbounded) low_ = std::min(low_, high_);
    mode_ = Mode::Cruise;
}

// A round trip at the full bandwidth, so that probing begins with a full pipe.
void Bbr3::refill(const AckSample& ack) {
    forget_bounds();
    steps_ = 0;
    probe_acked_ = 0;
    acks_ = Acks::Refilling;
    begin_round(ack.total_delivered);
    mode_ = Mode::Refill;
}

void Bbr3::go_up(const AckSample& ack) {
    is_probe_sample_ = true;
    acks_ = Acks::ProbeStarting;
    begin_round(ack.total_delivered);
    forget_full(rate_of(ack.rate.delivered, ack.rate.interval.us()));
    phase_began_ = ack.now;
    mode_ = Mode::Up;
}

// After two to three seconds, or as many rounds as a flow of NewReno takes to come back
// (BBRIsRenoCoexistenceProbeTime).
bool Bbr3::may_probe(const CongestionWindow& window, const AckSample& ack) {
    const std::int32_t rounds =
        std::min({product(rate(), kUnit), window.segments, kMostRenoRounds});
    const bool is_time =
        ack.now - phase_began_ > Duration::from_ms(wait_ms_) || probe_rounds_ >= rounds;
    if (is_time) refill(ack);
    return is_time;
}

bool Bbr3::is_time_to_cruise(const AckSample& ack) const {
    return ack.in_flight <= with_headroom() &&
           ack.in_flight <= with_margin(product(most_bandwidth(), kUnit));
}

// BBRIsTimeToGoDown(): the bandwidth grows no more, and it is not the window that holds it.
bool Bbr3::is_time_to_go_down(const CongestionWindow& window, const AckSample& ack) {
    if (ack.is_window_limited && window.segments >= high_) {
        forget_full(rate_of(ack.rate.delivered, ack.rate.interval.us()));
        return false;
    }
    return is_full_now_;
}

// BBRUpdateProbeBWCyclePhase()
void Bbr3::follow_cycle(const CongestionWindow& window, const AckSample& ack) {
    if (!is_full_) return;
    adapt_high(window, ack);
    switch (mode_) {
        case Mode::Down:
            if (!may_probe(window, ack) && is_time_to_cruise(ack)) cruise();
            break;
        case Mode::Cruise: may_probe(window, ack); break;
        case Mode::Refill:
            if (is_round_start_) go_up(ack);
            break;
        case Mode::Up:
            if (is_time_to_go_down(window, ack)) go_down(ack);
            break;
        default: break;
    }
}

// --- how much in flight is too much ---

// BBRAdaptLongTermModel()
void Bbr3::adapt_high(const CongestionWindow& window, const AckSample& ack) {
    if (is_round_start_ && acks_ == Acks::ProbeStarting) acks_ = Acks::ProbeFeedback;
    if (is_round_start_ && acks_ == Acks::ProbeStopping) {
        is_probe_sample_ = false;
        acks_ = Acks::Init;
        // What the last probe found is the best there is; what the one before it found is forgotten.
        if (is_in_cycle() && !ack.rate.is_app_limited && best_[1] != 0) {
            best_ = {best_[1], 0};
        }
    }
    if (!ack.rate.is_valid() || ack.rate.delivered < 0) return;
    if (is_loss_too_high(ack.rate.lost, ack.rate.sent_in_flight)) {
        if (is_probe_sample_) {
            give_way(ack.rate.sent_in_flight, ack.rate.is_app_limited, window, ack);
        }
        return;
    }
    if (high_ == kUnbounded) return;
    high_ = std::max(high_, ack.rate.sent_in_flight);
    if (mode_ == Mode::Up) raise_high(window, ack);
}

// BBRProbeInflightHiUpward(): as slow start does, but from one segment a round on.
void Bbr3::raise_high(const CongestionWindow& window, const AckSample& ack) {
    if (!ack.is_window_limited || window.segments < high_) return;
    probe_acked_ += ack.delivered;
    const std::int32_t each = std::max(window.segments >> steps_, 1);
    high_ += probe_acked_ / each;
    probe_acked_ %= each;
    if (is_round_start_ && steps_ < kMostSteps) ++steps_;
}

}  // namespace fairlead::tcp
