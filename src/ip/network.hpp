// ip/network.hpp — everything between a link and a transport, as one object of the stack.
//
// Owns:      interfaces, addresses, routes, neighbours, fragments, the ICMP that a host answers.
// Up:        input() turns a frame into an Incoming, or eats it (a drop, an echo, a neighbour's
//            word, a fragment). Errors that concern a transport come out as IcmpError values.
// Down:      find_path() says how to reach an address; send() takes a transport segment along it.
// Not here:  sockets, ports, TCP, UDP. No virtual call, no callback: the stack carries values
//            between the layers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"
#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "fairlead/device.hpp"
#include "fairlead/error.hpp"
#include "fairlead/packet.hpp"
#include "fairlead/stack.hpp"
#include "wire/source_route.hpp"

namespace fairlead::link {
class Interface;
}

namespace fairlead::ip {

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmp6 = 58;

// IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, Linux's numbers.
enum class MtuDiscovery : std::uint8_t {
    Dont = 0,       // never set DF
    Want = 1,       // set it where the packet fits, else fragment here
    Do = 2,         // always set it; EMSGSIZE where it does not fit
    Probe = 3,      // likewise (TCP: no DF), and believe no path MTU
    Interface = 4,  // never set DF, and hear of no path MTU
    Omit = 5,       // likewise
};

// A packet for a transport of this host: its front is the transport header, its length what the IP
// header said.
struct Incoming {
    PacketPtr packet{};
    IpAddress source{};       // with its zone where it needs one
    IpAddress destination{};  // likewise
    InterfaceIndex interface = 0;
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;    // DSCP and ECN
    bool is_unicast = true;  // to one of our own addresses, not to a group or a broadcast
    bool dont_fragment = false;
    std::uint8_t route = 0;   // IPv4: it came by a source route, of which way_back() tells
    std::uint32_t label = 0;  // IPv4: the identification; IPv6: the flow label; quoted in an answer
};

// What an ICMP error (or our own neighbour table) says about something we sent.
struct IcmpError {
    Errc error{};          // ConnectionRefused, HostUnreachable, MessageTooLong, ...
    bool is_hard = false;  // Linux's "fatal" column: port and protocol unreachable, prohibited
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t mtu = 0;  // for MessageTooLong
    IpAddress offender{};   // who said so
    InterfaceIndex interface = 0;
    // The packet it is about, as we sent it.
    std::uint8_t protocol = 0;
    IpAddress source{};
    IpAddress destination{};
    std::array<std::byte, 8> transport{};  // its first 8 bytes: the ports, and TCP's sequence
    std::uint8_t transport_bytes = 0;
    std::vector<std::byte> rest{};  // what is quoted behind them
};

// What has left of a packet whose PacketMeta::cookie is not 0, and which had waited for its neighbour.
struct Departure {
    std::uint64_t cookie = 0;
    std::vector<std::byte> first{};  // of its frames
    std::vector<std::byte> whole{};  // before it was cut
    ErrorMessage header{};           // as SentFrames::describe() has it
};

// How to reach one address. A value to keep; it is looked up again when generation() has moved.
struct Path {
    IpAddress next_hop{};
    InterfaceIndex interface = 0;
    std::uint32_t mtu = 0;
    std::uint32_t generation = 0;
    bool is_loopback = false;
    bool is_group = false;  // next_hop is a multicast group or everybody: it has no neighbour entry
    bool is_mtu_locked = false;
    std::uint8_t hints = 0;  // which of the network's hints_of(); 0: none
    mutable std::uint32_t neighbour =
        0;  // a hint for the neighbour table, which send() keeps right
};

// As find_path() answers it: who has a source of its own keeps the Path alone.
struct SourcedPath : Path {
    IpAddress source{};  // what a socket without an address of its own would use
};

struct Outgoing {
    IpAddress source{};
    IpAddress destination{};
    std::uint8_t protocol = 0;
    std::uint8_t ttl = 0;  // 0: the default
    std::uint8_t tos = 0;
    bool dont_fragment = true;
    std::uint8_t turn = 0;  // each is another flow to routers (IPv6)
    Bytes options{};        // of the header of IPv4
};

class Network {
public:
    // What a caller of receive() is handed: transports' packets and errors, in order of arrival.
    struct Events {
        std::span<Incoming> incoming{};
        std::span<IcmpError> errors{};
        Instant now{};  // not before any of them arrived
    };

    Network(const Config& config, Counters& counters, PacketPool& pool,
            std::span<const std::uint8_t, 16> key);
    ~Network();

