// tcp/ack_sample.hpp — everything one ACK taught us, as one value.
//
// Built once per ACK by Sender::on_ack(), then read by each room in turn. Nothing in it points
// back at the connection, so every room can be tested with a literal. Windows and counts are in
// segments, as Linux has them; positions are in bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "fairlead/time.hpp"
#include "tcp/position.hpp"

namespace fairlead::tcp {

struct AckSample {
    Instant now{};
    Position acked_to{};
    std::int32_t newly_acked = 0;    // segments below acked_to that were not below it before
    std::int32_t sacked_before = 0;  // of these: those a SACK had reported already
    std::int32_t newly_sacked = 0;   // segments reported by SACK for the first time
    std::int32_t newly_lost = 0;     // segments the detector gave up on, now
    std::int32_t in_flight = 0;      // segments, after all of the above
    std::int32_t prior_in_flight = 0;
    std::optional<Duration> rtt{};
    bool is_window_limited = false;  // the window, not the application, held the sender back
    bool has_congestion_mark = false;

    constexpr std::int32_t delivered() const { return newly_acked - sacked_before + newly_sacked; }
};

}  // namespace fairlead::tcp
