// tcp/congestion/bbr3.hpp — BBR version 3: the model of the path knows what is too much.
//
// Owns:   Bbr3: version 1's model (congestion/bbr.hpp), and the bounds that losses and marks teach: in
//         the long term (how much in flight was too much, so that probing stops there) and in the
//         short term (what got through in the last round with a loss).
// Knows:  draft-ietf-ccwg-bbr-02, and where that leaves a choice, Google's v3 for Linux: Startup, Drain,
//         ProbeBW (down, cruise, refill, up), ProbeRTT every five seconds; a loss of 2 % is accepted;
//         marks are answered as DCTCP does, by their share (RFC 8257 §3.3).
// Units:  bandwidth in segments a microsecond, gains in 256ths; windows in segments.
// Files:  bbr3.cpp (the model and the window), bbr3_probe.cpp (the cycle, and what is too much).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/bbr_units.hpp"
#include "tcp/congestion/extra_acked.hpp"

namespace fairlead::tcp {

class Bbr3 {
public:
    static constexpr std::string_view kName = "bbr3";
    enum class Mode : std::uint8_t { Startup, Drain, Down, Cruise, Refill, Up, ProbeRoundTrip };

    void on_start(const CongestionStart& start);
    // Window and pace are its own; there is no growth and no reduction but these.
    void on_ack(CongestionWindow&, const AckSample&) {}
    void control(CongestionWindow& window, const AckSample& ack);
    std::int32_t threshold(const CongestionWindow& window, Instant now);
    std::int32_t undone(const CongestionWindow& window, std::int32_t before);
    void on_phase(CongestionState phase);
    void on_restart(Instant last_sent, Instant now);
    std::int64_t pacing_rate() const { return pacing_rate_; }
    CongestionDetails details() const;

    Mode mode() const { return mode_; }
    std::int64_t bandwidth() const;  // bytes a second
    std::int32_t in_flight_high() const { return high_; }
    std::int32_t in_flight_low() const { return low_; }
    static constexpr std::int32_t kUnbounded = INT32_MAX;
    // More than 2 % of what was in flight.
    static bool is_loss_too_high(std::int32_t lost, std::int32_t sent_in_flight);

private:
    // What the acknowledgements of now tell of (BBR.ack_phase).
    enum class Acks : std::uint8_t { Init, Refilling, ProbeStarting, ProbeFeedback, ProbeStopping };

    // --- the model ---
    void begin(const CongestionWindow& window, const AckSample& ack);
    void begin_round(std::uint32_t delivered);
    void take_round(const AckSample& ack);
    void take_bandwidth(const AckSample& ack);
    void take_congestion(const CongestionWindow& window, const AckSample& ack);
    void lower_bounds(const CongestionWindow& window, const RateSample& round);
    void forget_bounds();
    void forget_signals();
    void take_marks(const AckSample& ack);
    void judge_full(const AckSample& ack);
    void judge_startup(const AckSample& ack);
    void forget_full(std::uint32_t bandwidth);
    void drain(CongestionWindow& window, const AckSample& ack);
    void take_round_trip(const AckSample& ack);
    void probe_round_trip(CongestionWindow& window, const AckSample& ack);
    void stay_low(CongestionWindow& window, const AckSample& ack);
    void leave_round_trip_probe(CongestionWindow& window, const AckSample& ack);
    // --- the cycle ---
    void follow_cycle(const CongestionWindow& window, const AckSample& ack);
    void adapt_high(const CongestionWindow& window, const AckSample& ack);
    void raise_high(const CongestionWindow& window, const AckSample& ack);
    void take_losses(const CongestionWindow& window, const AckSample& ack);
    void give_way(std::int32_t in_flight, bool is_limited, const CongestionWindow& window,
                  const AckSample& ack);
    void go_down(const AckSample& ack);
    void cruise();
    void refill(const AckSample& ack);
    void go_up(const AckSample& ack);
    bool may_probe(const CongestionWindow& window, const AckSample& ack);
    bool is_time_to_cruise(const AckSample& ack) const;
    bool is_time_to_go_down(const CongestionWindow& window, const AckSample& ack);
    bool is_in_cycle() const { return mode_ >= Mode::Down && mode_ <= Mode::Up; }
    bool is_probing() const {
        return mode_ == Mode::Startup || mode_ == Mode::Refill || mode_ == Mode::Up;
    }
    // --- what follows ---
    void set_pace(const CongestionWindow& window, const AckSample& ack);
    void set_window(CongestionWindow& window, const AckSample& ack);
    void bound_window(CongestionWindow& window) const;
    std::int32_t pacing_gain() const;
    std::int32_t window_gain() const;
    std::uint32_t most_bandwidth() const { return std::max(best_[0], best_[1]); }
    std::uint32_t rate() const { return std::min(most_bandwidth(), bandwidth_low_); }
    std::int32_t product(std::uint32_t rate, std::int32_t gain) const;
    std::int32_t with_margin(std::int32_t segments) const;
    std::int32_t with_headroom() const;
    std::int32_t low_window() const;
    void save(const CongestionWindow& window);

