// tcp/time_wait.hpp — what is remembered of a connection that is over.
//
// Owns:   TimeWait (a compact entry: no Connection is kept alive for it) and what a segment does
//         to it. An orphan that waits for its peer's FIN is kept here too, in state FinWait2.
// Knows:  RFC 9293 §3.6.1, RFC 6191 (a new SYN by timestamp), RFC 1337 as Linux has it,
//         RFC 7323 §5; Linux's tcp_timewait_state_process().
// Memory: with its places in the demux and the timer wheel under 128 bytes.
// Not here: the table and the clock (layer.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/slab.hpp"
#include "base/timer_wheel.hpp"
#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "tcp/compact_time.hpp"
#include "tcp/flow.hpp"
#include "tcp/state.hpp"
#include "wire/tcp.hpp"
#include "wire/tcp_options.hpp"

namespace fairlead::tcp {

inline constexpr Duration kTimeWait = 60_s;

// A million of them may wait: the order of the members leaves no gap.
struct TimeWait : TimerEntry {
    std::uint16_t window = 0;  // as it travels
    SlabNumber slab_number{};
    wire::Seq32 send_next{};
    wire::Seq32 receive_next{};
    std::uint32_t recent_timestamp = 0;
    std::uint32_t timestamp_offset = 0;
    RoughInstant recent_taken{};
    RoughInstant last_answered = Instant::never();
    std::uint8_t traffic_class : 6 = 0;  // none of its packets is ECN-capable
    bool has_timestamps : 1 = false;
    bool is_fin_wait_2 : 1 = false;
    std::uint8_t window_scale : 4 = 0;
    bool reuse_address : 1 = false;  // as its socket had them
    bool reuse_port : 1 = false;
    bool v6_only : 1 = false;
    bool is_v6 : 1 = false;

    std::int64_t window_bytes() const { return std::int64_t{window} << window_scale; }
    std::uint8_t tos() const { return static_cast<std::uint8_t>(traffic_class << 2); }
    void set_tos(std::uint8_t tos) { traffic_class = tos / 4 % 64; }
    FlowKey key() const {
        const auto address = [this](const Bytes16& bytes) {
            const IpAddress a = IpAddress::v6(bytes);
            return a.needs_zone() ? a.with_zone(zone_) : a;
        };
        return {.local = {address(local_), local_port_},
                .remote = {address(remote_), remote_port_}};
    }
    void set_key(const FlowKey& key) {
        local_ = key.local.address.bytes();
        remote_ = key.remote.address.bytes();
        local_port_ = key.local.port;
        remote_port_ = key.remote.port;
        // One link has both ends, if any has a zone.
        zone_ = std::max(key.local.address.zone(), key.remote.address.zone());
    }

private:
    using Bytes16 = std::array<std::uint8_t, 16>;
    Bytes16 local_{};
    Bytes16 remote_{};
    InterfaceIndex zone_ = 0;
    std::uint16_t local_port_ = 0;
    std::uint16_t remote_port_ = 0;
};
static_assert(sizeof(TimeWait) == 88);

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
                           Counters& counters, Instant now);

// RFC 6191 §2: the initial sequence number that can be no old one's.
constexpr std::uint32_t isn_after(const TimeWait& entry) {
    return static_cast<std::uint32_t>(entry.send_next) + 65535 + 2;
}

}  // namespace fairlead::tcp
