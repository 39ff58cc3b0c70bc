// Descriptors are copied, closed and asked about.
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>

#include <linux/sockios.h>

#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"
#include "preload/unusual.hpp"

namespace fairlead::preload {
namespace {

std::atomic<pid_t> g_process{0};

[[gnu::constructor]] void note_process() {
    g_process = ::getpid();
    (void)::pthread_atfork(nullptr, nullptr, [] { g_process = ::getpid(); });
}

// The child of a vfork() has our memory and its own descriptors: the table is its parent's.
bool is_own_process() {
    const pid_t known = g_process.load();
    return known == 0 || known == ::getpid();
}

// `to` stands for what `from` stands for.
void copied(int from, int to) {
    Socket* socket = socket_of(from);
    if (socket == nullptr && socket_of(to) == nullptr) return;
    if (is_own_process()) set_socket(to, socket);
}

int note_copy(int from, int to) {
    if (to >= 0) copied(from, to);
    return to;
}

std::uint32_t unsent(const Socket& socket) {
    const fairlead::host::Slot& slot = socket.slot();
    return slot.program.tx_tail.load() - slot.host.tx_head.load();
}

// Of what lies there to be read; of datagrams the first.
int bytes_to_read(const Socket& socket, int fd) {
    const fairlead::host::Slot& slot = socket.slot();
    if (socket.is_stream()) {
        const std::uint32_t head = slot.program.rx_head.load(std::memory_order_acquire);
        const auto mark = mark_of(socket);
        const bool is_inline = (slot.host.urgent.load() & fairlead::host::kUrgentInline) != 0;
        if (mark && !is_inline) return static_cast<int>(*mark - head);
        return static_cast<int>(slot.host.rx_tail.load(std::memory_order_acquire) - head);
    }
    msghdr message{};
    const int kept = errno;
    const ssize_t first =
        receive_datagram(socket, fd, message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    errno = kept;
    return first < 0 ? 0 : static_cast<int>(first);
}

int control(const Socket& socket, int fd, unsigned long request, void* argument) {
    const bool is_told = request == FIONREAD || request == SIOCOUTQ || request == SIOCOUTQNSD ||
                         request == SIOCATMARK;
    if (is_told && !is_writable(argument, sizeof(int))) return failed(EFAULT);
    switch (request) {
        case FIONREAD: *static_cast<int*>(argument) = bytes_to_read(socket, fd); return 0;
        case SIOCOUTQ:
        case SIOCOUTQNSD: {
            Told told;
            const int result = ask({.op = fairlead::host::Op::Ioctl,
                                    .key = socket.key(),
                                    .arguments = {static_cast<std::uint32_t>(request), 0}},
                                   told);
            if (result < 0) return failed(-result);
            int value = 0;
            std::memcpy(&value, told.bytes.data(), sizeof value);
            *static_cast<int*>(argument) = value + static_cast<int>(unsent(socket));
            return result;
        }
        case SIOCATMARK: {
            if (!socket.is_stream()) return failed(ENOTTY);
            const std::uint32_t head = socket.slot().program.rx_head.load();
            *static_cast<int*>(argument) = mark_of(socket) == head ? 1 : 0;
            return 0;
        }
        case FIOASYNC: show_readiness(fd); [[fallthrough]];
        default: return real().ioctl(fd, request, argument);
    }
}

// SO_LINGER: until the peer has heard all, or so many seconds have gone.
void await_end(const fairlead::host::SocketKey& key, std::uint32_t seconds) {
    constexpr std::uint32_t kLongest = 2'000'000;
    constexpr int kThousand = 1000;
    const int kept = errno;
    Told told;
    if (ask({.op = fairlead::host::Op::Await, .key = key}, told) == 0 && told.fd_count == 1) {
        pollfd entry{.fd = told.fds[0], .events = POLLIN, .revents = 0};
        (void)real().poll(&entry, 1, static_cast<int>(std::min(seconds, kLongest)) * kThousand);
        real().close(told.fds[0]);
    }
    errno = kept;
}

// Those of a range that are to be closed, but for our own.
struct Closing {
    std::array<unsigned, 128> kept{};
    std::size_t count = 0;
};

void note_closing(int fd, bool is_internal, void* user) {
    auto& closing = *static_cast<Closing*>(user);
    if (!is_internal) {
        if (is_own_process()) set_socket(fd, nullptr);
    } else if (closing.count < closing.kept.size()) {
        closing.kept[closing.count++] = static_cast<unsigned>(fd);
    }
}

int close_all(unsigned first, unsigned last, int flags) {
    if (flags != 0 || first > last) return real().close_range(first, last, flags);
    Closing closing;
    visit_range(first, last, note_closing, &closing);
    for (std::size_t i = 0; i < closing.count; ++i) {
        const unsigned kept = closing.kept[i];
        if (kept > first && real().close_range(first, kept - 1, 0) != 0) return -1;
        first = kept + 1;
    }
    return first > last ? 0 : real().close_range(first, last, 0);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN int close(int fd) {
    if (is_internal(fd)) return failed(EBADF);
    const Socket* socket = socket_of(fd);
    if (socket == nullptr || !is_own_process()) return real().close(fd);
    const std::uint32_t linger = socket->slot().program.linger.load(std::memory_order_relaxed);
    const fairlead::host::SocketKey key = socket->key();
    // Before the number can be another's.
    set_socket(fd, nullptr);
    const int result = real().close(fd);
    if (linger > 1 && result == 0) await_end(key, linger - 1);
    return result;
}

FAIRLEAD_TAKEN int close_range(unsigned first, unsigned last, int flags) noexcept {
    return close_all(first, last, flags);
}

FAIRLEAD_TAKEN void closefrom(int first) noexcept {
    (void)close_all(first < 0 ? 0 : static_cast<unsigned>(first), ~0u, 0);
}

FAIRLEAD_TAKEN int dup(int fd) noexcept { return note_copy(fd, real().dup(fd)); }

FAIRLEAD_TAKEN int dup2(int fd, int to) noexcept {
    if (is_internal(to)) return failed(EBADF);
    return note_copy(fd, real().dup2(fd, to));
}

FAIRLEAD_TAKEN int dup3(int fd, int to, int flags) noexcept {
    if (is_internal(to)) return failed(EBADF);
    return note_copy(fd, real().dup3(fd, to, flags));
}

FAIRLEAD_TAKEN int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    // By a signal, too (F_SETOWN comes with O_ASYNC).
    if (command == F_SETOWN || command == F_SETSIG) show_readiness(fd);
    const int result = real().fcntl(fd, command, argument);
    const bool copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    return copies ? note_copy(fd, result) : result;
}

FAIRLEAD_TAKEN int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    return fcntl64(fd, command, argument);
}

FAIRLEAD_TAKEN int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list rest;
    va_start(rest, request);
    void* argument = va_arg(rest, void*);
    va_end(rest);
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().ioctl(fd, request, argument);
    return control(*socket, fd, request, argument);
}

// Who waits for edges wants one for each arrival.
FAIRLEAD_TAKEN int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
    const Socket* socket = socket_of(fd);
    const bool is_edge =
        socket != nullptr && is_readable(event, sizeof *event) && (event->events & EPOLLET) != 0;
    if (is_edge) socket->slot().both.is_edge.store(1);
    if (operation != EPOLL_CTL_DEL) show_readiness(fd);
    return real().epoll_ctl(set, operation, fd, event);
}
