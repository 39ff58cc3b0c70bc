// tcp/options.hpp — what an application has set on a TCP socket.
//
// Owns:   Options, with Linux's defaults. 0 or nothing means "as the stack's configuration says".
#pragma once

#include <cstdint>

#include "fairlead/address.hpp"
#include "fairlead/time.hpp"
#include "ip/network.hpp"

namespace fairlead::tcp {

struct Options {
    bool no_delay = false;
    bool cork = false;
    bool keep_alive = false;
    bool reuse_address = false;
    bool reuse_port : 1 = false;
    bool v6_only : 1 = false;
    bool buffer_is_locked : 1 = false;    // SO_SNDBUF was set: no growth
    bool out_of_band_inline : 1 = false;  // SO_OOBINLINE
    bool bind_address_no_port : 1 = false;
    bool receive_error : 1 = false;  // IP_RECVERR, IPV6_RECVERR
    bool zero_copy : 1 = false;      // SO_ZEROCOPY
    bool thin_linear_timeouts : 1 = false;
    bool is_v6 : 1 = false;       // the socket's family, which an address of IPv4 does not tell
    std::uint8_t keep_count = 0;  // probes
    std::uint8_t syn_retries = 0;
    std::uint8_t defer_accept = 0;  // timeouts of the SYN-ACK that data may take to come
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    ip::MtuDiscovery mtu_discovery = ip::MtuDiscovery::Want;
    std::int8_t fin_timeout = 0;       // TCP_LINGER2: seconds; negative: no FIN-WAIT-2 at all
    std::uint16_t max_segment = 0;     // TCP_MAXSEG
    std::uint16_t keep_idle = 0;       // seconds
    std::uint16_t keep_interval = 0;   // seconds
    std::int32_t linger_seconds = -1;  // -1: off
    std::uint32_t user_timeout_ms = 0;
    std::uint32_t not_sent_low_water = 0;
    std::uint32_t window_clamp = 0;
    std::uint32_t receive_low_water = 1;
    std::uint32_t send_buffer = 0;     // bytes, as SO_SNDBUF reports
    std::uint32_t receive_buffer = 0;  // bytes, as SO_RCVBUF reports
    InterfaceIndex device = 0;         // SO_BINDTODEVICE
};

}  // namespace fairlead::tcp
