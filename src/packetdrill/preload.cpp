// LD_PRELOADed beside a packetdrill that has loaded the stack: its direct calls find the stack.
#include <atomic>
#include <cerrno>

#include <sys/syscall.h>
#include <unistd.h>

#include "packetdrill/hooks.hpp"

using fairlead::packetdrill::Hooks;
using fairlead::packetdrill::kNotOurs;

namespace {

std::atomic<const Hooks*> g_hooks{nullptr};

long as_call(long result) {
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] void fairlead_packetdrill_attach(const Hooks* hooks) {
    g_hooks = hooks;
}

[[gnu::visibility("default")]] int getsockopt(int fd, int level, int name, void* value,
                                              socklen_t* size) noexcept {
    if (const Hooks* hooks = g_hooks) {
        const long result = hooks->getsockopt(hooks->user, fd, level, name, value, size);
        if (result != kNotOurs) return static_cast<int>(as_call(result));
    }
    return static_cast<int>(::syscall(SYS_getsockopt, fd, level, name, value, size));
}

[[gnu::visibility("default")]] int close(int fd) {
    if (const Hooks* hooks = g_hooks) {
        const long result = hooks->close(hooks->user, fd);
        if (result != kNotOurs) return static_cast<int>(as_call(result));
    }
    return static_cast<int>(::syscall(SYS_close, fd));
}

[[gnu::visibility("default")]] ssize_t sendfile(int out, int in, off_t* offset,
                                                size_t count) noexcept {
    if (const Hooks* hooks = g_hooks) {
        const long result = hooks->sendfile(hooks->user, out, in, offset, count);
        if (result != kNotOurs) return as_call(result);
    }
    return ::syscall(SYS_sendfile, out, in, offset, count);
}

[[gnu::visibility("default")]] ssize_t sendfile64(int out, int in, off64_t* offset,
                                                  size_t count) noexcept {
    return sendfile(out, in, offset, count);
}

}  // extern "C"
