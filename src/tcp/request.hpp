// tcp/request.hpp — a SYN that waits for its third segment.
//
// Owns:   Request: all that is kept of a half-open connection. Under 256 bytes; no Connection
//         exists until the handshake is done, but of one that a Fast Open SYN made, which keeps its
//         request until then.
// Knows:  RFC 9293 §3.10.7.4 (SYN-RECEIVED), RFC 4987 §3.
#pragma once

#include <cstdint>

#include "base/slab.hpp"
#include "base/timer_wheel.hpp"
#include "tcp/acceptance.hpp"
#include "tcp/environment.hpp"
#include "tcp/flow.hpp"
#include "tcp/negotiation.hpp"
#include "tcp/receive_window.hpp"
#include "wire/tcp.hpp"

namespace fairlead::tcp {

class Connection;

struct Request : TimerEntry {
    SlabNumber slab_number{};
    FlowKey key{};
    Connection* listener = nullptr;
    wire::Seq32 peer_isn{};
    wire::Seq32 isn{};
    Agreement agreement{};
    InitialWindow offered{};
    RecentTimestamp recent{};
    std::uint32_t timestamp_offset = 0;
    std::uint32_t last_clock = 0;      // of the last SYN-ACK's timestamp; the first's is of `sent`
    std::uint16_t advertised_mss = 0;  // what our SYN-ACK says
    std::uint16_t own_mss = 0;         // by our MTU
    std::uint8_t tos = 0;
    std::uint8_t ttl = 0;
    std::uint8_t timeouts = 0;
    bool dont_fragment = true;
    std::uint8_t retransmitted = 0;  // the SYN-ACK
    bool is_acked = false;           // the third segment came while the accept queue was full
    bool is_fast_open = false;       // a connection's (fast_open.hpp), and in no table
    std::uint32_t syn_data = 0;      // what its SYN carried, and we took
    Instant sent{};
    Instant due = Instant::never();
    Instant last_answered = Instant::never();  // for the rate limit
    Request* next_of_listener = nullptr;
    Request* prev_of_listener = nullptr;

    void count_retransmission() {
        if (retransmitted < UINT8_MAX) ++retransmitted;
    }
    // The SYN-ACK goes a third time, and does not speak of accurate ECN.
    bool has_fallen_back() const { return timeouts >= 2; }
};
static_assert(sizeof(Request) <= 256);

struct FastOpenCookie;
// `clock`: what its timestamp says, before the offset. `cookie`: null, or one to be given.
void send_syn_ack(const Request& request, std::uint32_t clock, const FastOpenCookie* cookie,
                  const ip::Path& path, Environment& env);

}  // namespace fairlead::tcp
