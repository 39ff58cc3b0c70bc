// preload/real.hpp — the C library's own functions, behind those that we put before them.
//
// Rules:     found at their first use, which may come before our constructor. Nothing of this library
//            calls a taken-over function by its plain name.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace fairlead::preload {

struct Real {
    decltype(&::socket) socket = nullptr;
    decltype(&::bind) bind = nullptr;
    decltype(&::listen) listen = nullptr;
    decltype(&::connect) connect = nullptr;
    decltype(&::accept) accept = nullptr;
    decltype(&::accept4) accept4 = nullptr;
    decltype(&::shutdown) shutdown = nullptr;
    decltype(&::getsockopt) getsockopt = nullptr;
    decltype(&::setsockopt) setsockopt = nullptr;
    decltype(&::getsockname) getsockname = nullptr;
    decltype(&::getpeername) getpeername = nullptr;
    decltype(&::read) read = nullptr;
    decltype(&::readv) readv = nullptr;
    decltype(&::recv) recv = nullptr;
    decltype(&::recvfrom) recvfrom = nullptr;
    decltype(&::recvmsg) recvmsg = nullptr;
    decltype(&::recvmmsg) recvmmsg = nullptr;
    decltype(&::write) write = nullptr;
    decltype(&::writev) writev = nullptr;
    decltype(&::send) send = nullptr;
    decltype(&::sendto) sendto = nullptr;
    decltype(&::sendmsg) sendmsg = nullptr;
    decltype(&::sendmmsg) sendmmsg = nullptr;
    decltype(&::sendfile) sendfile = nullptr;
    decltype(&::close) close = nullptr;
    decltype(&::close_range) close_range = nullptr;
    decltype(&::dup) dup = nullptr;
    decltype(&::dup2) dup2 = nullptr;
    decltype(&::dup3) dup3 = nullptr;
    decltype(&::fcntl) fcntl = nullptr;
    decltype(&::ioctl) ioctl = nullptr;
    decltype(&::epoll_ctl) epoll_ctl = nullptr;
    decltype(&::syscall) syscall = nullptr;
    decltype(&::epoll_wait) epoll_wait = nullptr;
    decltype(&::epoll_pwait) epoll_pwait = nullptr;
    decltype(&::poll) poll = nullptr;
    decltype(&::prctl) prctl = nullptr;
    decltype(&::splice) splice = nullptr;
    decltype(&::ppoll) ppoll = nullptr;
    decltype(&::select) select = nullptr;
    decltype(&::pselect) pselect = nullptr;
};

const Real& real();

// What a taken-over function returns for an errno.
int failed(int error);

}  // namespace fairlead::preload
