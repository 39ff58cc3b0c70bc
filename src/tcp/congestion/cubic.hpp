// tcp/congestion/cubic.hpp — the window grows with the cube of the time since the last loss.
//
// Knows:  RFC 9438 as Linux's tcp_cubic.c has it: beta 717/1024, C 0.4, fast convergence, never
//         slower than NewReno would be, the curve put off by silence.
// Units:  time in milliseconds, which are 1024ths of a second in the cube (10 bits of fraction).
// Not here: when slow start ends before a loss (slow_start.hpp).
#pragma once

#include <cstdint>
#include <string_view>

#include "fairlead/congestion.hpp"
#include "tcp/congestion/slow_start.hpp"

namespace fairlead::tcp {

class Cubic {
public:
    static constexpr std::string_view kName = "cubic";
    static constexpr std::uint8_t kKeptAtMark = 85;  // RFC 8511 §3.1
    static constexpr std::int32_t kStatelessBelow = kInitialWindow + 1;

    void on_start(const CongestionStart& start) { slow_start_.configure(start.config); }
    void on_ack(CongestionWindow& window, const AckSample& ack);
    std::int32_t threshold(const CongestionWindow& window, Instant now);
    void on_delivered(CongestionWindow& window, const AckSample& ack);
    void on_phase(CongestionState phase);
    void on_restart(Instant last_sent, Instant now);

    // (wmax - cwnd) segments are regained after so many 1024ths of a second.
    static std::uint32_t time_to_regain(std::uint32_t segments);

private:
    void update(std::int32_t window, std::int32_t acked, Instant now);
    void follow_reno(std::int32_t window);

    std::int32_t each_ = 0;       // segments acknowledged for one more of window
    std::int32_t last_most_ = 0;  // the window at the last loss
    std::int32_t last_window_ = 0;
    std::int32_t origin_ = 0;
    std::uint32_t time_to_origin_ = 0;
    std::uint32_t updated_ms_ = 0;
    std::uint32_t epoch_ms_ = 0;  // when the curve began
    std::int32_t acked_ = 0;
    std::int32_t reno_window_ = 0;
    std::uint32_t least_delay_us_ = 0;
    bool has_epoch_ = false;
    SlowStart slow_start_{};
};

}  // namespace fairlead::tcp