    Result<InterfaceIndex> add_interface(Device& device, const InterfaceOptions& options);
    Result<void> add_address(InterfaceIndex interface, const Prefix& address, Instant now);
    Result<void> remove_address(InterfaceIndex interface, const IpAddress& address);
    Result<void> add_route(const Route& route);
    Result<void> remove_route(const Prefix& destination);
    std::vector<Route> routes() const;
    Result<InterfaceIndex> interface_by_name(std::string_view name) const;
    std::size_t interface_count() const;
    // Its name, MTU, station, state and counts; 1 to interface_count().
    const link::Interface& interface(InterfaceIndex index) const;
    link::Interface& interface(InterfaceIndex index);

    // How an answer goes back by the route that the packet came by; null: by any. For as long as the packet
    // itself is handed out.
    const wire::HeaderOptions* way_back(const Incoming& in) const;

    // What the path's route says to TCP.
    const RouteHints& hints_of(const Path& path) const;

    // Moves whenever a route, an address or an interface changes: paths of an older generation
    // are looked up again.
    std::uint32_t generation() const;
    bool is_local(const IpAddress& address, InterfaceIndex interface = 0) const;
    // 255.255.255.255, or the last address of a subnet of ours.
    bool is_broadcast(const IpAddress& address) const;
    // NetworkUnreachable, HostUnreachable, NetworkDown. `source` any: chosen (RFC 6724);
    // `interface` 0: whichever the route says.
    Result<SourcedPath> find_path(const IpAddress& destination, const IpAddress& source,
                                  InterfaceIndex interface) const;

    // Takes a burst from one interface's device and walks it up: link, GRO, IP. Incoming and
    // errors appear in the spans of the return value, valid until the next call.
    Events receive(InterfaceIndex interface, Instant now, std::size_t& frames);
    // Down: `packet` begins at its transport header, whose checksum is Partial (with the pseudo
    // header summed) or complete; meta.gso tells a large one. Puts IP and link headers before it,
    // fragments where it may, resolves the neighbour, queues it at the device.
    // What an error leaves of it is the caller's to let go.
    Result<void> send(PacketPtr&& packet, const Outgoing& outgoing, const Path& path, Instant now);
    // Bytes of the flow that wait in the interface's queue for a busy device; kNoRoom: a large segment,
    // split, does not fit any more. Who has much to send asks before, and comes back after a flush().
    static constexpr std::uint32_t kNoRoom = UINT32_MAX;
    std::uint32_t backlog(InterfaceIndex interface, std::uint32_t flow) const;
    // What waits before its device, where net.core.default_qdisc put a queue there.
    QueueInfo queue(InterfaceIndex interface) const;
    // A queue there holds each packet until its PacketMeta::departs (net.core.default_qdisc fq).
    bool holds_departures(InterfaceIndex interface) const;
    // The device sums what is sent with a Partial checksum.
    bool completes_checksums(InterfaceIndex interface) const;
    // Answers a datagram nobody listens for (ICMP port unreachable), rate limited.
    void send_port_unreachable(const Incoming& incoming, Instant now);
    // The transport believed a MessageTooLong: packets to `destination` are to be no larger than
    // `mtu` for the next ten minutes. Returns the path MTU now.
    std::uint32_t lower_path_mtu(const IpAddress& destination, std::uint32_t mtu, Instant now);
    // The transport got something new from there: no need to ask whether the neighbour still is.
    // Told with each such segment, and passed on at most ten times a second.
    void confirm(const Path& path, Instant now) {
        if (path.neighbour != confirmed_ || now >= confirm_again_) confirm_neighbour(path, now);
    }
    // The transport sends again and again, and gets no answer: the neighbour on the way may be gone.
    void doubt(const Path& path, Instant now);

    // Neighbours' retries and expiry, fragments' timeouts; errors of failed neighbours come out.
    Events expire(Instant now);
    Instant next_deadline() const;
    // Hands what is queued to the devices; false when one did not take all.
    bool flush(Instant now);
    bool has_queued() const;
    // Since the last clear_departed().
    std::span<const Departure> departed() const { return departed_; }
    void clear_departed() { departed_.clear(); }

private:
    struct Rooms;
    void confirm_neighbour(const Path& path, Instant now);
    [[gnu::noinline]] Events receive_burst(InterfaceIndex interface, Instant now,
                                           std::size_t& frames);

    std::vector<Departure> departed_{};
    std::unique_ptr<Rooms> rooms_;
    // What confirm() last passed on, and until when there is no need to repeat it.
    std::uint32_t confirmed_ = 0;
    Instant confirm_again_{};
};

}  // namespace fairlead::ip
