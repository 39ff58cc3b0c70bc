// Sockets are made, named, connected and accepted.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/resource.h>

#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"

namespace fairlead::preload {
namespace {

constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

std::span<const std::byte> bytes_of(const void* data, std::size_t size) {
    return {static_cast<const std::byte*>(data), size};
}

int as_call(int result) { return result < 0 ? failed(-result) : result; }

// What the kernel gave is close-on-exec and does not block.
void set_flags(int fd, int flags) {
    if ((flags & SOCK_NONBLOCK) == 0) {
        int off = 0;
        (void)real().ioctl(fd, FIONBIO, &off);
    }
    if ((flags & SOCK_CLOEXEC) == 0) (void)real().fcntl(fd, F_SETFD, 0);
}

// move_addr_to_user(): as much as there is room for, and how much it would have been. 0, or an errno.
int tell_name(const std::byte* name, std::size_t size, sockaddr* into, socklen_t* room) {
    if (!is_writable(room, sizeof *room)) return EFAULT;
    if (static_cast<int>(*room) < 0) return EINVAL;
    const std::size_t told = std::min<std::size_t>(size, *room);
    if (!is_writable(into, told)) return EFAULT;
    std::memcpy(into, name, told);
    *room = static_cast<socklen_t>(size);
    return 0;
}

// move_addr_to_kernel(): 0, or an errno.
int fault_of_name(const sockaddr* name, socklen_t size) {
    if (size > sizeof(sockaddr_storage)) return EINVAL;
    return is_readable(name, size) ? 0 : EFAULT;
}

int open_socket(int domain, int type, int protocol) {
    Told told;
    const int result = ask({.op = host::Op::Socket,
                            .arguments = {static_cast<std::uint32_t>(domain),
                                          static_cast<std::uint32_t>(type & ~kFlags),
                                          static_cast<std::uint32_t>(protocol)}},
                           told);
    if (result < 0) return failed(-result);
    const int fd = told.fds[0];
    Socket* socket = place_socket(told.reply.key, told.reply.flags);
    if (fd < 0 || socket == nullptr) return failed(ENOMEM);
    make_locks(*socket);
    if (socket->is_stream()) socket->slot().both.is_lazy.store(1);
    set_flags(fd, type & kFlags);
    set_socket(fd, socket);
    return fd;
}

// connect() after one that failed: the old descriptor shows the end for good, so another takes its
// number.
int renew(Socket& socket, int fd) {
    Told told;
    const int result = ask({.op = host::Op::Renew, .key = socket.key()}, told);
    if (result < 0) return result;
    const int flags = real().fcntl(fd, F_GETFL);
    const int closes = real().fcntl(fd, F_GETFD);
    const int fresh = told.fds[0];
    (void)real().fcntl(fresh, F_SETFL, flags);
    const int done = real().dup3(fresh, fd, (closes & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
    real().close(fresh);
    return done < 0 ? -errno : 0;
}

int connect_stream(Socket& socket, int fd, std::span<const std::byte> name) {
    close_gate(socket, fd);
    const Ask what{.op = host::Op::Connect, .key = socket.key(), .bytes = name};
    int result = ask(what);
    if (result == -ESTALE) {
        result = renew(socket, fd);
        if (result == 0) close_gate(socket, fd);
        if (result == 0) result = ask(what);
    }
    if (result != -EINPROGRESS || !may_block(fd, 0)) return as_call(result);
    while ((socket.status() & host::kStatusConnecting) != 0) {
        const int fault = wait_to_write(socket, fd);
        if (fault != 0) return failed(fault == EAGAIN ? EINPROGRESS : fault);
    }
    if ((socket.status() & host::kStatusConnected) != 0) return 0;
    const int error = take_error(socket, fd);
    return failed(error != 0 ? error : ECONNABORTED);
}

// Without a descriptor for it no connection is taken from the queue. Few numbers left: ask first.
bool has_descriptor_left(int fd, int last) {
    constexpr int kNear = 64;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
    if (static_cast<rlim_t>(last) + kNear < limit.rlim_cur) return true;
    const int spare = real().fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (spare < 0) return false;
    real().close(spare);
    return true;
}

std::atomic<int> g_last_accepted{0};

int install_accepted(const Socket& listener, const host::Accepted& record, int fd, int flags) {
    host::Slot& slot = listener.slot();
    slot.program.rx_head.fetch_add(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (slot.both.wants_space.exchange(0) != 0) listener.notify();
    Socket* socket = place_socket(record.key, record.flags);
    if (socket == nullptr) {
        real().close(fd);
        return failed(ENOMEM);
    }
    make_locks(*socket);
    socket->slot().program.linger.store(slot.program.linger.load());
    socket->slot().both.is_lazy.store(1);
    socket->slot().both.is_taken.store(1, std::memory_order_release);
    set_flags(fd, flags);
    set_socket(fd, socket);
    g_last_accepted.store(fd, std::memory_order_relaxed);
    return fd;
}

int accept_from(const Socket& listener, int fd, sockaddr* name, socklen_t* size, int flags) {
    if ((flags & ~kFlags) != 0) return failed(EINVAL);
    if (!listener.is_stream()) return failed(EOPNOTSUPP);
    if ((listener.status() & host::kStatusListening) == 0) return failed(EINVAL);
    if (!has_descriptor_left(fd, g_last_accepted.load(std::memory_order_relaxed))) {
        return failed(EMFILE);
    }
    host::Accepted record{};
    iovec piece{.iov_base = &record, .iov_len = sizeof record};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = real().recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return -1;
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (got == 0) return failed(ENETDOWN);
    if (head == nullptr || head->cmsg_type != SCM_RIGHTS) return failed(EMFILE);
    int accepted = -1;
    std::memcpy(&accepted, CMSG_DATA(head), sizeof accepted);
    const int result = install_accepted(listener, record, accepted, flags);
    if (result < 0 || name == nullptr) return result;
    const int fault =
        tell_name(record.name.data(), std::min<std::size_t>(record.name_size, record.name.size()),
                  name, size);
    if (fault == 0) return result;
    set_socket(result, nullptr);
    real().close(result);
    return failed(fault);
}

bool is_ours(int domain, int type) {
    const int kind = type & ~kFlags;
    const bool is_internet = domain == AF_INET || domain == AF_INET6;
    return is_hosted() && is_internet && (kind == SOCK_STREAM || kind == SOCK_DGRAM);
}

// SO_ERROR, and what the descriptor itself keeps; 1: it is the host's to answer.
int get_own_option(const Socket& socket, int fd, int name, void* value, socklen_t* size) {
    switch (name) {
        case SO_ERROR: {
            const int error = take_error(socket, fd);
            const std::size_t n = std::min<std::size_t>(sizeof error, *size);
            if (!is_writable(value, n)) return failed(EFAULT);
            std::memcpy(value, &error, n);
            *size = static_cast<socklen_t>(n);
            return 0;
        }
        case SO_RCVTIMEO:
        case SO_SNDTIMEO: return real().getsockopt(fd, SOL_SOCKET, name, value, size);
        default: return 1;
    }
}

// close() asks for it where nobody can be asked any more.
void note_linger(const Socket& socket, std::span<const std::byte> value) {
    linger said{};
    std::memcpy(&said, value.data(), std::min(value.size(), sizeof said));
    const bool waits = said.l_onoff != 0 && said.l_linger > 0;
    socket.slot().program.linger.store(waits ? static_cast<std::uint32_t>(said.l_linger) + 1 : 0);
}

int tell_end(const Socket& socket, host::Op op, sockaddr* name, socklen_t* size) {
    Told told;
    const int result = ask({.op = op, .key = socket.key()}, told);
    if (result < 0) return failed(-result);
    const int fault = tell_name(told.bytes.data(), told.reply.size, name, size);
    return fault == 0 ? 0 : failed(fault);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN int socket(int domain, int type, int protocol) noexcept {
    if (!is_ours(domain, type)) return real().socket(domain, type, protocol);
    return open_socket(domain, type, protocol);
}

FAIRLEAD_TAKEN int bind(int fd, const sockaddr* name, socklen_t size) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().bind(fd, name, size);
    if (const int fault = fault_of_name(name, size); fault != 0) return failed(fault);
    return as_call(
        ask({.op = fairlead::host::Op::Bind, .key = socket->key(), .bytes = bytes_of(name, size)}));
}

FAIRLEAD_TAKEN int listen(int fd, int backlog) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().listen(fd, backlog);
    if (!socket->is_stream()) return failed(EOPNOTSUPP);
    close_gate(*socket, fd);
    return as_call(ask({.op = fairlead::host::Op::Listen,
                        .key = socket->key(),
                        .arguments = {static_cast<std::uint32_t>(backlog)}}));
}

FAIRLEAD_TAKEN int connect(int fd, const sockaddr* name, socklen_t size) {
    Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().connect(fd, name, size);
    if (const int fault = fault_of_name(name, size); fault != 0) return failed(fault);
    const auto bytes = bytes_of(name, std::min<std::size_t>(size, 256));
    if (socket->is_stream()) return connect_stream(*socket, fd, bytes);
    return as_call(ask({.op = fairlead::host::Op::Connect, .key = socket->key(), .bytes = bytes}));
}

FAIRLEAD_TAKEN int accept4(int fd, sockaddr* name, socklen_t* size, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().accept4(fd, name, size, flags);
    return accept_from(*socket, fd, name, size, flags);
}

FAIRLEAD_TAKEN int accept(int fd, sockaddr* name, socklen_t* size) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().accept(fd, name, size);
    return accept_from(*socket, fd, name, size, 0);
}

FAIRLEAD_TAKEN int shutdown(int fd, int how) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().shutdown(fd, how);
    const std::uint32_t written = socket->slot().program.tx_tail.load(std::memory_order_acquire);
    return as_call(ask({.op = fairlead::host::Op::Shutdown,
                        .key = socket->key(),
                        .arguments = {static_cast<std::uint32_t>(how), written}}));
}

FAIRLEAD_TAKEN int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().getsockopt(fd, level, name, value, size);
    if (!is_writable(size, sizeof *size)) return failed(EFAULT);
    if (level == SOL_SOCKET && static_cast<int>(*size) >= 0) {
        const int own = get_own_option(*socket, fd, name, value, size);
        if (own != 1) return own;
    }
    Told told;
    const int room = std::max(static_cast<int>(*size), 0);
    const int result =
        ask({.op = fairlead::host::Op::GetOption,
             .key = socket->key(),
             .arguments = {static_cast<std::uint32_t>(level), static_cast<std::uint32_t>(name),
                           static_cast<std::uint32_t>(room)}},
            told);
    const bool is_level_known = result != -EOPNOTSUPP;
    if (static_cast<int>(*size) < 0 && is_level_known) return failed(EINVAL);
    const bool is_bound_to_none =
        result == -ENOPROTOOPT && level == SOL_SOCKET && name == SO_BINDTODEVICE;
    if (result < 0 && !is_bound_to_none) return failed(-result);
    const std::size_t written = std::min<std::size_t>(told.reply.size, *size);
    if (!is_writable(value, written)) return failed(EFAULT);
    std::memcpy(value, told.bytes.data(), written);
    *size = told.reply.size;
    return 0;
}

FAIRLEAD_TAKEN int setsockopt(int fd, int level, int name, const void* value,
                              socklen_t size) noexcept {
    const Socket* socket = socket_of(fd);
    const bool is_timeout = level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
    if (socket == nullptr || is_timeout) return real().setsockopt(fd, level, name, value, size);
    if (static_cast<int>(size) < 0) return failed(EINVAL);
    if (size >= sizeof(int) && !is_readable(value, size)) return failed(EFAULT);
    if (!is_readable(value, size)) size = 0;
    const auto bytes = bytes_of(value, std::min<std::size_t>(size, fairlead::host::kMostBytes));
    const int result =
        ask({.op = fairlead::host::Op::SetOption,
             .key = socket->key(),
             .arguments = {static_cast<std::uint32_t>(level), static_cast<std::uint32_t>(name)},
             .bytes = bytes});
    const bool is_linger = level == SOL_SOCKET && name == SO_LINGER && result == 0;
    if (is_linger && socket->is_stream()) note_linger(*socket, bytes);
    return as_call(result);
}

FAIRLEAD_TAKEN int getsockname(int fd, sockaddr* name, socklen_t* size) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().getsockname(fd, name, size);
    return tell_end(*socket, fairlead::host::Op::GetName, name, size);
}

FAIRLEAD_TAKEN int getpeername(int fd, sockaddr* name, socklen_t* size) noexcept {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().getpeername(fd, name, size);
    return tell_end(*socket, fairlead::host::Op::GetPeer, name, size);
}
