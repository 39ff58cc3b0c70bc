// fairlead/info.hpp — what can be seen of a stack, as values.
//
// Owns:    TcpState, TcpInfo (the fields of Linux's struct tcp_info that are kept), SocketInfo (a
//          row of ss), TimerInfo.
// Units:   times as Duration; windows in bytes unless named _segments.
#pragma once

#include <cstdint>
#include <string_view>

#include "fairlead/socket.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

// Linux's numbers (net/tcp_states.h), as TCP_INFO and /proc/net/tcp show them.
enum class TcpState : std::uint8_t {
    Established = 1,
    SynSent = 2,
    SynReceived = 3,
    FinWait1 = 4,
    FinWait2 = 5,
    TimeWait = 6,
    Closed = 7,
    CloseWait = 8,
    LastAck = 9,
    Listen = 10,
    Closing = 11,
};

std::string_view name_of(TcpState state);  // as ss prints it: "ESTAB", "SYN-SENT", ...

enum class CongestionState : std::uint8_t { Open, Disorder, Cwr, Recovery, Loss };

struct TcpInfo {
    TcpState state = TcpState::Closed;
    CongestionState congestion_state = CongestionState::Open;
    std::uint8_t retransmits = 0;  // unanswered RTOs in a row
    std::uint8_t probes = 0;       // unanswered window probes
    std::uint8_t backoff = 0;
    bool has_timestamps = false;
    bool has_sack = false;
    bool has_window_scale = false;
    bool has_ecn = false;
    std::uint8_t send_window_scale = 0;
    std::uint8_t receive_window_scale = 0;
    Duration rto{};
    Duration ack_timeout{};
    std::uint32_t send_mss = 0;
    std::uint32_t receive_mss = 0;
    std::uint32_t advertised_mss = 0;
    std::uint32_t path_mtu = 0;
    std::uint32_t unacked_segments = 0;
    std::uint32_t sacked_segments = 0;
    std::uint32_t lost_segments = 0;
    std::uint32_t retransmitted_segments = 0;  // in flight now
    std::uint32_t total_retransmitted = 0;
    Duration rtt{};
    Duration rtt_variation{};
    Duration minimum_rtt{};
    std::uint32_t slow_start_threshold_segments = 0;
    std::uint32_t congestion_window_segments = 0;
    std::uint32_t reordering_segments = 0;
    std::uint32_t receive_slow_start_threshold = 0;
    std::uint32_t receive_space = 0;
    std::uint32_t send_window = 0;     // what the peer offers
    std::uint32_t receive_window = 0;  // what we offer
    std::uint32_t not_sent = 0;        // bytes written and not yet sent
    std::uint64_t bytes_acked = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_retransmitted = 0;
    std::uint64_t segments_out = 0;
    std::uint64_t segments_in = 0;
    std::uint64_t data_segments_out = 0;
    std::uint64_t data_segments_in = 0;
    std::uint32_t out_of_order = 0;  // segments that came out of order
    std::uint32_t dsack_duplicates = 0;
    std::uint32_t reorder_seen = 0;
    std::uint32_t delivered_segments = 0;
    Duration last_data_sent{};      // ago
    Duration last_data_received{};  // ago
    Duration last_ack_received{};   // ago
};

// The timer that ss shows: on (retransmission), keepalive, timewait, persist, unknown (others).
enum class TimerKind : std::uint8_t { Off, Retransmit, KeepAlive, TimeWait, Persist, Other };

struct SocketInfo {
    SocketId socket{};  // none: a TIME-WAIT or SYN-RECEIVED entry
    SocketType type = SocketType::Stream;
    Family family = Family::Inet;
    TcpState state = TcpState::Closed;
    Endpoint local{};
    Endpoint peer{};
    InterfaceIndex interface = 0;
    std::uint32_t receive_queue = 0;  // bytes; of a listener: connections not yet accepted
    std::uint32_t send_queue = 0;     // bytes; of a listener: the backlog
    TimerKind timer = TimerKind::Off;
    Duration timer_left{};
    std::uint8_t retransmits = 0;
    std::uint64_t cookie = 0;
};

}  // namespace fairlead
