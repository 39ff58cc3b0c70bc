// fairlead/info.hpp — what can be seen of a stack, as values.
//
// Owns:    TcpState, TcpInfo (the fields of Linux's struct tcp_info), SocketInfo (a row of ss),
//          SocketMemory (SO_MEMINFO), CongestionDetails (TCP_CC_INFO), InterfaceInfo; SocketRow, all
//          of one socket.
// Units:   times as Duration; windows in bytes unless named _segments; rates in bytes a second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
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

// Payload that arrived with one codepoint of ECN, 32 bits of its count: of ours, as the peer tells
// (RFC 9768), and of the peer's.
struct MarkedBytes {
    std::uint32_t delivered = 0;
    std::uint32_t received = 0;
};

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
    bool has_accurate_ecn = false;  // RFC 9768
    bool has_seen_ecn = false;      // a packet came with a codepoint of ECN
    bool has_syn_data = false;      // data in our SYN was acknowledged
    bool is_fast_open = false;      // it was opened by a SYN with data
    bool is_rate_limited_by_application = false;
    std::uint8_t fast_open_failure = 0;
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
    Duration receive_rtt{};
    std::uint32_t slow_start_threshold_segments = 0;
    std::uint32_t congestion_window_segments = 0;
    std::uint32_t reordering_segments = 0;
    std::uint32_t receive_slow_start_threshold = 0;
    std::uint32_t receive_space = 0;
    std::uint64_t pacing_rate = 0;
    std::uint64_t most_pacing_rate = ~std::uint64_t{0};
    std::uint64_t delivery_rate = 0;
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
    std::uint32_t delivered_marked = 0;  // with a congestion mark
    std::uint32_t received_marked = 0;   // segments; like the rest of these, of accurate ECN only
    MarkedBytes ect1_bytes{};
    MarkedBytes ect0_bytes{};
    MarkedBytes marked_bytes{};
    std::uint8_t accurate_ecn_failures = 0;     // Linux's TCP_ACCECN_ACE_FAIL_SEND and so on
    std::uint8_t accurate_ecn_option_seen = 0;  // TCP_ACCECN_OPT_EMPTY_SEEN and so on
    std::uint32_t rehashes = 0;
    std::uint16_t total_timeouts = 0;
    std::uint16_t timeout_recoveries = 0;
    Duration time_in_timeouts{};
    Duration busy{};               // something was waiting to be acknowledged
    Duration limited_by_window{};  // the peer's
    Duration limited_by_send_buffer{};
    Duration last_data_sent{};      // ago
    Duration last_data_received{};  // ago
    Duration last_ack_received{};   // ago
};

// The timer that ss shows, by the numbers of /proc/net/tcp: off, on (retransmission, tail loss probe),
// keepalive, timewait, persist.
enum class TimerKind : std::uint8_t { Off, Retransmit, KeepAlive, TimeWait, Persist };

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
    Duration ack_left = Duration::infinite();  // until a delayed ACK leaves; infinite: none waits
    std::uint8_t retransmits = 0;
    std::uint8_t probes = 0;  // of an empty window, or of a silent peer
    bool has_shut_read = false;
    bool has_shut_write = false;
    bool is_v6_only = false;
    bool is_orphan = false;
    std::uint8_t tos = 0;
    std::uint64_t cookie = 0;    // the application's
    std::uint64_t identity = 0;  // SO_COOKIE: of this socket alone, as long as the stack lives
};

// SO_MEMINFO: what a socket holds, and may hold, in bytes.
struct SocketMemory {
    std::uint32_t receive_allocated = 0;
    std::uint32_t receive_buffer = 0;
    std::uint32_t write_allocated = 0;  // in packets that have not left yet
    std::uint32_t send_buffer = 0;
    std::uint32_t forward_allocated = 0;  // taken from the system, and free
    std::uint32_t write_queued = 0;
    std::uint32_t option_memory = 0;
    std::uint32_t backlog = 0;
    std::uint32_t drops = 0;
};

// What a congestion controller tells of itself: the words of Linux's union tcp_cc_info (TCP_CC_INFO).
struct CongestionDetails {
    // By the attributes of linux/inet_diag.h that carry it.
    enum class Form : std::uint8_t { None = 0, Vegas = 3, Dctcp = 9, Bbr = 16 };

    Form form = Form::None;
    std::uint8_t bytes = 0;
    std::array<std::uint32_t, 5> words{};
};

struct SocketRow {
    SocketInfo info{};
    SocketMemory memory{};
    std::optional<TcpInfo> tcp{};  // of a stream; a request or a TIME-WAIT entry has none
    std::string congestion{};      // of a stream: "reno"
    CongestionDetails congestion_details{};
};

// Where a snapshot in parts goes on.
struct SocketCursor {
    std::uint32_t phase = 0;
    std::uint32_t at = 0;
};

// As `tc -s qdisc` shows the queue before a device, where net.core.default_qdisc put one there.
struct QueueInfo {
    std::string_view discipline = "pfifo_fast";
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;  // the queue, or the flow's, was full; or CoDel thought it late
    std::uint64_t marked = 0;
    std::uint64_t throttled = 0;       // how often a flow had to wait for its next departure
    std::uint64_t beyond_horizon = 0;  // dropped, since they were to leave in the far future
    std::uint32_t packets = 0;         // that wait
    std::uint64_t bytes = 0;
};

struct InterfaceInfo {
    std::string name{};
    InterfaceIndex index = 0;
    std::uint32_t mtu = 0;
    bool is_up = false;
    bool is_loopback = false;
    bool has_broadcast = false;  // Ethernet
    std::uint64_t received_packets = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t receive_errors = 0;
    std::uint64_t receive_drops = 0;
    std::uint64_t sent_packets = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t send_drops = 0;
    QueueInfo queue{};
};

// What is remembered of a destination: a row of `ip tcp_metrics`. 0: nothing.
struct DestinationInfo {
    IpAddress source{};
    IpAddress destination{};
    Duration age{};
    Duration rtt{};
    Duration rtt_variation{};
    std::uint32_t congestion_window = 0;
    std::uint32_t slow_start_threshold = 0;
    std::uint32_t reordering = 0;
    // Of Fast Open.
    std::uint16_t mss = 0;
    std::uint16_t syn_losses = 0;
    Duration last_syn_loss{};  // ago
    std::array<std::byte, 16> cookie{};
    std::uint8_t cookie_bytes = 0;
};

}  // namespace fairlead
