// udp/layer.hpp — all UDP of one stack: its sockets, and the calls on them.
//
// Owns:      the sockets by the caller's handles, the ports, what waits to be read.
// Knows:     udp(7) and Linux's order of checks, errno and readiness. A pending error (ICMP, of a
//            connected socket or with ReceiveError) is delivered once, by the next call.
// Up:        input() and on_icmp(), with what the network hands out; woken() tells which sockets to
//            look at again.
// Ping:      sockets of ICMP's echo are datagram sockets too (ping.hpp): their ports are identifiers, in
//            a table of their own.
// Files:     layer.cpp (names), layer_data.cpp (receive, input), layer_send.cpp, layer_options.cpp.
// Not here:  ids with generations, descriptors, blocking (socket/).
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/prng.hpp"
#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "fairlead/info.hpp"
#include "fairlead/packet.hpp"
#include "fairlead/socket.hpp"
#include "ip/address_hash.hpp"
#include "ip/local_ports.hpp"
#include "ip/network.hpp"
#include "udp/demux.hpp"
#include "udp/socket.hpp"
#include "wire/udp.hpp"

namespace fairlead::ip {
class SentFrames;
}

namespace fairlead::udp {

class Layer {
public:
    // All but the key outlive the layer.
    Layer(const Config& config, Counters& counters, PacketPool& pool, ip::Network& network,
          std::span<const std::uint8_t, 16> key);
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    void set_now(Instant now) { now_ = now; }

    // --- the network: packets and errors of other protocols are left alone ---
    void input(std::span<ip::Incoming> burst);
    void on_icmp(const ip::IcmpError& error);
    void on_departure(const ip::Departure& departure);

    // --- calls; a handle is open between open() and close() ---
    void open(Handle handle, Family family, bool is_ping = false);
    void close(Handle handle);
    // AddressInUse, AddressNotAvailable, InvalidArgument (bound already, no zone), FamilyNotSupported;
    // AccessDenied: the port is below `lowest_port`, which is the caller's.
    Result<void> bind(Handle handle, const Endpoint& local, std::int64_t lowest_port = 0);
    // Family-any address: takes the peer away.
    Result<void> connect(Handle handle, const Endpoint& peer);
    Result<std::size_t> send_to(Handle handle, Bytes bytes, const DatagramTarget& target);
    // copied is 0 and so is size after shutdown(Read). WouldBlock: nothing is there.
    Result<DatagramInfo> receive_from(Handle handle, MutableBytes into, ReceiveFlags flags);
    // WouldBlock: the error queue is empty.
    Result<ErrorMessage> receive_error(Handle handle, MutableBytes into);
    Errc pending_error(Handle handle) const { return at(handle).error.value_or(Errc{}); }
    Result<void> shutdown(Handle handle, Shutdown how);
    Result<void> set_option(Handle handle, Option option, std::int64_t value);
    Result<std::int64_t> option(Handle handle, Option option);  // Error is taken by it
    Endpoint local_name(Handle handle) const;
    Result<Endpoint> peer_name(Handle handle) const;  // NotConnected
    std::size_t bytes_to_read(Handle handle) const;   // SIOCINQ: of the next datagram
    Readiness readiness(Handle handle) const;

    // Sockets whose readiness may have risen since clear_woken(); each once.
    std::span<const Handle> woken() const { return woken_; }
    Readiness woken_by(Handle handle) const { return sockets_[handle].woken; }
    void clear_woken();

    // Rows of ss for bound sockets, from cursor.at on; SocketInfo::socket.index is the handle.
    // False: that was all.
    bool describe(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const;
    SocketMemory memory(Handle handle) const;
    std::size_t size() const { return open_; }

private:
    struct Awaited {
        std::uint64_t cookie = 0;
        Handle handle = kNoHandle;
        Stamps wanted = 0;
        std::uint32_t number = 0;
    };

    Socket& at(Handle handle);
    const Socket& at(Handle handle) const;
    void wake(Socket& socket, Readiness what);

    Result<void> set_timestamping(Socket& socket, std::int64_t value);

    // --- layer.cpp ---
    Result<IpAddress> own_name(const Socket& socket, const IpAddress& wanted,
                               InterfaceIndex& device) const;
    Result<void> take_port(Socket& socket, const Endpoint& local);
    Result<std::uint16_t> free_port(const Socket& socket, const IpAddress& address);
    void release_port(Socket& socket);
    void disconnect(Socket& socket);
    Result<IpAddress> checked_peer(const Socket& socket, const IpAddress& peer) const;

    // --- layer_send.cpp ---
    Result<Endpoint> destination_of(const Socket& socket, const Endpoint& wanted) const;
    Result<IpAddress> source_of(const Socket& socket, const DatagramTarget& target,
                                const IpAddress& destination) const;
    Result<void> find_path(Socket& socket, const IpAddress& to, const IpAddress& from,
                           InterfaceIndex device);
    Result<void> prepare(Socket& socket, const Endpoint& to, const DatagramTarget& target);
    // One datagram, or as many as its segments are, to where the path of the socket leads.
    Result<void> transmit(Socket& socket, const Endpoint& to, const DatagramTarget& target,
                          Bytes bytes);
    Result<void> cork(Socket& socket, Bytes bytes);
    Result<void> uncork(Socket& socket);
    bool may_hold(const Socket& socket, const Endpoint& to, std::size_t bytes) const;
    void stamp(Socket& socket, Stamps wanted, const ip::SentFrames& frames, bool is_cut);
    void tell_stamps(const Awaited& sent, const ip::Departure& departure);

    // --- layer_data.cpp ---
    void take(ip::Incoming& incoming);
    void take_answer(ip::Incoming& incoming);
    Socket* find(const ip::IcmpError& error);
    void deliver(Socket& socket, PacketPtr payload, const ip::Incoming& incoming,
                 const Endpoint& from);
    void queue_error(Socket& socket, const ip::IcmpError& error);
    void queue_too_large(Socket& socket, const Endpoint& to);
    void deliver_parts(Socket& socket, const ip::Incoming& incoming, const Endpoint& from);
    void count(bool is_v4, Counter v4, Counter v6) { counters_.add(is_v4 ? v4 : v6); }
    // Those of UDP are moved by its own sockets.
    void count_of(const Socket& socket, bool is_v4, Counter v4, Counter v6) {
        if (!socket.is_ping) count(is_v4, v4, v6);
    }
    Demux& demux_of(const Socket& socket) { return socket.is_ping ? pings_ : demux_; }

    const Config& config_;
    Counters& counters_;
    PacketPool& pool_;
    ip::Network& network_;
    ip::AddressHash hash_;
    Prng prng_;
    Instant now_{};
    std::size_t open_ = 0;
    std::deque<Socket> sockets_{};  // by handle; a reference stays good while others come
    Demux demux_{sockets_};
    Demux pings_{sockets_};  // by identifier
    ip::LocalPorts local_ports_;
    std::vector<Handle> woken_{};
    std::uint64_t cookies_ = 0;       // of packets whose senders want to be told of them
    std::vector<Awaited> awaited_{};  // those that may wait for a neighbour
};

}  // namespace fairlead::udp
