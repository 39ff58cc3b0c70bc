// Calls by their number: what libraries make so that are older than the C library's functions (libuv).
#include <array>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <optional>

#include <sys/syscall.h>

#include "preload/real.hpp"
#include "preload/restricted.hpp"
#include "preload/session.hpp"
#include "preload/table.hpp"
#include "preload/taken.hpp"
#include "preload/uring.hpp"

namespace fairlead::preload {
namespace {

constexpr std::size_t kMostArguments = 6;

struct Arguments {
    std::array<long, kMostArguments> all{};

    int number(std::size_t i) const { return static_cast<int>(all[i]); }
    unsigned word(std::size_t i) const { return static_cast<unsigned>(all[i]); }
    size_t size(std::size_t i) const { return static_cast<size_t>(all[i]); }
    template <typename T>
    T* at(std::size_t i) const {
        return std::bit_cast<T*>(all[i]);
    }
};

// Nothing: it is the kernel's.
std::optional<long> move_bytes(long number, const Arguments& a) {
    const int fd = a.number(0);
    switch (number) {
        case SYS_read: return ::read(fd, a.at<void>(1), a.size(2));
        case SYS_readv: return ::readv(fd, a.at<iovec>(1), a.number(2));
        case SYS_recvfrom:
            return ::recvfrom(fd, a.at<void>(1), a.size(2), a.number(3), a.at<sockaddr>(4),
                              a.at<socklen_t>(5));
        case SYS_recvmsg: return ::recvmsg(fd, a.at<msghdr>(1), a.number(2));
        case SYS_recvmmsg:
            return ::recvmmsg(fd, a.at<mmsghdr>(1), a.word(2), a.number(3), a.at<timespec>(4));
        case SYS_write: return ::write(fd, a.at<void>(1), a.size(2));
        case SYS_writev: return ::writev(fd, a.at<iovec>(1), a.number(2));
        case SYS_sendto:
            return ::sendto(fd, a.at<void>(1), a.size(2), a.number(3), a.at<sockaddr>(4),
                            a.word(5));
        case SYS_sendmsg: return ::sendmsg(fd, a.at<msghdr>(1), a.number(2));
        case SYS_sendmmsg: return ::sendmmsg(fd, a.at<mmsghdr>(1), a.word(2), a.number(3));
        case SYS_sendfile: return ::sendfile(fd, a.number(1), a.at<off_t>(2), a.size(3));
        default: return std::nullopt;
    }
}

std::optional<long> call_socket(long number, const Arguments& a) {
    const int fd = a.number(0);
    switch (number) {
        case SYS_bind: return ::bind(fd, a.at<sockaddr>(1), a.word(2));
        case SYS_listen: return ::listen(fd, a.number(1));
        case SYS_connect: return ::connect(fd, a.at<sockaddr>(1), a.word(2));
        case SYS_accept: return ::accept(fd, a.at<sockaddr>(1), a.at<socklen_t>(2));
        case SYS_accept4: return ::accept4(fd, a.at<sockaddr>(1), a.at<socklen_t>(2), a.number(3));
        case SYS_shutdown: return ::shutdown(fd, a.number(1));
        case SYS_getsockopt:
            return ::getsockopt(fd, a.number(1), a.number(2), a.at<void>(3), a.at<socklen_t>(4));
        case SYS_setsockopt:
            return ::setsockopt(fd, a.number(1), a.number(2), a.at<void>(3), a.word(4));
        case SYS_getsockname: return ::getsockname(fd, a.at<sockaddr>(1), a.at<socklen_t>(2));
        case SYS_getpeername: return ::getpeername(fd, a.at<sockaddr>(1), a.at<socklen_t>(2));
        case SYS_close: return ::close(fd);
        case SYS_dup: return ::dup(fd);
        case SYS_dup3: return ::dup3(fd, a.number(1), a.number(2));
        case SYS_fcntl: return ::fcntl(fd, a.number(1), a.at<void>(2));
        case SYS_ioctl: return ::ioctl(fd, a.size(1), a.at<void>(2));
        default: return std::nullopt;
    }
}

struct Mask {
    const sigset_t* signals;
    size_t size;
};

// By which a program may see whether a descriptor is ready.
std::optional<long> wait(long number, const Arguments& a) {
    switch (number) {
        case SYS_epoll_ctl:
            return ::epoll_ctl(a.number(0), a.number(1), a.number(2), a.at<epoll_event>(3));
        case SYS_poll: return ::poll(a.at<pollfd>(0), a.size(1), a.number(2));
        case SYS_ppoll:
            return ::ppoll(a.at<pollfd>(0), a.size(1), a.at<timespec>(2), a.at<sigset_t>(3));
        case SYS_select:
            return ::select(a.number(0), a.at<fd_set>(1), a.at<fd_set>(2), a.at<fd_set>(3),
                            a.at<timeval>(4));
        case SYS_pselect6: {
            const auto* mask = a.at<const Mask>(5);
            return ::pselect(a.number(0), a.at<fd_set>(1), a.at<fd_set>(2), a.at<fd_set>(3),
                             a.at<timespec>(4), mask == nullptr ? nullptr : mask->signals);
        }
        default: return std::nullopt;
    }
}

std::optional<long> taken_over(long number, const Arguments& a) {
    if (const auto done = wait(number, a)) return done;
    if (number == SYS_seccomp) note_restriction();
    if (number == SYS_socket) return ::socket(a.number(0), a.number(1), a.number(2));
    if (number == SYS_io_uring_setup && is_hosted()) return failed(-refuse_uring());
    if (socket_of(a.number(0)) == nullptr) return std::nullopt;
    const auto done = move_bytes(number, a);
    return done ? done : call_socket(number, a);
}

}  // namespace
}  // namespace fairlead::preload

FAIRLEAD_TAKEN long syscall(long number, ...) noexcept {
    fairlead::preload::Arguments a;
    va_list rest;
    va_start(rest, number);
    // As many as any call has: what was not given is not looked at.
    for (long& argument : a.all) argument = va_arg(rest, long);
    va_end(rest);
    if (const auto done = fairlead::preload::taken_over(number, a)) return *done;
    return fairlead::preload::real().syscall(number, a.all[0], a.all[1], a.all[2], a.all[3],
                                             a.all[4], a.all[5]);
}
