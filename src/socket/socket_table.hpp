// socket/socket_table.hpp — which id is which socket.
//
// Owns:   the slots: kind, family, what it stands on (a TCP connection, a UDP socket), the user's
//         cookie, the generation that makes a stale id fail; the list of sockets to report.
// Not here: what a call does (stack/calls), protocols.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fairlead/socket.hpp"
#include "tcp/connection.hpp"
#include "udp/socket.hpp"

namespace fairlead::socket {

struct Slot {
    tcp::Connection* connection = nullptr;   // of a stream
    udp::Handle datagrams = udp::kNoHandle;  // of a datagram socket
    std::uint64_t cookie = 0;
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
    SocketType type = SocketType::Stream;
    Family family = Family::Inet;
    bool is_open = false;
    Readiness rose = 0;  // since it was reported; not 0: in the list of events

    bool is_stream() const { return type == SocketType::Stream; }
};

class SocketTable {
public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    // The slot's index; its generation is new.
    std::uint32_t open(Family family, SocketType type);
    void close(std::uint32_t index);

    Slot* find(SocketId id) {
        if (id.index >= slots_.size()) return nullptr;
        Slot& s = slots_[id.index];
        return s.is_open && s.generation == id.generation ? &s : nullptr;
    }
    const Slot* find(SocketId id) const { return const_cast<SocketTable*>(this)->find(id); }
    Slot& at(std::uint32_t index) { return slots_[index]; }
    const Slot& at(std::uint32_t index) const { return slots_[index]; }
    SocketId id_of(std::uint32_t index) const { return {index, slots_[index].generation}; }
    std::size_t size() const { return slots_.size(); }

    // UDP's handles are small numbers of their own, so that a hundred thousand streams cost it
    // nothing.
    udp::Handle open_datagrams(std::uint32_t index);
    std::uint32_t slot_of(udp::Handle handle) const { return slot_of_handle_[handle]; }

    std::size_t listed() const { return listed_.size() - reported_; }
    // Lists the socket for the next report, once.
    void list(std::uint32_t index, Readiness rose) {
        Slot& s = slots_[index];
        if (!s.is_open) return;
        const bool is_listed = s.rose != 0;
        s.rose |= rose;
        if (is_listed) return;
        if (stale_ > 64 && stale_ * 2 > listed_.size()) drop_stale();
        listed_.push_back(id_of(index));
    }
    // The oldest listed, and what rose; an id that may be closed by now. False: none.
    bool take_listed(SocketId& id, Readiness& rose);

private:
    std::vector<Slot> slots_;
    void drop_stale();

    std::vector<SocketId> listed_;
    std::size_t stale_ = 0;     // how many of listed_ were closed since
    std::size_t reported_ = 0;  // how many at the front of listed_ were taken
    std::uint32_t free_ = kNone;
    std::vector<std::uint32_t> slot_of_handle_;
    std::vector<udp::Handle> free_handles_;
};

}  // namespace fairlead::socket
