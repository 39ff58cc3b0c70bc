// Between a pipe and a stream, by way of memory of ours.
#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/stat.h>

#include "preload/real.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"

namespace fairlead::preload {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
constexpr std::size_t kAtOnce = 4096;  // which a pipe that is writable takes as a whole (PIPE_BUF)
constexpr unsigned kAllFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
using Buffer = std::array<std::byte, kPiece>;

bool is_nonblocking(int fd) {
    const int flags = real().fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

// 0, or an errno.
int await_pipe(int pipe, short events, bool waits) {
    pollfd entry{.fd = pipe, .events = events, .revents = 0};
    const int ready = real().poll(&entry, 1, waits ? -1 : 0);
    return ready < 0 ? errno : (ready == 0 ? EAGAIN : 0);
}

// What the pipe takes goes out of the ring, and no more.
ssize_t to_pipe(const Socket& socket, int fd, int pipe, std::size_t most, int flags,
                bool waits_for_room) {
    Buffer bytes;
    const std::size_t whole = is_nonblocking(pipe) ? kPiece : kAtOnce;
    iovec piece{.iov_base = bytes.data(), .iov_len = std::min(most, whole)};
    const ssize_t there = read_stream(socket, fd, {&piece, 1}, flags | MSG_PEEK);
    if (there <= 0) return there;
    if (const int fault = await_pipe(pipe, POLLOUT, waits_for_room); fault != 0) {
        return failed(fault);
    }
    const ssize_t done = real().write(pipe, bytes.data(), static_cast<std::size_t>(there));
    if (done <= 0) return done;
    piece.iov_len = static_cast<std::size_t>(done);
    return read_stream(socket, fd, {&piece, 1}, MSG_TRUNC | MSG_DONTWAIT);
}

ssize_t splice_out(const Socket& socket, int fd, int pipe, std::size_t size, bool waits) {
    std::size_t done = 0;
    while (done < size) {
        // SPLICE_F_NONBLOCK is about the pipe; whether the socket waits its own O_NONBLOCK says.
        const bool is_first = done == 0;
        const ssize_t moved =
            to_pipe(socket, fd, pipe, size - done, is_first ? 0 : MSG_DONTWAIT, is_first && waits);
        if (moved <= 0) return is_first ? moved : static_cast<ssize_t>(done);
        done += static_cast<std::size_t>(moved);
    }
    return static_cast<ssize_t>(done);
}

std::size_t room_in(const Socket& socket) {
    const fairlead::host::Slot& slot = socket.slot();
    return socket.tx_ring().bytes - (slot.program.tx_tail.load(std::memory_order_relaxed) -
                                     slot.host.tx_head.load(std::memory_order_acquire));
}

// Out of the pipe comes what the ring has room for.
ssize_t from_pipe(const Socket& socket, int fd, int pipe, std::size_t most, bool waits) {
    const Vectors none{};
    // Faults of the socket come before the pipe is touched.
    if (write_stream(socket, fd, none, 0) < 0) return -1;
    std::size_t room = 0;
    while ((room = room_in(socket)) == 0) {
        if (!may_block(fd, 0)) return failed(EAGAIN);
        if (const int fault = wait_to_write(socket, fd); fault != 0) return failed(fault);
        if (write_stream(socket, fd, none, 0) < 0) return -1;
    }
    const bool may_wait = waits && !is_nonblocking(pipe);
    if (const int fault = await_pipe(pipe, POLLIN, may_wait); fault != 0) return failed(fault);
    Buffer bytes;
    const ssize_t got = real().read(pipe, bytes.data(), std::min({most, room, bytes.size()}));
    if (got <= 0) return got;
    std::size_t sent = 0;
    while (sent < static_cast<std::size_t>(got)) {
        const iovec piece{.iov_base = bytes.data() + sent,
                          .iov_len = static_cast<std::size_t>(got) - sent};
        const ssize_t put = write_stream(socket, fd, {&piece, 1}, 0);
        if (put > 0) sent += static_cast<std::size_t>(put);
        // Another thread has taken the room: what has left the pipe waits for more.
        if (put < 0 && (errno != EAGAIN || wait_to_write(socket, fd) != 0)) return put;
    }
    return got;
}

ssize_t splice_in(const Socket& socket, int fd, int pipe, std::size_t size, bool waits) {
    std::size_t done = 0;
    while (done < size) {
        const bool is_first = done == 0;
        const ssize_t moved = from_pipe(socket, fd, pipe, size - done, is_first && waits);
        if (moved <= 0) return is_first ? moved : static_cast<ssize_t>(done);
        done += static_cast<std::size_t>(moved);
    }
    return static_cast<ssize_t>(done);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN ssize_t splice(int in, off64_t* in_at, int out, off64_t* out_at, size_t size,
                              unsigned flags) {
    const Socket* from = socket_of(in);
    const Socket* to = socket_of(out);
    if (from == nullptr && to == nullptr) {
        return real().splice(in, in_at, out, out_at, size, flags);
    }
    if (size == 0) return 0;
    if ((flags & ~kAllFlags) != 0) return failed(EINVAL);
    struct stat other{};
    if (::fstat(from != nullptr ? out : in, &other) != 0) return failed(EBADF);
    const Socket& socket = from != nullptr ? *from : *to;
    if (!S_ISFIFO(other.st_mode) || !socket.is_stream()) return failed(EINVAL);
    if ((from != nullptr ? out_at : in_at) != nullptr) return failed(ESPIPE);
    if ((from != nullptr ? in_at : out_at) != nullptr) return failed(EINVAL);
    const bool waits = (flags & SPLICE_F_NONBLOCK) == 0;
    return from != nullptr ? splice_out(socket, in, out, size, waits)
                           : splice_in(socket, out, in, size, waits);
}
