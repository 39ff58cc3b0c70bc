#include "preload/real.hpp"

#include <atomic>
#include <cerrno>

#include <dlfcn.h>

namespace fairlead::preload {
namespace {

Real g_real{};
std::atomic<bool> g_is_found{false};

template <typename F>
void find(F*& function, const char* name) {
    function = reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

// Twice is as good as once.
void find_all() {
    find(g_real.socket, "socket");
    find(g_real.bind, "bind");
    find(g_real.listen, "listen");
    find(g_real.connect, "connect");
    find(g_real.accept, "accept");
    find(g_real.accept4, "accept4");
    find(g_real.shutdown, "shutdown");
    find(g_real.getsockopt, "getsockopt");
    find(g_real.setsockopt, "setsockopt");
    find(g_real.getsockname, "getsockname");
    find(g_real.getpeername, "getpeername");
    find(g_real.read, "read");
    find(g_real.readv, "readv");
    find(g_real.recv, "recv");
    find(g_real.recvfrom, "recvfrom");
    find(g_real.recvmsg, "recvmsg");
    find(g_real.recvmmsg, "recvmmsg");
    find(g_real.write, "write");
    find(g_real.writev, "writev");
    find(g_real.send, "send");
    find(g_real.sendto, "sendto");
    find(g_real.sendmsg, "sendmsg");
    find(g_real.sendmmsg, "sendmmsg");
    find(g_real.sendfile, "sendfile");
    find(g_real.close, "close");
    find(g_real.close_range, "close_range");
    find(g_real.dup, "dup");
    find(g_real.dup2, "dup2");
    find(g_real.dup3, "dup3");
    find(g_real.fcntl, "fcntl");
    find(g_real.ioctl, "ioctl");
    find(g_real.epoll_ctl, "epoll_ctl");
    find(g_real.syscall, "syscall");
    find(g_real.epoll_wait, "epoll_wait");
    find(g_real.epoll_pwait, "epoll_pwait");
    find(g_real.poll, "poll");
    find(g_real.prctl, "prctl");
    find(g_real.splice, "splice");
    find(g_real.ppoll, "ppoll");
    find(g_real.select, "select");
    find(g_real.pselect, "pselect");
    g_is_found.store(true, std::memory_order_release);
}

}  // namespace

const Real& real() {
    if (!g_is_found.load(std::memory_order_acquire)) [[unlikely]] {
        find_all();
    }
    return g_real;
}

int failed(int error) {
    errno = error;
    return -1;
}

}  // namespace fairlead::preload
