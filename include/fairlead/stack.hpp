// fairlead/stack.hpp — one TCP/IP stack: frames, calls and time in; frames, readiness and the next
// deadline out.
//
// Contract:  One thread at a time. Nothing here blocks, reads a clock, draws a random number or
//            makes a system call: entropy comes once, in StackOptions::seed, and the time comes
//            with advance() and poll(). What would block returns WouldBlock; events() says when to
//            try again. Time never goes back: an earlier instant is clamped and counted.
// Loop:      poll(now); handle take_events(); call sockets; sleep until next_deadline() or a device
//            has something.
// Errors:    Errc, one-to-one with the errno that the Linux call of the same name would give.
// Not here:  descriptors and blocking calls, threads, devices themselves (src/device/).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/authentication.hpp"
#include "fairlead/bytes.hpp"
#include "fairlead/config.hpp"
#include "fairlead/congestion.hpp"
#include "fairlead/counters.hpp"
#include "fairlead/device.hpp"
#include "fairlead/error.hpp"
#include "fairlead/info.hpp"
#include "fairlead/socket.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

class GroupSeat;
class InputRecorder;

struct StackOptions {
    Config config{};
    // All the chance a stack ever has. Two stacks with the same seed and inputs give the same
    // frames to the bit; a stack that meets strangers needs 32 unpredictable bytes.
    std::array<std::uint8_t, 32> seed{};
    // Where packets come from. Stacks that hand frames to each other in memory share one, which
    // outlives them. Null: the stack makes its own.
    PacketPool* pool = nullptr;
    // Writes down every input, so that it can be replayed (src/stack/recorder.hpp); outlives the
    // stack. Null: nobody does.
    InputRecorder* recorder = nullptr;
    // Congestion controllers beside the stack's own (fairlead/congestion.hpp, docs/congestion.md), by
    // the names they have for TCP_CONGESTION; they outlive the stack. A recording does not hold them.
    std::span<const CongestionOperations* const> controllers{};
    // The stack's place in a group of several (src/stack/group.hpp). Null: it is alone.
    GroupSeat* seat = nullptr;
};

struct InterfaceOptions {
    std::string name{};     // empty: the device's
    std::uint32_t mtu = 0;  // 0: the device's
};

// What a route has to say to TCP (ip-route(8)); 0: nothing.
struct RouteHints {
    std::uint32_t advmss = 0;    // the MSS that is announced
    std::uint32_t initcwnd = 0;  // segments of the first congestion window
    std::uint32_t initrwnd = 0;  // segments that the first window offers at most
    Duration rto_min{};
    bool is_quick = false;       // quickack: every segment is acknowledged at once
    bool is_mtu_locked = false;  // no path MTU is discovered, and no packet says "don't fragment"
    // Who controls the congestion of what goes this way, whatever the socket says; as many letters as
    // Linux's TCP_CA_NAME_MAX, and a zero behind them.
    std::array<char, 16> congctl{};

    std::string_view controller() const { return congctl.data(); }
    // False: it is too long.
    bool set_controller(std::string_view name) {
        if (name.size() >= congctl.size()) return false;
        congctl = {};
        name.copy(congctl.data(), name.size());
        return true;
    }
    bool operator==(const RouteHints&) const = default;
};

struct Route {
    Prefix destination{};
    IpAddress gateway{};           // any: the destination is on the link
    InterfaceIndex interface = 0;  // 0: found by the gateway's own route
    std::uint32_t metric = 0;      // smaller wins among equal prefixes
    std::uint32_t mtu = 0;         // 0: the interface's
    IpAddress source{};            // preferred source; any: chosen by RFC 6724
    RouteHints hints{};
};

struct PollResult {
    std::size_t received = 0;  // frames taken from devices
    bool is_busy = false;      // a device may have more, or did not take all: poll again soon
};

class Stack {
public:
    explicit Stack(const StackOptions& options);
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
    ~Stack();

