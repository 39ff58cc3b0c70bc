// Locks of the rings, tokens and fillers, and waiting.
#include "host/readiness.hpp"

#include <array>
#include <cerrno>

#include <pthread.h>
#include <sched.h>

#include "host/ring.hpp"
#include "preload/look.hpp"
#include "preload/real.hpp"
#include "preload/restricted.hpp"
#include "preload/session.hpp"
#include "preload/transfer.hpp"
#include "preload/unusual.hpp"

namespace fairlead::preload {
namespace {

using host::Slot;

constexpr char kFiller = 'f';
constexpr int kMostYields = 100'000;
constexpr std::uint32_t kOver = host::kStatusReadEnd | host::kStatusReset;

// Whoever had the lock is gone, and may have taken tokens from the count and not from the descriptor.
void repair_tokens(const Socket& socket, int fd) {
    int there = 0;
    if (is_restricted()) return;
    if ((socket.status() & kOver) != 0 || real().ioctl(fd, FIONREAD, &there) != 0) return;
    socket.slot().both.rx_tokens.store(static_cast<std::uint32_t>(there));
    socket.notify();
}

ssize_t take_bytes(int fd, std::span<char> into) {
    if (!is_restricted()) return real().recv(fd, into.data(), into.size(), MSG_DONTWAIT);
    if (is_ready_at_once(fd, POLLIN)) return real().read(fd, into.data(), into.size());
    return failed(EAGAIN);
}

void send_filler(int fd) {
    if (!is_restricted()) {
        (void)real().send(fd, &kFiller, sizeof kFiller, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (is_ready_at_once(fd, POLLOUT)) {
        (void)!real().write(fd, &kFiller, sizeof kFiller);
    }
}

// Until they are there, a moment later.
void let_others_run(int fd) {
    if (!is_restricted()) {
        ::sched_yield();
        return;
    }
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    (void)real().poll(&entry, 1, 1);
}

// Exactly as many as were counted: they may come a moment later.
void take_tokens(const Socket& socket, int fd, std::uint32_t count) {
    std::array<char, Slot::kMostTokens> bytes{};
    for (int i = 0; count > 0 && i < kMostYields; ++i) {
        const std::size_t most = std::min<std::size_t>(count, bytes.size());
        const ssize_t got = take_bytes(fd, std::span{bytes}.first(most));
        if (got > 0) {
            count -= static_cast<std::uint32_t>(got);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return;
        } else {
            if ((socket.status() & host::kStatusReset) != 0) return;
            let_others_run(fd);
        }
    }
}

// What the program's side of readiness.hpp does to the descriptor.
struct ProgramEnd {
    const Socket& socket;
    int fd;

    bool is_reset() const { return (socket.status() & host::kStatusReset) != 0; }
    void take_tokens(std::uint32_t count) const { preload::take_tokens(socket, fd, count); }
    void send_filler() const { preload::send_filler(fd); }
    void notify() const { socket.notify(); }
};

// The host is gone: its word is nobody's now, and what is said of the end is said once.
void declare_over(const Socket& socket) {
    (void)socket.slot().host.status.fetch_or(host::kStatusReset | host::kStatusReadEnd |
                                             host::kStatusWriteEnd);
}

// 1: something is there, or the end; -1 and errno.
ssize_t wait_by_poll(int fd) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    if (real().poll(&entry, 1, -1) < 0) return -1;
    return (entry.revents & (POLLERR | POLLHUP)) == 0 ? 1 : 0;
}

timeval timeout_of(int fd, int option) {
    timeval time{};
    if (is_restricted()) return {};
    socklen_t size = sizeof time;
    if (real().getsockopt(fd, SOL_SOCKET, option, &time, &size) != 0) return {};
    return time;
}

}  // namespace

RingLock::RingLock(const Socket& socket, int fd, Side side) {
    auto* mutex = reinterpret_cast<pthread_mutex_t*>(socket.slot().locks +
                                                     (side == Side::Reader ? 0 : host::kLine));
    const int result = ::pthread_mutex_lock(mutex);
    if (result == EOWNERDEAD) {
        ::pthread_mutex_consistent(mutex);
        if (side == Side::Reader) repair_tokens(socket, fd);
    }
    if (result == 0 || result == EOWNERDEAD) mutex_ = mutex;
}

void RingLock::unlock() {
    if (mutex_ != nullptr) ::pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex_));
    mutex_ = nullptr;
}

bool may_block(int fd, int flags) {
    if ((flags & MSG_DONTWAIT) != 0) return false;
    const Socket* socket = is_restricted() ? socket_of(fd) : nullptr;
    if (socket != nullptr) return !socket->is_nonblocking;
    const int descriptor = real().fcntl(fd, F_GETFL);
    return descriptor >= 0 && (descriptor & O_NONBLOCK) == 0;
}

bool lower_in(const Socket& socket, int fd) {
    const Slot& slot = socket.slot();
    // Who asks for bytes and finds none shall not be told again and again of an urgent one.
    const bool is_urgent = slot.both.has_urgent_token.load(std::memory_order_relaxed) != 0;
    if (is_urgent && slot.both.rx_tokens.load() == 0) lower_urgent(socket, fd);
    ProgramEnd end{socket, fd};
    return host::lower_readable(socket.slot(), end);
}

