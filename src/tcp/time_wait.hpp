// tcp/time_wait.hpp — what is remembered of a connection that is over.
//
// Owns:   TimeWait (a compact entry: no Connection is kept alive for it) and what a segment does
//         to it. An orphan that waits for its peer's FIN is kept here too, in state FinWait2.
// Knows:  RFC 9293 §3.6.1, RFC 6191 (a new SYN by timestamp), RFC 1337 as Linux has it,
//         RFC 7323 §5; Linux's tcp_timewait_state_process().
// Not here: the table and the clock (layer.cpp).
#pragma once

#include <cstdint>

#include "base/timer_wheel.hpp"
#include "fairlead/config.hpp"
#include "tcp/flow.hpp"
#include "tcp/state.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

inline constexpr Duration kTimeWait = 60_s;

struct TimeWait : TimerEntry {
    FlowKey key{};
    wire::Seq32 send_next{};
    wire::Seq32 receive_next{};
    std::uint32_t recent_timestamp = 0;
    std::uint32_t timestamp_offset = 0;
    std::uint16_t window = 0;
    std::uint8_t tos = 0;
    bool has_timestamps = false;
    bool is_fin_wait_2 = false;
    bool reuse_address = false;  // as its socket had them
    bool reuse_port = false;
    Instant recent_taken{};
    Instant last_answered = Instant::never();
};
static_assert(sizeof(TimeWait) <= 128);

enum class TimeWaitVerdict : std::uint8_t {
    Drop,
    Prolong,        // the wait begins anew, without a word
    Ack,            // say where we are
    Restart,        // both
    Reset,          // and the entry goes
    End,            // the entry goes, silently
    NewConnection,  // a SYN that cannot be old: the entry goes, a listener has it
};

struct TimeWaitSegment {
    wire::TcpHeader header{};
    std::uint32_t payload = 0;
    std::optional<wire::TcpTimestamps> timestamps{};
};

// Changes what the entry remembers of the peer; the verdict is for the caller to carry out.
TimeWaitVerdict on_segment(TimeWait& entry, const TimeWaitSegment& segment, const Config& config,
                           Instant now);

// RFC 6191 §2: the initial sequence number that can be no old one's.
constexpr std::uint32_t isn_after(const TimeWait& entry) {
    return static_cast<std::uint32_t>(entry.send_next) + 65535 + 2;
}

}  // namespace fairlead::tcp
