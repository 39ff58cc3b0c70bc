// Calls by their number: what libraries make so that are older than the C library's functions (libuv).
#include <bit>
#include <cstdarg>

#include <sys/syscall.h>

#include "preload/real.hpp"
#include "preload/restricted.hpp"
#include "preload/table.hpp"
#include "preload/taken.hpp"

namespace {

int as_int(long argument) { return static_cast<int>(argument); }

template <typename T>
T* as_pointer(long argument) {
    return std::bit_cast<T*>(argument);
}

}  // namespace

FAIRLEAD_TAKEN long syscall(long number, ...) noexcept {
    va_list rest;
    va_start(rest, number);
    // As many as any call has: what was not given is not looked at.
    const long a = va_arg(rest, long);
    const long b = va_arg(rest, long);
    const long c = va_arg(rest, long);
    const long d = va_arg(rest, long);
    const long e = va_arg(rest, long);
    const long f = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_seccomp) fairlead::preload::note_restriction();
    const bool is_ours = fairlead::preload::socket_of(as_int(a)) != nullptr;
    switch (is_ours ? number : -1) {
        case SYS_read: return ::read(as_int(a), as_pointer<void>(b), static_cast<size_t>(c));
        case SYS_write: return ::write(as_int(a), as_pointer<void>(b), static_cast<size_t>(c));
        case SYS_close: return ::close(as_int(a));
        case SYS_accept4:
            return ::accept4(as_int(a), as_pointer<sockaddr>(b), as_pointer<socklen_t>(c),
                             as_int(d));
        case SYS_recvmmsg:
            return ::recvmmsg(as_int(a), as_pointer<mmsghdr>(b), static_cast<unsigned>(c),
                              as_int(d), as_pointer<timespec>(e));
        case SYS_sendmmsg:
            return ::sendmmsg(as_int(a), as_pointer<mmsghdr>(b), static_cast<unsigned>(c),
                              as_int(d));
        default: return fairlead::preload::real().syscall(number, a, b, c, d, e, f);
    }
}