void keep_edges(const Socket& socket, int fd) {
    ProgramEnd end{socket, fd};
    host::keep_edges(socket.slot(), end);
}

bool lower_out(const Socket& socket, int fd, std::uint32_t wanted) {
    ProgramEnd end{socket, fd};
    return host::lower_writable(socket.slot(), socket.tx_ring().bytes, wanted, end);
}

void close_gate(const Socket& socket, int fd) {
    if (socket.slot().both.tx_room.exchange(host::kRoomFilled) != host::kRoomFilled) {
        send_filler(fd);
    }
}

namespace {

bool is_readable(const Socket& socket) {
    const Slot& slot = socket.slot();
    return slot.host.rx_tail.load(std::memory_order_acquire) !=
               slot.program.rx_head.load(std::memory_order_acquire) ||
           (socket.status() & kOver) != 0;
}

// A token that nobody counts: of somebody who died.
void take_stale_token(const Socket& socket, int fd) {
    const auto is_stale = [&] {
        return socket.slot().both.rx_tokens.load() == 0 && (socket.status() & kOver) == 0;
    };
    if (!is_stale()) return;
    char token{};
    const RingLock lock{socket, fd, Side::Reader};
    if (lock.is_held() && is_stale()) (void)take_bytes(fd, {&token, 1});
}

}  // namespace

// The kernel does the waiting: SO_RCVTIMEO, signals and their restarts are its own.
int wait_to_read(const Socket& socket, int fd) {
    Look look;
    do {
        if (is_readable(socket)) return 0;
    } while (look.goes_on());
    Slot& slot = socket.slot();
    if (!host::begin_to_wait(slot, [&] { return is_readable(socket); })) return 0;
    char token{};
    const ssize_t got =
        is_restricted() ? wait_by_poll(fd) : real().recv(fd, &token, sizeof token, MSG_PEEK);
    const int error = errno;
    slot.both.waiters.fetch_sub(1);
    if (got > 0) {
        take_stale_token(socket, fd);
        return 0;
    }
    if (got < 0 && error != ECONNRESET) return error;
    // Whatever ends a connection is in its status before the descriptor shows it, or the host is gone.
    if ((socket.status() & kOver) != 0) return 0;
    declare_over(socket);
    return ECONNRESET;
}

int wait_to_write(const Socket& socket, int fd) {
    Look look;
    do {
        if (socket.slot().both.tx_room.load() == host::kRoomThere) return 0;
    } while (look.goes_on());
    ProgramEnd end{socket, fd};
    host::show_no_room(socket.slot(), end);
    const timeval limit = timeout_of(fd, SO_SNDTIMEO);
    const bool is_limited = limit.tv_sec != 0 || limit.tv_usec != 0;
    constexpr int kThousand = 1000;
    const auto milliseconds =
        static_cast<int>(limit.tv_sec * kThousand + (limit.tv_usec + kThousand - 1) / kThousand);
    pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
    const int ready = real().poll(&entry, 1, is_limited ? milliseconds : -1);
    if (ready < 0) return errno;
    if (ready == 0) return EAGAIN;
    const bool is_hung = (entry.revents & (POLLHUP | POLLERR)) != 0;
    constexpr std::uint32_t kEnds = host::kStatusReset | host::kStatusWriteEnd;
    if (!is_hung || (socket.status() & kEnds) != 0) return 0;
    declare_over(socket);
    return ECONNRESET;
}

int take_error(const Socket& socket, int fd) {
    Slot& slot = socket.slot();
    const std::uint32_t error = slot.host.error.load(std::memory_order_acquire);
    std::uint32_t taken = slot.both.error_taken.load();
    if (error == taken || !slot.both.error_taken.compare_exchange_strong(taken, error)) return 0;
    // The kernel's own error of the descriptor, which nobody is to see.
    int shown = 0;
    socklen_t size = sizeof shown;
    if (!is_restricted()) (void)real().getsockopt(fd, SOL_SOCKET, SO_ERROR, &shown, &size);
    if (!socket.is_stream()) {
        const RingLock lock{socket, fd, Side::Reader};
        const bool is_empty = slot.program.rx_head.load(std::memory_order_relaxed) ==
                              slot.host.rx_tail.load(std::memory_order_acquire);
        if (lock.is_held() && is_empty) lower_in(socket, fd);
    }
    return static_cast<int>(error & host::kErrorNumber);
}

void show_readiness(int fd) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return;
    if (socket->slot().both.is_lazy.load(std::memory_order_relaxed) == 0) return;
    const int kept = errno;
    ProgramEnd end{*socket, fd};
    host::show_readiness(socket->slot(), end,
                         [&] { (void)ask({.op = host::Op::GetName, .key = socket->key()}); });
    errno = kept;
}

void tell_of_space(const Socket& socket, std::uint32_t room) {
    if (host::is_space_awaited(socket.slot(), socket.rx_ring().bytes, room)) socket.notify();
}

}  // namespace fairlead::preload
