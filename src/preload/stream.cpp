// Streams: bytes in rings.
#include <algorithm>
#include <cerrno>
#include <csignal>

#include "host/ring.hpp"
#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/transfer.hpp"
#include "preload/unusual.hpp"

namespace fairlead::preload {
namespace {

using host::Slot;

// Where a call stands in the program's pieces.
class Cursor {
public:
    explicit Cursor(Vectors vectors) : vectors_{vectors} { skip_empty(); }

    bool is_at_end() const { return at_ == vectors_.size(); }
    // The next bytes that lie together, at most so many.
    std::span<std::byte> next(std::size_t most) const {
        const iovec& v = vectors_[at_];
        return {static_cast<std::byte*>(v.iov_base) + offset_, std::min(most, v.iov_len - offset_)};
    }
    void advance(std::size_t count) {
        offset_ += count;
        if (offset_ < vectors_[at_].iov_len) return;
        ++at_;
        offset_ = 0;
        skip_empty();
    }

private:
    void skip_empty() {
        while (at_ < vectors_.size() && vectors_[at_].iov_len == 0) ++at_;
    }
    Vectors vectors_;
    std::size_t at_ = 0;
    std::size_t offset_ = 0;
};

struct Taken {
    std::size_t bytes = 0;
    bool is_locked = true;    // false: a signal's handler met the call that it interrupted
    bool is_fault = false;    // what the program named is no memory of its own
    bool is_at_mark = false;  // the next byte is urgent: nothing is read across that in one call
};

// What the ring holds goes into the pieces, or nowhere (MSG_TRUNC).
Taken take(const Socket& socket, int fd, Cursor& into, int flags) {
    const RingLock lock{socket, fd, Side::Reader};
    if (!lock.is_held()) return {.is_locked = false};
    Slot& slot = socket.slot();
    const std::uint32_t begin = slot.program.rx_head.load(std::memory_order_relaxed);
    std::uint32_t head = begin;
    bool is_fault = false;
    for (;;) {
        const std::uint32_t tail = slot.host.rx_tail.load(std::memory_order_acquire);
        const auto mark = mark_of(socket);
        const bool stops = mark && *mark != head && *mark - head <= tail - head;
        const std::uint32_t end = stops ? *mark : tail;
        if (mark == head && (flags & MSG_PEEK) == 0) pass_mark(socket, fd, head != end);
        while (head != end && !into.is_at_end()) {
            const auto part = into.next(end - head);
            if ((flags & MSG_TRUNC) == 0) {
                is_fault = !is_writable(part.data(), part.size());
                if (is_fault) break;
                host::ring_get(socket.rx_ring(), head, part);
            }
            into.advance(part.size());
            head += static_cast<std::uint32_t>(part.size());
        }
        // As the kernel: what cannot be told whole stays.
        if (is_fault) {
            return {.bytes = slot.program.rx_head.load(std::memory_order_relaxed) - begin,
                    .is_fault = true};
        }
        if ((flags & MSG_PEEK) != 0 && head != begin) return {.bytes = head - begin};
        slot.program.rx_head.store(head, std::memory_order_release);
        // Less than was asked for is returned only when there is no more: whoever waits for edges relies
        // on it. And whoever waits for more waits for a token.
        const bool is_empty = head == tail && lower_in(socket, fd);
        const bool is_at_mark = stops && head == end;
        if (!is_empty && !into.is_at_end() && !is_at_mark) continue;
        if (!is_empty) keep_edges(socket, fd);
        tell_of_space(socket, socket.rx_ring().bytes - (tail - head));
        return {.bytes = head - begin, .is_at_mark = is_at_mark};
    }
}

bool is_empty(const Socket& socket) {
    const Slot& slot = socket.slot();
    return slot.program.rx_head.load(std::memory_order_acquire) ==
           slot.host.rx_tail.load(std::memory_order_acquire);
}

// The end has come, and all before it was read.
bool is_over(const Socket& socket) {
    constexpr std::uint32_t kEnds = host::kStatusReadEnd | host::kStatusReset;
    // In this order: what came before the end is there when the end is.
    return (socket.status() & kEnds) != 0 && is_empty(socket);
}

ssize_t end_of(const Socket& socket, int fd) {
    const int error = take_error(socket, fd);
    return error == 0 ? 0 : failed(error);
}

int broken_pipe(int flags) {
    if ((flags & MSG_NOSIGNAL) == 0) ::raise(SIGPIPE);
    return failed(EPIPE);
}

// Why nothing can be written now: 0, or an errno; EINPROGRESS: it is not connected yet.
int why_not_writable(const Socket& socket, int fd) {
    const std::uint32_t status = socket.status();
    constexpr std::uint32_t kOver = host::kStatusReset | host::kStatusWriteEnd;
    if ((status & kOver) == 0 && (status & host::kStatusConnected) != 0) return 0;
    if (const int error = take_error(socket, fd); error != 0) return error;
    if ((status & kOver) == 0 && (status & host::kStatusConnecting) != 0) return EINPROGRESS;
    return EPIPE;
}

// How much may be put before the ring doubles, which it does here where the host wants it to.
std::uint32_t to_doubling(Slot& slot, std::uint32_t tail) {
    const std::uint32_t doublings = slot.program.tx_doublings.load(std::memory_order_relaxed);
    if (slot.host.tx_granted.load(std::memory_order_relaxed) <= doublings) return UINT32_MAX;
    const std::uint32_t left = host::until_doubling(tail, host::Ring{nullptr, doublings}.bytes);
    if (left != 0) return left;
    // The index that is stored next says so to the host.
    slot.program.tx_doublings.store(doublings + 1, std::memory_order_relaxed);
    return UINT32_MAX;
}

// As much as there is room for.
Taken put(const Socket& socket, int fd, Cursor& from, int flags) {
    const RingLock lock{socket, fd, Side::Writer};
    if (!lock.is_held()) return {.is_locked = false};
    Slot& slot = socket.slot();
    std::size_t bytes = 0;
    std::uint32_t tail = slot.program.tx_tail.load(std::memory_order_relaxed);
    bool is_fault = false;
    for (;;) {
        const std::uint32_t head = slot.host.tx_head.load(std::memory_order_acquire);
        std::uint32_t room = socket.tx_ring().bytes - (tail - head);
        while (!from.is_at_end()) {
            const std::uint32_t before_doubling = to_doubling(slot, tail);
            const host::Ring ring = socket.tx_ring();
            room = ring.bytes - (tail - head);
            if (room == 0) break;
            const auto part = from.next(std::min(room, before_doubling));
            is_fault = !is_readable(part.data(), part.size());
            if (is_fault) break;
            host::ring_put(ring, tail, part);
            from.advance(part.size());
            tail += static_cast<std::uint32_t>(part.size());
            room -= static_cast<std::uint32_t>(part.size());
            bytes += part.size();
        }
        if ((flags & MSG_OOB) != 0 && from.is_at_end() && bytes > 0) {
            slot.program.tx_urgent_at.store(tail, std::memory_order_relaxed);
            slot.program.tx_urgents.fetch_add(1, std::memory_order_relaxed);
        }
        slot.program.tx_tail.store(tail, std::memory_order_release);
        if (room > 0 || lower_out(socket, fd, 1)) break;
    }
    if (bytes > 0) socket.notify();
    return {.bytes = bytes, .is_fault = is_fault};
}

}  // namespace

ssize_t read_stream(const Socket& socket, int fd, Vectors into, int flags) {
    const bool waits_for_all = (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0;
    const std::size_t enough = waits_for_all ? size_of(into) : 1;
    const std::uint32_t generation = socket.generation;
    Cursor cursor{into};
    std::size_t done = 0;
    const auto done_or = [&](int error) {
        return done > 0 ? static_cast<ssize_t>(done) : failed(error);
    };
    for (;;) {
        const Taken taken = take(socket, fd, cursor, flags);
        done += taken.bytes;
        if (taken.is_fault) return done_or(EFAULT);
        const bool is_end = taken.is_at_mark || is_over(socket);
        if (done >= enough || (done > 0 && is_end)) return static_cast<ssize_t>(done);
        if (!taken.is_locked) return done_or(EAGAIN);
        if (is_over(socket)) return end_of(socket, fd);
        if (!is_empty(socket)) {
            if (cursor.is_at_end()) return 0;  // for no bytes, and there are some
            continue;
        }
        constexpr std::uint32_t kAlive = host::kStatusConnected | host::kStatusConnecting;
        if ((socket.status() & kAlive) == 0) return failed(ENOTCONN);
        if (!may_block(fd, flags)) return done_or(EAGAIN);
        const int fault = wait_to_read(socket, fd);
        if (socket.generation != generation) return failed(EBADF);
        if (fault != 0) return done_or(fault);
    }
}

ssize_t write_stream(const Socket& socket, int fd, Vectors from, int flags) {
    const std::size_t wanted = size_of(from);
    const std::uint32_t generation = socket.generation;
    Cursor cursor{from};
    std::size_t done = 0;
    const auto done_or = [&](int error) {
        return done > 0 ? static_cast<ssize_t>(done) : failed(error);
    };
    for (;;) {
        const int why = why_not_writable(socket, fd);
        if (why != 0 && done > 0) return static_cast<ssize_t>(done);
        if (why == EPIPE) return broken_pipe(flags);
        if (why != 0 && why != EINPROGRESS) return failed(why);
        bool is_locked = true;
        if (why == 0) {
            const Taken put_there = put(socket, fd, cursor, flags);
            is_locked = put_there.is_locked;
            done += put_there.bytes;
            if (done == wanted) return static_cast<ssize_t>(done);
            if (put_there.is_fault) return done_or(EFAULT);
        }
        if (!is_locked || !may_block(fd, flags)) {
            return done_or(EAGAIN);
        }
        const int fault = wait_to_write(socket, fd);
        if (socket.generation != generation) return failed(EBADF);
        if (fault != 0) return done_or(fault);
    }
}

}  // namespace fairlead::preload
