// tcp/congestion/slow_start.hpp — leaving slow start before the queue is full.
//
// Owns:   what was seen of the round trips of a slow start, and what follows from it.
// Knows:  HyStart as Linux's tcp_cubic.c has it (a long train of ACKs, a rising delay), and HyStart++
//         (RFC 9406): at a rising delay it grows more slowly for five rounds, and goes on as before
//         if the delay falls again.
// Not here: the window after slow start.
#pragma once

#include <cstdint>

#include "fairlead/config.hpp"
#include "fairlead/congestion.hpp"
#include "fairlead/counters.hpp"

namespace fairlead::tcp {

class SlowStart {
public:
    enum Detector : std::uint8_t { kTrain = 1, kDelay = 2, kPlusPlus = 4 };

    void configure(const Config& config);
    // `delay`, `least`: the last round trip, and the shortest known; in microseconds.
    void on_round_trip(CongestionWindow& window, const AckSample& ack, std::uint32_t delay,
                       std::uint32_t least);
    // Returns the segments that are left over for what comes after slow start.
    std::int32_t grow(CongestionWindow& window, const AckSample& ack);
    // A timeout: slow start begins anew.
    void restart();
    bool is_conservative() const { return baseline_us_ != 0; }  // RFC 9406 §4.2: CSS

private:
    void begin_round(CongestionWindow& window, const AckSample& ack);
    void watch_train(CongestionWindow& window, const AckSample& ack, std::uint32_t least);
    void watch_delay(CongestionWindow& window, const AckSample& ack, std::uint32_t least);
    void watch_rise();
    void leave(CongestionWindow& window, const AckSample& ack, Counter found, Counter at);

    std::uint8_t detectors_ = kTrain | kDelay;
    bool has_round_ = false;
    bool has_found_ = false;
    std::uint8_t samples_ = 0;
    std::uint8_t rounds_left_ = 0;  // of CSS
    std::uint8_t quarters_ = 0;     // of segments that CSS did not add yet
    std::int32_t low_window_ = 16;
    std::uint32_t round_delay_us_ = UINT32_MAX;  // the least of this round
    std::uint32_t last_delay_us_ = UINT32_MAX;   // and of the one before
    std::uint32_t baseline_us_ = 0;              // what CSS began at
    std::int64_t round_start_us_ = 0;
    std::int64_t last_ack_us_ = 0;
    std::int64_t round_end_ = 0;
};

}  // namespace fairlead::tcp
