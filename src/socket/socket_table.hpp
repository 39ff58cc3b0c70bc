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

// Two to a cache line, so that finding one never asks for two.
struct alignas(32) Slot {
    tcp::Connection* connection = nullptr;  // of a stream
    std::uint64_t cookie = 0;
    std::uint32_t generation = 0;
    udp::Handle datagrams = udp::kNoHandle;  // of a datagram socket
    SocketType type = SocketType::Stream;
    Family family = Family::Inet;
    bool is_open = false;
    Readiness rose = 0;  // since it was reported; not 0: in the list of events

    bool is_stream() const { return type == SocketType::Stream; }
};
static_assert(sizeof(Slot) == 32);

class SocketTable {
public:
    // The index of a stream is its connection's number, so that both are found at once; UDP's
    // handles are small numbers of their own, with this bit.
    static constexpr std::uint32_t kDatagram = std::uint32_t{1} << 31;

    // The slot's generation is new.
    SocketId open_stream(Family family, std::uint32_t number, tcp::Connection& connection);
    SocketId open_datagrams(Family family, SocketType type);
    void close(std::uint32_t index);

    Slot* find(SocketId id) {
        std::vector<Slot>& slots = slots_of(id.index);
        const std::uint32_t number = id.index & ~kDatagram;
        if (number >= slots.size()) return nullptr;
        Slot& s = slots[number];
        return s.is_open && s.generation == id.generation ? &s : nullptr;
    }
    const Slot* find(SocketId id) const { return const_cast<SocketTable*>(this)->find(id); }
    Slot& at(std::uint32_t index) { return slots_of(index)[index & ~kDatagram]; }
    const Slot& at(std::uint32_t index) const { return const_cast<SocketTable*>(this)->at(index); }
    void prefetch(std::uint32_t index) const { __builtin_prefetch(&at(index)); }
    SocketId id_of(std::uint32_t index) const { return {index, at(index).generation}; }
    bool is_open(std::uint32_t index) const {
        const std::vector<Slot>& slots = const_cast<SocketTable*>(this)->slots_of(index);
        const std::uint32_t number = index & ~kDatagram;
        return number < slots.size() && slots[number].is_open;
    }
    static std::uint32_t index_of(udp::Handle handle) { return handle | kDatagram; }

    std::size_t listed() const { return listed_.size() - reported_; }
    // Lists the socket for the next report, once.
    void list(std::uint32_t index, Readiness rose) {
        Slot& s = at(index);
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
    std::vector<Slot>& slots_of(std::uint32_t index) {
        return (index & kDatagram) != 0 ? datagrams_ : streams_;
    }
    SocketId renew(std::uint32_t index, Family family, SocketType type);
    void drop_stale();

    std::vector<Slot> streams_;
    std::vector<Slot> datagrams_;
    std::vector<udp::Handle> free_datagrams_;
    std::vector<SocketId> listed_;
    std::size_t stale_ = 0;     // how many of listed_ were closed since
    std::size_t reported_ = 0;  // how many at the front of listed_ were taken
};

}  // namespace fairlead::socket
