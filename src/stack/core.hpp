// stack/core.hpp — the composition: one object of each layer, and the values carried between them.
//
// Owns:      configuration, counters, pool, network, TCP, UDP, sockets, the stack's time.
// Files:     stack.cpp (construction, interfaces), poll.cpp (up), flush.cpp (down), calls.cpp
//            (streams and datagrams), readiness.cpp (events, snapshots).
// Not here:  any protocol.
#pragma once

#include <memory>

#include "fairlead/stack.hpp"
#include "ip/network.hpp"
#include "socket/socket_table.hpp"
#include "stack/input.hpp"
#include "tcp/layer.hpp"
#include "udp/layer.hpp"

namespace fairlead {

class Stack::Core {
public:
    explicit Core(const StackOptions& options);

    void advance(Instant to);
    void set_now(Instant to);
    PollResult poll(Instant to);
    void flush();
    // Nearly always nobody has: it is asked after every flush.
    void collect_woken() {
        if (!tcp.woken().empty() || !udp.woken().empty()) list_woken();
    }
    void list_woken();
    void take(ip::Network::Events& events);
    void deliver(const ip::Network::Events& events);
    void take_departed();
    Readiness readiness(const socket::Slot& s) const;

    // Tells the recorder, where there is one, of a call before it is made.
    template <typename Make>
    void record(Make&& make) {
        if (recorder != nullptr) note(make());
    }
    void note(const Input& input);

    // The open stream or datagram socket of that id. BadDescriptor.
    // Asks for a stream's slot and its connection's memory at once.
    void prefetch(SocketId id) const {
        if ((id.index & socket::SocketTable::kDatagram) == 0) tcp.prefetch(id.index);
    }
    Result<socket::Slot*> find(SocketId id) {
        socket::Slot* s = sockets.find(id);
        if (s == nullptr) return std::unexpected{Errc::BadDescriptor};
        return s;
    }

    // tcp_fastopen_init_key_once(): it is shown from then on.
    void need_fast_open_key() {
        if (config.tcp_fastopen_key.count == 0) {
            config.tcp_fastopen_key = tcp.own_fast_open_keys();
        }
    }

    Config config;
    Counters counters;
    std::unique_ptr<PacketPool> own_pool;
    PacketPool& pool;
    ip::Network network;
    tcp::Layer tcp;
    udp::Layer udp;
    socket::SocketTable sockets;
    Instant now{};
    bool device_is_busy = false;
    InputRecorder* recorder;
    GroupSeat* seat;  // null: not one of a group
};

}  // namespace fairlead
