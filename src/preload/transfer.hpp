// preload/transfer.hpp — bytes between the program's memory and a socket's rings.
//
// Contract:  as the calls of the kernel: a count, or -1 and errno. What would block waits, unless the
//            descriptor has O_NONBLOCK or the flags have MSG_DONTWAIT.
// Rules:     readiness is exact when a call returns: the read that empties a ring takes the tokens back,
//            the write that fills one puts the filler there.
// Files:     readiness.cpp (locks, tokens, waiting), stream.cpp, datagram.cpp.
// Not here:  the many calls that come to this (calls_bytes.cpp).
#pragma once

#include <cstddef>
#include <span>

#include <sys/socket.h>
#include <sys/uio.h>

#include "preload/table.hpp"

namespace fairlead::preload {

using Vectors = std::span<const iovec>;

inline std::size_t size_of(Vectors vectors) {
    std::size_t sum = 0;
    for (const iovec& v : vectors) sum += v.iov_len;
    return sum;
}

// --- readiness.cpp ---
enum class Side { Reader, Writer };

class RingLock {
public:
    RingLock(const Socket& socket, int fd, Side side);
    RingLock(const RingLock&) = delete;
    RingLock& operator=(const RingLock&) = delete;
    ~RingLock() { unlock(); }

    // False: this thread has it already, in what a signal interrupted.
    bool is_held() const { return mutex_ != nullptr; }
    void unlock();

private:
    void* mutex_ = nullptr;
};

bool may_block(int fd, int flags);
// All under the lock of the reader. When the ring is empty: not readable any more. False: it is not.
bool lower_in(const Socket& socket, int fd);
// When something is left: whoever waits for edges shall have the next one.
void keep_edges(const Socket& socket, int fd);
// Under the lock of the writer. False: there is room for that many by now.
bool lower_out(const Socket& socket, int fd, std::uint32_t wanted);
// Not writable until the host says so: of one that connects, or listens.
void close_gate(const Socket& socket, int fd);
// Waits for something to read: 0, or an errno.
int wait_to_read(const Socket& socket, int fd);
int wait_to_write(const Socket& socket, int fd);
// The error that a call is to return, once; 0: none. It is not shown any more.
int take_error(const Socket& socket, int fd);
// Before anybody asks the kernel whether a descriptor is readable or writable.
void show_readiness(int fd);
// After bytes were taken from a ring.
void tell_of_space(const Socket& socket, std::uint32_t room);

// --- stream.cpp ---
ssize_t read_stream(const Socket& socket, int fd, Vectors into, int flags);
ssize_t write_stream(const Socket& socket, int fd, Vectors from, int flags);

// --- datagram.cpp; `message.msg_iov` and the rest as recvmsg() and sendmsg() have it ---
ssize_t receive_datagram(const Socket& socket, int fd, msghdr& message, int flags);
ssize_t send_datagram(const Socket& socket, int fd, const msghdr& message, int flags);

}  // namespace fairlead::preload
