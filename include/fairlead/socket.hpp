// fairlead/socket.hpp — the words of the socket calls.
//
// Owns:      SocketId, kinds, options, flags, readiness and what a datagram carries beside it.
// Numbers:   where Linux's ABI has a number (poll masks), ours is the same.
// Not here:  the calls themselves (stack.hpp), descriptors and blocking (posix/).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "fairlead/address.hpp"
#include "fairlead/error.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

// A socket of one stack. Never reused: the generation of a closed socket's slot moves on, and a
// stale id gives BadDescriptor.
struct SocketId {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: no socket

    constexpr auto operator<=>(const SocketId&) const = default;
    constexpr explicit operator bool() const { return generation != 0; }
};

// Ping: a datagram socket of ICMP, whose port is the identifier of its echo requests, and which reads the
// answers to them (Linux's SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6).
enum class SocketType : std::uint8_t { Stream, Datagram, Ping };
enum class Shutdown : std::uint8_t { Read = 0, Write = 1, Both = 2 };

// Readiness: the bits of poll(2).
using Readiness = std::uint32_t;
inline constexpr Readiness kReadable = 0x0001;    // POLLIN
inline constexpr Readiness kPriority = 0x0002;    // POLLPRI
inline constexpr Readiness kWritable = 0x0004;    // POLLOUT
inline constexpr Readiness kError = 0x0008;       // POLLERR
inline constexpr Readiness kHangup = 0x0010;      // POLLHUP
inline constexpr Readiness kReadHangup = 0x2000;  // POLLRDHUP

// What rose where a socket's state changed, and not one bit of it alone. (The bit that is not in it
// rises when the peer says that urgent data comes: SIGURG.)
inline constexpr Readiness kEverything = ~kPriority;

// A socket whose readiness rose since the last time it was reported.
struct SocketEvent {
    SocketId socket{};
    Readiness readiness = 0;   // all that is true now
    Readiness rose = 0;        // what it was woken for: data, room, an error, or kEverything
    std::uint64_t cookie = 0;  // what set_cookie() left there
};

enum class Option : std::uint8_t {
    // SOL_SOCKET
    ReuseAddress,
    ReusePort,
    KeepAlive,
    Broadcast,
    SendBuffer,
    ReceiveBuffer,
    ReceiveLowWater,
    Error,          // read only: takes the pending error (an errno), as SO_ERROR
    Type,           // read only: 1 stream, 2 datagram
    Domain,         // read only: 2 AF_INET, 10 AF_INET6
    Listening,      // read only: SO_ACCEPTCONN
    BindToDevice,   // an interface index, 0: none
    LingerSeconds,  // SO_LINGER: -1 off, else the seconds
    Priority,
    Mark,
    // IPPROTO_IP and IPPROTO_IPV6
    Ttl,
    Tos,
    MtuDiscover,
    PacketInfo,
    V6Only,
    ReceiveTtl,
    ReceiveTos,
    ReceiveError,
    // IPPROTO_TCP
    NoDelay,
    Cork,
    MaxSegment,
    KeepIdle,
    KeepInterval,
    KeepCount,
    SynCount,
    FinTimeout,
    DeferAccept,
    WindowClamp,
    QuickAck,
    UserTimeout,
    NotSentLowWater,
    ThinLinearTimeouts,  // 0, 1: with fewer than four segments on the way the RTO does not double
    FastOpen,          // of a listener: how many connections may be open before their third segment
    FastOpenConnect,   // connect() waits for the first write, whose bytes go in the SYN
    FastOpenNoCookie,  // neither asks for one nor needs one
    // SOL_SOCKET
    OutOfBandInline,
    ZeroCopy,
    // IPPROTO_IP and IPPROTO_IPV6
    PathMtu,            // read only: IP_MTU of a datagram socket; NotConnected
    BindAddressNoPort,  // IP_BIND_ADDRESS_NO_PORT
    LocalPortRange,     // IP_LOCAL_PORT_RANGE: the last port above the first, 16 bits each
    // SOL_SOCKET
    Timestamping,  // SO_TIMESTAMPING (timestamping.hpp)
    // IPPROTO_UDP
    UdpCork,     // what is sent is gathered into one datagram, until it is taken away
    UdpSegment,  // a send becomes datagrams of so many bytes; 0: one, as it is
    UdpGro,      // datagrams of one size that came together are read together
    // SOL_SOCKET
    MaxPacingRate,  // bytes a second; INT64_MAX: as fast as may be
};

struct BindFlags {
    // The caller may take ports below ip_unprivileged_port_start (CAP_NET_BIND_SERVICE).
    bool is_privileged = true;
};

struct SendFlags {
    bool more : 1 = false;           // MSG_MORE
    bool out_of_band : 1 = false;    // MSG_OOB
    bool end_of_record : 1 = false;  // MSG_EOR
    bool zero_copy : 1 = false;      // MSG_ZEROCOPY: the error queue tells when it is complete
    bool waits : 1 = false;          // where there is no room, the caller waits for some
};

struct ReceiveFlags {
    bool peek = false;         // MSG_PEEK
    bool truncate = false;     // MSG_TRUNC
    bool out_of_band = false;  // MSG_OOB
};

// Where a datagram goes and how; what is left out is the socket's.
struct DatagramTarget {
    Endpoint to{};                 // port 0: the connected peer
    IpAddress source{};            // IP_PKTINFO, IPV6_PKTINFO; any: chosen by route
    InterfaceIndex interface = 0;  // 0: chosen by route
    std::int16_t ttl = -1;         // IP_TTL, IPV6_HOPLIMIT; -1: the socket's
    std::int16_t tos = -1;         // IP_TOS, IPV6_TCLASS; -1: the socket's
    bool zero_copy = false;        // as SendFlags has it
    bool more = false;             // MSG_MORE: as UdpCork, for this one
    bool confirm = false;          // MSG_CONFIRM: the peer was heard, and need not be asked for
    std::int32_t segment = -1;     // UDP_SEGMENT; -1: the socket's
    std::int32_t stamps = -1;      // SO_TIMESTAMPING: what is to be told of it; -1: the socket's
};

// A message of a socket's error queue (struct sock_extended_err).
enum class ErrorOrigin : std::uint8_t {
    Local = 1,
    Icmp = 2,
    Icmp6 = 3,
    Timestamping = 4,
    ZeroCopy
};

struct ErrorMessage {
    Errc error{};
    ErrorOrigin origin = ErrorOrigin::Local;
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t info = 0;  // an MTU; the first of the sends that are complete
    std::uint32_t data = 0;  // the last of them
    Endpoint to{};           // whom it was sent to; port 0: nobody is named
    IpAddress offender{};    // who said so; who sent it
    // Of a stamp with what was sent: where it left, and what its header said.
    InterfaceIndex interface = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    Instant when{};          // it happened
    std::size_t copied = 0;  // bytes of what it is about, put into the caller's span
    std::size_t size = 0;    // how many there were
};

struct DatagramInfo {
    std::size_t copied = 0;  // bytes put into the caller's span
    std::size_t size = 0;    // bytes the datagram had
    Endpoint from{};
    IpAddress to{};                // the address it was sent to
    InterfaceIndex interface = 0;  // where it came in
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    std::uint16_t segment = 0;  // UdpGro: it is several of so many bytes; 0: it is one
    Instant arrived{};
};

}  // namespace fairlead