    std::int64_t pacing_rate_ = 0;
    Instant round_trip_at_{};
    Instant probe_round_trip_at_{};
    Instant probe_until_{};  // ProbeRTT; nothing: the window is not yet low
    Instant phase_began_{};
    bbr::ExtraAcked extra_{};
    std::array<std::uint32_t, 2> best_{};  // bandwidth: of the cycle before, and of this one
    std::uint32_t round_trip_us_ = bbr::kUnknown;
    std::uint32_t probe_round_trip_us_ = bbr::kUnknown;
    std::uint32_t round_ends_at_ = 0;  // so many segments delivered
    std::uint32_t loss_round_ends_at_ = 0;
    std::uint32_t full_bandwidth_ = 0;
    std::uint32_t latest_bandwidth_ = 0;  // of this round
    std::uint32_t bandwidth_low_ = UINT32_MAX;
    std::int32_t latest_ = 0;         // in flight, that got through in a round
    std::int32_t low_ = kUnbounded;   // in flight, until the next probe
    std::int32_t high_ = kUnbounded;  // in flight, beyond which too much was lost
    std::int32_t probe_acked_ = 0;
    std::uint32_t limited_from_ = 0;  // ProbeRTT is no measure of the bandwidth
    std::uint32_t limited_until_ = 0;
    std::uint32_t round_began_ = 0;  // segments delivered then
    std::uint32_t marked_ = 0;       // of those since then
    std::uint32_t chance_ = 1;
    std::int32_t saved_window_ = 0;
    std::uint16_t mss_ = 0;
    std::uint16_t wait_ms_ = 0;  // before the next probe
    std::uint16_t alpha_ = bbr::kUnit;
    Mode mode_ = Mode::Startup;
    CongestionState phase_ = CongestionState::Open;
    Acks acks_ = Acks::Init;
    std::uint8_t steps_ = 0;         // rounds of going up
    std::uint8_t probe_rounds_ = 0;  // since the last probe
    std::uint8_t full_rounds_ = 0;
    std::uint8_t loss_events_ = 0;
    bool has_begun_ : 1 = false;
    bool has_round_trip_ : 1 = false;
    bool is_full_ : 1 = false;      // ever
    bool is_full_now_ : 1 = false;  // since it was asked anew
    bool is_round_start_ : 1 = false;
    bool is_loss_round_start_ : 1 = false;
    bool has_lost_ : 1 = false;  // in this round
    bool has_marks_ : 1 = false;
    bool is_probe_sample_ : 1 = false;  // what comes back was sent while probing
    bool was_idle_ : 1 = false;
    bool has_probed_a_round_ : 1 = false;
    bool is_round_trip_old_ : 1 = false;
    bool is_timed_out_ : 1 = false;
};

}  // namespace fairlead::tcp
