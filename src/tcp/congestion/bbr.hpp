// tcp/congestion/bbr.hpp — the window and the pace follow a model of the path.
//
// Owns:   Bbr: the bandwidth of the bottleneck (the highest delivery rate of ten round trips), the
//         round trip without a queue (the shortest of ten seconds), and the states that look for one
//         or the other.
// Knows:  BBR version 1 as Linux's tcp_bbr.c has it: STARTUP, DRAIN, PROBE_BW (a cycle of eight
//         phases, begun at random), PROBE_RTT; packet conservation in recovery, token-bucket policers
//         (the long-term bandwidth), aggregated ACKs.
// Units:  bandwidth in segments a microsecond, gains in 256ths; windows in segments.
// Files:  bbr.cpp (the model and the window), bbr_policer.cpp (the long-term bandwidth).
#pragma once

#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/extra_acked.hpp"
#include "tcp/congestion/windowed_max.hpp"

namespace fairlead::tcp {

class Bbr {
public:
    static constexpr std::string_view kName = "bbr";
    enum class Mode : std::uint8_t { Startup, Drain, ProbeBandwidth, ProbeRoundTrip };

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

private:
    // --- the model ---
    void begin(const CongestionWindow& window, const AckSample& ack);
    void take_bandwidth(const AckSample& ack);
    void take_round_trip(CongestionWindow& window, const AckSample& ack);
    void judge_full(const AckSample& ack);
    void drain(CongestionWindow& window, const AckSample& ack);
    void stay_low(CongestionWindow& window, const AckSample& ack);
    void leave_round_trip_probe(CongestionWindow& window, Instant now);
    // --- the cycle ---
    bool is_next_phase(const AckSample& ack) const;
    void advance(Instant now);
    void enter_bandwidth_probe(Instant now);
    void reset_mode(Instant now);
    // --- bbr_policer.cpp ---
    void watch_policer(const AckSample& ack);
    void begin_interval(const AckSample& ack);
    void forget_policer();
    void end_interval(std::uint32_t bandwidth, const AckSample& ack);
    // --- what follows ---
    void set_pace(const CongestionWindow& window, const AckSample& ack);
    void set_window(CongestionWindow& window, const AckSample& ack);
    bool follow_recovery(CongestionWindow& window, const AckSample& ack);
    void save(const CongestionWindow& window);
    std::uint32_t rate() const {
        return uses_policed_ ? policed_ : bandwidth_.get();  // as it is believed
    }
    std::int32_t pacing_gain() const;
    std::int32_t window_gain() const;
    std::int32_t product(std::uint32_t rate, std::int32_t gain) const;
    std::int32_t with_margin(std::int32_t segments) const;
    std::int32_t in_flight(std::uint32_t rate, std::int32_t gain) const {
        return with_margin(product(rate, gain));
    }
    std::int32_t in_network(std::int32_t in_flight, const AckSample& ack) const;

    WindowedMax bandwidth_{};
    std::uint32_t rounds_ = 0;
    std::uint32_t round_ends_at_ = 0;  // so many segments delivered
    std::int64_t pacing_rate_ = 0;
    Duration round_trip_ = Duration::infinite();
    Instant round_trip_at_{};
    Instant probe_until_{};  // PROBE_RTT; nothing: the window is not yet low
    Instant phase_began_{};
    bbr::ExtraAcked extra_{};
    std::uint32_t full_bandwidth_ = 0;
    std::uint32_t policed_ = 0;
    std::uint32_t interval_began_ms_ = 0;
    std::uint32_t interval_delivered_ = 0;
    std::uint32_t interval_lost_ = 0;
    std::uint32_t limited_from_ = 0;  // PROBE_RTT is no measure of the bandwidth
    std::uint32_t limited_until_ = 0;
    std::uint32_t chance_ = 1;
    std::int32_t saved_window_ = 0;
    std::int32_t mss_ = 0;
    Mode mode_ = Mode::Startup;
    CongestionState phase_ = CongestionState::Open;
    CongestionState last_phase_ = CongestionState::Open;
    std::uint8_t cycle_ = 0;
    std::uint8_t full_rounds_ = 0;
    std::uint8_t interval_rounds_ = 0;
    bool has_begun_ : 1 = false;
    bool has_round_trip_ : 1 = false;
    bool is_full_ : 1 = false;
    bool is_round_start_ : 1 = false;
    bool is_conserving_ : 1 = false;
    bool was_idle_ : 1 = false;
    bool has_probed_a_round_ : 1 = false;
    bool is_watching_ : 1 = false;
    bool uses_policed_ : 1 = false;
};

}  // namespace fairlead::tcp