    // --- interfaces; "lo" is there from the start, with index 1, 127.0.0.1/8 and ::1/128 ---
    // The device outlives the stack. Exists: the name is taken.
    Result<InterfaceIndex> add_interface(Device& device, const InterfaceOptions& options = {});
    // Adds the address and the route to its prefix. Exists, NoSuchDevice, InvalidArgument.
    Result<void> add_address(InterfaceIndex interface, const Prefix& address);
    Result<void> remove_address(InterfaceIndex interface, const IpAddress& address);
    // NetworkUnreachable: no route to the gateway. NoSuchDevice, Exists.
    Result<void> add_route(const Route& route);
    Result<void> remove_route(const Prefix& destination);
    Result<InterfaceIndex> interface_by_name(std::string_view name) const;

    // --- time ---
    // Takes bursts from every device, expires timers, sends what is ready.
    PollResult poll(Instant now);
    // Only moves the stack's time, so that the calls that follow happen then.
    void advance(Instant now);
    // Sends what the calls since the last poll made ready.
    void flush();
    Instant now() const;
    // When poll() has something to do even if no frame comes; never() when nothing waits.
    Instant next_deadline() const;

    // --- sockets, as the Linux calls of these names; family Inet6 takes v4-mapped names too ---
    Result<SocketId> socket(Family family, SocketType type);
    Result<void> bind(SocketId socket, const Endpoint& local, BindFlags flags = {});
    Result<void> listen(SocketId socket, int backlog);
    // A stream: InProgress, and writable when it is done (Option::Error tells how). A datagram
    // socket: sets its peer at once; family-any address: takes the peer away.
    Result<void> connect(SocketId socket, const Endpoint& peer);
    // `peer`, if it is there: whose connection; the peer may be gone already.
    Result<SocketId> accept(SocketId listener, Endpoint* peer = nullptr);
    // MSG_FASTOPEN: connects, and the SYN takes along what it may (RFC 7413). How much that was; 0: the
    // handshake comes first. The rest is for send().
    Result<std::size_t> send_fast_open(SocketId socket, const Endpoint& peer, Bytes bytes);
    // connect(AF_UNSPEC): a stream is reset and may connect again, a listener stops listening, a
    // datagram socket has no peer any more.
    Result<void> disconnect(SocketId socket);
    // ss -K (SOCK_DESTROY): a stream ends at once, with a RST to its peer and ConnectionAborted to
    // its application; a listener stops listening. NoSuchEntry: it has no state; NotSupported.
    Result<void> destroy(SocketId socket);
    // Queues what fits into the send buffer and says how much; WouldBlock when nothing does.
    Result<std::size_t> send(SocketId socket, Bytes bytes, SendFlags flags = {});
    // 0: the peer has closed (or `into` is empty). WouldBlock when nothing is there.
    Result<std::size_t> receive(SocketId socket, MutableBytes into, ReceiveFlags flags = {});
    Result<std::size_t> send_to(SocketId socket, Bytes bytes, const DatagramTarget& target);
    Result<DatagramInfo> receive_from(SocketId socket, MutableBytes into, ReceiveFlags flags = {});
    // When the byte came that lies so far behind what a stream's receive() gives next. WouldBlock: it
    // is not there.
    Result<Instant> arrival(SocketId socket, std::size_t offset) const;
    // Of the last byte that a stream's send() took: what `wanted` names (timestamping.hpp) is told in
    // the error queue as it happens.
    Result<void> stamp(SocketId socket, std::uint32_t wanted);
    // MSG_ERRQUEUE: the oldest message of the error queue. WouldBlock: there is none.
    Result<ErrorMessage> receive_error(SocketId socket, MutableBytes into);
    Result<void> shutdown(SocketId socket, Shutdown how);
    // The id is gone at once; the connection lives on as an orphan while it must.
    Result<void> close(SocketId socket);

