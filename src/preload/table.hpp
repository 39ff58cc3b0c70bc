// preload/table.hpp — which of this process's descriptors are sockets of the host.
//
// Owns:      the table from a descriptor to its socket, and the sockets of each mapped arena.
// Rules:     a look-up takes no lock. A socket object stays where it is as long as the process lives: it
//            stands for a slot, and its generation says whose that is. That the last descriptor has gone
//            only the kernel knows; nothing is counted here.
// Not here:  how a descriptor becomes one of ours (session.hpp), what is done with it.
#pragma once

#include <atomic>
#include <cstdint>

#include "host/arena.hpp"
#include "host/protocol.hpp"

namespace fairlead::preload {

// One arena as this process sees it.
struct Arena {
    std::uint32_t number = 0;
    host::ArenaView view{};
    const host::StatePage* state = nullptr;
    int doorbell = -1;
    struct Socket* sockets = nullptr;  // by slot
};

struct Socket {
    const Arena* arena = nullptr;
    std::uint32_t number = 0;  // of its slot
    std::uint32_t generation = 0;
    std::uint32_t flags = 0;      // host::kFlagStream and its like
    bool is_nonblocking = false;  // as it was when the process gave up asking (restricted.hpp)

    host::Slot& slot() const { return arena->view.slot(number); }
    host::Ring tx_ring() const {
        return arena->view.tx_ring(number,
                                   slot().program.tx_doublings.load(std::memory_order_relaxed));
    }
    // As the index of its end found it, or larger.
    host::Ring rx_ring() const {
        return arena->view.rx_ring(number,
                                   slot().host.rx_doublings.load(std::memory_order_relaxed));
    }
    bool is_stream() const { return (flags & host::kFlagStream) != 0; }
    host::SocketKey key() const { return {arena->number, number, generation}; }
    std::uint32_t status() const { return slot().host.status.load(std::memory_order_acquire); }
    // What was put into a ring, or taken, is for the host to look at.
    void notify() const;
};

// Null: it is none of ours.
Socket* socket_of(int fd);
// One that this library uses for itself: the program may neither close it nor put another there.
bool is_internal(int fd);

void set_socket(int fd, Socket* socket);  // null: it is none any more
void set_internal(int fd);
// Those from `first` to `last`, in order: `visit(fd, is_internal)`.
void visit_range(unsigned first, unsigned last, void (*visit)(int fd, bool is_internal, void* user),
                 void* user);

}  // namespace fairlead::preload
