// udp/socket.hpp — what a datagram socket is: its names, its options, what waits to be read.
//
// Owns:   nothing of others. The calls are Layer's; the order in which sockets are tried is Demux's.
// Names:  in v4-mapped form, as everywhere above ip/.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fairlead/error.hpp"
#include "fairlead/socket.hpp"
#include "fairlead/timestamping.hpp"
#include "ip/error_queue.hpp"
#include "ip/network.hpp"
#include "udp/receive_queue.hpp"

namespace fairlead::udp {

using Handle = std::uint32_t;  // the caller's small number
inline constexpr Handle kNoHandle = UINT32_MAX;

using ip::MtuDiscovery;

struct SocketOptions {
    bool reuse_address = false;
    bool reuse_port = false;
    bool broadcast = false;
    bool v6_only = false;
    bool bind_address_no_port = false;
    bool packet_info = false;
    bool receive_ttl = false;
    bool receive_tos = false;
    bool receive_error = false;
    bool zero_copy = false;
    bool keep_alive = false;  // kept, and of no effect, as the next
    bool out_of_band_inline = false;
    bool cork = false;  // UDP_CORK
    bool gro = false;   // UDP_GRO
    std::uint8_t tos = 0;
    std::int16_t ttl = -1;  // -1: the default
    MtuDiscovery mtu_discovery = MtuDiscovery::Want;
    std::uint16_t segment = 0;  // UDP_SEGMENT
    InterfaceIndex device = 0;
    Stamps stamps = 0;             // SO_TIMESTAMPING
    std::uint32_t port_range = 0;  // IP_LOCAL_PORT_RANGE
    std::int64_t receive_buffer = 0;
    std::int64_t send_buffer = 0;
    std::int64_t linger_seconds = -1;
    std::int64_t priority = 0;
    std::int64_t mark = 0;
    std::int64_t receive_low_water = 1;
};

// What is gathered while a socket is corked: one datagram, that goes where the first part was to.
struct Corked {
    Endpoint to{};
    DatagramTarget target{};
    std::vector<std::byte> bytes{};
};

struct Socket {
    Handle handle = kNoHandle;
    bool is_open = false;
    Family family = Family::Inet;
    bool is_ping = false;  // its port is the identifier of its echo requests (ping.hpp)
    SocketOptions options{};

    Endpoint local{};  // port 0: not bound
    Endpoint peer{};   // port 0 and is_connected false: none
    bool is_connected = false;
    bool is_address_bound = false;  // by bind(), not by connect()
    bool is_port_bound = false;
    bool is_read_shut = false;
    bool is_write_shut = false;
    Readiness woken = 0;  // not 0: on Layer's list
    std::optional<Errc> error{};
    ip::ErrorQueue errors{};
    std::uint32_t zero_copies = 0;  // sends that were told to be
    std::uint32_t stamped = 0;      // datagrams that have numbers
    std::optional<Corked> corked{};

    ReceiveQueue queue{};
    ip::SourcedPath
        path{};  // to `path_to`; looked up again when the network's generation has moved
    IpAddress path_to{};
    IpAddress path_from{};
    InterfaceIndex path_device = 0;

    Handle next_on_port = kNoHandle;  // Demux's chain

    // What the error queue may hold.
    std::size_t error_limit() const { return static_cast<std::size_t>(options.receive_buffer); }
    // What the socket could hear: a family-any name of an Inet6 socket takes both families.
    bool takes_v4() const {
        if (family == Family::Inet) return true;
        if (is_ping) return false;
        return !options.v6_only && (local.address.is_v4() || local.address.is_any());
    }
    bool takes_v6() const { return family == Family::Inet6 && !local.address.is_v4(); }
};

}  // namespace fairlead::udp