    Result<void> set_option(SocketId socket, Option option, std::int64_t value);
    Result<std::int64_t> option(SocketId socket, Option option);
    // TCP_FASTOPEN_KEY: 16 bytes, or 32 where the second half is the key before. Of what is written the
    // getter says how much.
    Result<void> set_fast_open_key(SocketId socket, Bytes key);
    Result<std::size_t> fast_open_key(SocketId socket, MutableBytes into) const;
    // TCP_MD5SIG (RFC 2385): what goes to these peers is signed with the key, and what comes from them
    // must be. An empty key ends it: NoSuchEntry where there was none for just these peers.
    Result<void> set_signature_key(SocketId socket, const Prefix& peers, Bytes key);
    // IP_OPTIONS of a stream: the options of RFC 791 in the header of each of its packets, source routes among
    // them; empty: none. The getter says how much it wrote.
    Result<void> set_header_options(SocketId socket, Bytes options);
    Result<std::size_t> header_options(SocketId socket, MutableBytes into) const;
    // TCP-AO (RFC 5925): TCP_AO_ADD_KEY, which also says whether the key is to be used at once (the
    // numbers in `as` do not matter), TCP_AO_DEL_KEY and TCP_AO_INFO; TCP_AO_GET_KEYS, newest first.
    // AlreadyConnected: the first of them came too late. KeyRejected: there is one of TCP-MD5.
    Result<void> add_key(SocketId socket, const MasterKey& key, const KeysInUse& as = {});
    Result<void> remove_key(SocketId socket, const KeyRemoval& removal);
    Result<void> set_authentication(SocketId socket, const AuthenticationSettings& settings);
    Result<AuthenticationInfo> authentication(SocketId socket) const;
    Result<std::vector<MasterKeyInfo>> keys(SocketId socket) const;
    Result<void> set_congestion_control(SocketId socket, std::string_view name);
    Result<std::string_view> congestion_control(SocketId socket) const;
    Result<CongestionDetails> congestion_details(SocketId socket) const;  // TCP_CC_INFO
    Result<Endpoint> local_name(SocketId socket) const;                   // getsockname
    Result<Endpoint> peer_name(SocketId socket) const;                    // getpeername
    Result<std::size_t> bytes_to_read(SocketId socket) const;             // SIOCINQ
    Result<bool> is_at_mark(SocketId socket) const;                       // SIOCATMARK
    Result<std::size_t> bytes_unacked(SocketId socket) const;             // SIOCOUTQ
    Result<std::size_t> bytes_unsent(SocketId socket) const;              // SIOCOUTQNSD

    // --- readiness ---
    Result<Readiness> readiness(SocketId socket) const;
    // What the next call would fail with; Errc{}: nothing.
    Result<Errc> pending_error(SocketId socket) const;
    Result<void> set_cookie(SocketId socket, std::uint64_t cookie);
    // Sockets whose readiness rose since they were last taken, oldest first, each once. Like an
    // edge: read and write until WouldBlock, or ask readiness().
    std::size_t take_events(std::span<SocketEvent> into);

    // --- what can be seen and set ---
    const Counters& counters() const;
    const Config& config() const;
    Result<void> set_config(std::string_view name, std::string_view value);  // see config.hpp
    Result<TcpInfo> tcp_info(SocketId socket) const;
    Result<SocketMemory> memory(SocketId socket) const;  // SO_MEMINFO
    // A snapshot: sockets that have a name, SYN-RECEIVED and TIME-WAIT entries; listeners first.
    std::vector<SocketInfo> sockets() const;
    // The same with all there is to know, in parts: appends at most `most` rows and looks at no
    // more than a few thousand places, so that a stack of a million sockets goes on between two
    // calls; what comes or goes meanwhile may be seen or not. False: that was all.
    bool sockets(SocketCursor& cursor, std::size_t most, std::vector<SocketRow>& rows) const;
    std::vector<InterfaceInfo> interfaces() const;
    std::vector<Route> routes() const;
    // What is remembered of destinations, in no order; and forgetting it, for one remote address (any:
    // for all). How many there were.
    std::vector<DestinationInfo> destinations() const;
    std::size_t forget_destinations(const IpAddress& remote);
    PacketPool& pool();

private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace fairlead
