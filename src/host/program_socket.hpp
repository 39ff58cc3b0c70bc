// host/program_socket.hpp — what the host knows of one socket of a program.
//
// Owns:      the host's own truth: which slot, which socket of the stack, how far each ring has gone,
//            what was said to the program. A slot holds copies of some of it, which are never read back.
// Not here:  what is done with it (host.hpp).
#pragma once

#include <cstdint>
#include <optional>

#include "host/pair.hpp"
#include "host/program_arena.hpp"
#include "host/ring.hpp"
#include "posix/socket_name.hpp"

namespace fairlead::host {

enum class Phase : std::uint8_t {
    Idle,  // of a stream: neither connected nor listening
    Connecting,
    Open,  // connected, or a datagram socket
    Listening,
    Over,
};

// A connection whose descriptor the listener's queue had no room for.
struct HandOver {
    FileDescriptor program{};
    Accepted record{};
};

struct ProgramSocket {
    std::uint32_t number = 0;
    std::uint32_t generation = 0;
    ProgramArena* arena = nullptr;  // null: nobody has this number
    std::uint32_t slot_number = 0;
    int fd = -1;  // with the host's client of the stack
    bool is_stream = false;
    bool is_inet6 = false;
    bool is_plain = false;        // what its rings hold crosses the pair (plain.cpp)
    bool has_more_plain = false;  // there may be more in the pair than was taken
    bool is_ping = false;
    Phase phase = Phase::Idle;

    FileDescriptor end{};          // the host's end of the pair; closed when the socket is over
    FileDescriptor close_watch{};  // open: this one tells of the last close, and `end` does not
    std::uint64_t inode = 0;       // of the program's end
    std::uint64_t end_inode = 0;
    int pid = 0;  // who made it

    RingIndices tx{};
    RingIndices rx{};              // of a listener: connections handed over and taken
    std::uint32_t tx_granted = 0;  // doublings that the program may make
    bool has_waited_for_space = false;
    bool wants_larger_rx = false;  // it doubles as soon as it may
    std::uint32_t status = 0;
    std::uint32_t errors = 0;  // how many were published
    int error = 0;             // met on the way out; told once all that was received is in the ring
    std::uint32_t urgents = 0;                    // how many urgent bytes came
    std::uint32_t tx_urgents = 0;                 // and how many the program had to send
    std::optional<std::uint32_t> tx_urgent_at{};  // behind the one that is to be sent
    bool is_full = false;  // the ring of what is received has no room for what is there
    bool has_fin_to_send = false;
    bool has_sent_fin = false;
    bool is_queued = false;     // for another turn
    bool is_gone = false;       // the program has closed it; what it wrote is still to be sent
    bool was_accepted = false;  // it came from a listener's queue
    int owed_fillers = 0;
    std::uint64_t stack_bytes = 0;  // its part of what the stack holds
    bool is_held = false;
    std::uint32_t most_waiting = 0;  // of a listener
    std::optional<HandOver> hand_over{};
    posix::SocketName peer{};  // while Connecting

    Slot& slot() const { return arena->view().slot(slot_number); }
    Ring tx_ring() const { return arena->view().tx_ring(slot_number, tx.doublings); }
    Ring rx_ring() const { return arena->view().rx_ring(slot_number, rx.doublings); }
    // What its rings count for.
    std::uint32_t ring_bytes() const { return (kRingBytes << tx_granted) + rx.bytes(); }
    // Of a Reply.
    std::uint32_t flags() const {
        return (is_stream ? kFlagStream : 0) | (is_inet6 ? kFlagInet6 : 0) |
               (is_ping ? kFlagPing : 0);
    }
    SocketKey key() const { return {arena->number(), slot_number, generation}; }
};

}  // namespace fairlead::host
