#include "preload/restricted.hpp"

#include <atomic>
#include <cerrno>
#include <cstdarg>

#include <sys/prctl.h>

#include "preload/real.hpp"
#include "preload/table.hpp"
#include "preload/taken.hpp"

namespace fairlead::preload {
namespace {

std::atomic<bool> g_is_restricted{false};

void note_socket(int fd, bool is_internal, void*) {
    if (is_internal) return;
    const int flags = real().fcntl(fd, F_GETFL);
    socket_of(fd)->is_nonblocking = flags >= 0 && (flags & O_NONBLOCK) != 0;
}

}  // namespace

bool is_restricted() { return g_is_restricted.load(std::memory_order_relaxed); }

void note_restriction() {
    visit_range(0, ~0u, note_socket, nullptr);
    g_is_restricted.store(true, std::memory_order_relaxed);
}

bool is_ready_at_once(int fd, short events) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    if (real().poll(&entry, 1, 0) <= 0) return false;
    return (entry.revents & events) != 0 && (entry.revents & (POLLERR | POLLNVAL)) == 0;
}

}  // namespace fairlead::preload

FAIRLEAD_TAKEN int prctl(int option, ...) noexcept {
    va_list rest;
    va_start(rest, option);
    const auto a = va_arg(rest, unsigned long);
    const auto b = va_arg(rest, unsigned long);
    const auto c = va_arg(rest, unsigned long);
    const auto d = va_arg(rest, unsigned long);
    va_end(rest);
    if (option == PR_SET_SECCOMP) fairlead::preload::note_restriction();
    return fairlead::preload::real().prctl(option, a, b, c, d);
}
