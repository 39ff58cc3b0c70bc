// preload/unusual.hpp — what goes beside the bytes: urgent data and error queues.
//
// Owns:      how far the program has gone past an urgent byte (its words in the slot), and what poll()
//            and select() show that the descriptor itself cannot: POLLERR of an error queue, POLLPRI
//            after POLLIN was taken back, and no POLLIN where there is an urgent byte alone.
// Knows:     tcp_recv_urg(), tcp_inq(), tcp_poll() and inet_recv_error().
// Rules:     as long as no socket of the host ever had such a thing, nobody looks for it.
// Not here:  bytes (stream.cpp, datagram.cpp).
#pragma once

#include <cstdint>
#include <optional>

#include <poll.h>
#include <sys/select.h>

#include "preload/transfer.hpp"

namespace fairlead::preload {

// The index in the ring of an urgent byte that was not read over; nothing: there is none.
std::optional<std::uint32_t> mark_of(const Socket& socket);
// A read begins at it. Under the lock of the reader.
void pass_mark(const Socket& socket, int fd, bool has_more);
// MSG_OOB; `message_flags` as recvmsg() tells them.
ssize_t receive_urgent(const Socket& socket, int fd, Vectors into, int flags, int& message_flags);
// Under the lock of the reader: the descriptor does not show an urgent byte any more.
void lower_urgent(const Socket& socket, int fd);
// MSG_ERRQUEUE
ssize_t receive_error(const Socket& socket, int fd, msghdr& message);

// poll() and select() with what is true beside. `ask(user, is_now)` makes the kernel's call; it does
// not wait where `is_now`.
using AskKernel = int (*)(void* user, bool is_now);
int poll_shown(std::span<pollfd> entries, AskKernel ask, void* user);
int select_shown(int count, fd_set* reads, fd_set* writes, fd_set* faults, AskKernel ask,
                 void* user);

}  // namespace fairlead::preload
