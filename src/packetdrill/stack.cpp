// The functions that packetdrill calls: each is a turn of the machine and one call of fairlead.h.
#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include "packetdrill/hooks.hpp"
#include "packetdrill/interface.hpp"
#include "packetdrill/machine.hpp"

using fairlead::packetdrill::Address;
using fairlead::packetdrill::Attach;
using fairlead::packetdrill::Hooks;
using fairlead::packetdrill::kAttach;
using fairlead::packetdrill::kNotOurs;
using fairlead::packetdrill::Machine;
using fairlead::packetdrill::read_option;

namespace {

struct Instance {
    explicit Instance(const Address& address) : machine{address} {}
    Machine machine;
    Hooks hooks{};
    Attach attach = nullptr;  // of the preloaded library, if it is there
};

Instance& instance_of(void* userdata) { return *static_cast<Instance*>(userdata); }

// One turn; a negative result is -errno.
template <typename Body>
long turn(void* userdata, Body&& body) {
    Machine& machine = instance_of(userdata).machine;
    long result = 0;
    {
        const Machine::Turn held{machine};
        result = body(machine);
    }
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
}
template <typename Body>
int turn_int(void* userdata, Body&& body) {
    return static_cast<int>(turn(userdata, std::forward<Body>(body)));
}

// A call on one descriptor of ours.
template <typename Body>
long on(void* userdata, int fd, Body&& body) {
    return turn(userdata, [&](Machine& m) -> long {
        const int ours = m.find(fd);
        return ours < 0 ? -EBADF : static_cast<long>(body(m.stack(), ours));
    });
}
template <typename Body>
int on_int(void* userdata, int fd, Body&& body) {
    return static_cast<int>(on(userdata, fd, std::forward<Body>(body)));
}

void do_free(void* userdata) {
    Instance& instance = instance_of(userdata);
    if (instance.attach != nullptr) instance.attach(nullptr);
    delete &instance;
}

// --- sockets ---

int do_socket(void* u, int domain, int type, int protocol) {
    return turn_int(u, [&](Machine& m) {
        m.read_settings();
        return m.give(fl_socket(m.stack(), domain, type, protocol));
    });
}
int do_bind(void* u, int fd, const sockaddr* name, socklen_t size) {
    return on_int(u, fd, [&](fl_stack* s, int it) { return fl_bind(s, it, name, size); });
}
int do_listen(void* u, int fd, int backlog) {
    return on_int(u, fd, [&](fl_stack* s, int it) { return fl_listen(s, it, backlog); });
}
int do_accept(void* u, int fd, sockaddr* name, socklen_t* size) {
    return turn_int(u, [&](Machine& m) {
        const int ours = m.find(fd);
        return ours < 0 ? -EBADF : m.give(fl_accept(m.stack(), ours, name, size));
    });
}
int do_connect(void* u, int fd, const sockaddr* name, socklen_t size) {
    return on_int(u, fd, [&](fl_stack* s, int it) { return fl_connect(s, it, name, size); });
}
int do_shutdown(void* u, int fd, int how) {
    return on_int(u, fd, [&](fl_stack* s, int it) { return fl_shutdown(s, it, how); });
}
int do_getsockopt(void* u, int fd, int level, int name, void* value, socklen_t* size) {
    return on_int(
        u, fd, [&](fl_stack* s, int it) { return fl_getsockopt(s, it, level, name, value, size); });
}
int do_setsockopt(void* u, int fd, int level, int name, const void* value, socklen_t size) {
    return on_int(
        u, fd, [&](fl_stack* s, int it) { return fl_setsockopt(s, it, level, name, value, size); });
}

// The descriptor is gone at once, for both; one of the system's is closed there.
long close_ours(Machine& m, int fd) {
    const int ours = m.find(fd);
    if (ours < 0) return kNotOurs;
    m.forget(fd);
    ::close(fd);
    return fl_close(m.stack(), ours);
}
int do_close(void* u, int fd) {
    const int result = turn_int(u, [&](Machine& m) -> long {
        const long closed = close_ours(m, fd);
        if (closed != kNotOurs) return closed;
        return ::close(fd) == 0 ? 0 : -errno;
    });
    return result;
}

// --- bytes ---

ssize_t do_read(void* u, int fd, void* into, size_t size) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_read(s, it, into, size); });
}
ssize_t do_readv(void* u, int fd, const iovec* into, int count) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_readv(s, it, into, count); });
}
ssize_t do_recv(void* u, int fd, void* into, size_t size, int flags) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_recv(s, it, into, size, flags); });
}
ssize_t do_recvfrom(void* u, int fd, void* into, size_t size, int flags, sockaddr* name,
                    socklen_t* name_size) {
    return on(u, fd, [&](fl_stack* s, int it) {
        return fl_recvfrom(s, it, into, size, flags, name, name_size);
    });
}
ssize_t do_recvmsg(void* u, int fd, msghdr* message, int flags) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_recvmsg(s, it, message, flags); });
}
ssize_t do_write(void* u, int fd, const void* from, size_t size) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_write(s, it, from, size); });
}
ssize_t do_writev(void* u, int fd, const iovec* from, int count) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_writev(s, it, from, count); });
}
ssize_t do_send(void* u, int fd, const void* from, size_t size, int flags) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_send(s, it, from, size, flags); });
}
ssize_t do_sendto(void* u, int fd, const void* from, size_t size, int flags, const sockaddr* name,
                  socklen_t name_size) {
    return on(u, fd, [&](fl_stack* s, int it) {
        return fl_sendto(s, it, from, size, flags, name, name_size);
    });
}
ssize_t do_sendmsg(void* u, int fd, const msghdr* message, int flags) {
    return on(u, fd, [&](fl_stack* s, int it) { return fl_sendmsg(s, it, message, flags); });
}

// A file of the system's into a socket of ours, as sendfile does it: to the end, or to a full buffer.
long send_file(Machine& m, int out, int in, off_t* offset, size_t count) {
    const int ours = m.find(out);
    if (ours < 0) return kNotOurs;
    off_t at = offset != nullptr ? *offset : ::lseek(in, 0, SEEK_CUR);
    std::vector<char> part(65536);
    size_t done = 0;
    long result = 0;
    while (done < count) {
        const ssize_t got = ::pread(in, part.data(), std::min(part.size(), count - done), at);
        if (got < 0) result = -errno;
        if (got <= 0) break;
        const ptrdiff_t sent = fl_write(m.stack(), ours, part.data(), static_cast<size_t>(got));
        if (sent < 0) result = sent;
        if (sent <= 0) break;
        done += static_cast<size_t>(sent);
        at += sent;
        if (sent < got) break;
    }
    if (offset != nullptr) {
        *offset = at;
    } else {
        ::lseek(in, at, SEEK_SET);
    }
    return done > 0 ? static_cast<long>(done) : result;
}

int do_pipe(void* u, int fds[2]) {
    return turn_int(u, [&](Machine& m) {
        int ours[2] = {-1, -1};
        const int made = fl_pipe(m.stack(), ours, 0);
        if (made != 0) return made;
        for (int i = 0; i < 2; ++i) fds[i] = m.give(ours[i]);
        return fds[0] < 0 || fds[1] < 0 ? -EMFILE : 0;
    });
}
ssize_t do_splice(void* u, int in, loff_t* in_offset, int out, loff_t* out_offset, size_t size,
                  unsigned flags) {
    return turn(u, [&](Machine& m) -> long {
        const int from = m.find(in);
        const int to = m.find(out);
        if (from < 0 || to < 0) return -EBADF;
        if (in_offset != nullptr || out_offset != nullptr) return -ESPIPE;
        return fl_splice(m.stack(), from, to, size, flags);
    });
}

// --- descriptors ---

int do_fcntl(void* u, int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    const auto argument = va_arg(arguments, intptr_t);
    va_end(arguments);
    return turn_int(u, [&](Machine& m) {
        const int ours = m.find(fd);
        if (ours < 0) return -EBADF;
        const int result = fl_fcntl(m.stack(), ours, command, argument);
        const bool is_new = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
        return is_new ? m.give(result) : result;
    });
}
int do_ioctl(void* u, int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    int* const argument = va_arg(arguments, int*);
    va_end(arguments);
    return on_int(u, fd, [&](fl_stack* s, int it) { return fl_ioctl(s, it, request, argument); });
}

// --- waiting ---

int do_poll(void* u, pollfd* fds, nfds_t count, int timeout) {
    return turn_int(u, [&](Machine& m) {
        std::vector<pollfd> ours(fds, fds + count);
        for (pollfd& entry : ours) {
            // What is none of ours is not open, as poll() tells.
            constexpr int kNone = 1'000'000;
            if (entry.fd >= 0) entry.fd = m.find(entry.fd) < 0 ? kNone : m.find(entry.fd);
        }
        const int ready = fl_poll_fds(m.stack(), ours.data(), ours.size(), timeout);
        for (nfds_t i = 0; i < count; ++i) fds[i].revents = ours[i].revents;
        return ready;
    });
}
int do_epoll_create(void* u, int size) {
    return turn_int(
        u, [&](Machine& m) { return size <= 0 ? -EINVAL : m.give(fl_epoll_create(m.stack(), 0)); });
}
int do_epoll_ctl(void* u, int epfd, int operation, int fd, epoll_event* event) {
    return turn_int(u, [&](Machine& m) {
        const int set = m.find(epfd);
        const int target = m.find(fd);
        if (set < 0 || target < 0) return -EBADF;
        return fl_epoll_ctl(m.stack(), set, operation, target, event);
    });
}
int do_epoll_wait(void* u, int epfd, epoll_event* events, int most, int timeout) {
    return on_int(u, epfd,
                  [&](fl_stack* s, int it) { return fl_epoll_wait(s, it, events, most, timeout); });
}

// --- packets and time ---

int do_netdev_send(void* u, const void* packet, size_t bytes) {
    return turn_int(u, [&](Machine& m) {
        m.inject(packet, bytes);
        return 0;
    });
}
int do_netdev_receive(void* u, void* buffer, size_t* bytes, long long* time_usecs) {
    return turn_int(
        u, [&](Machine& m) { return m.receive(buffer, *bytes, *time_usecs) ? 0 : -EMSGSIZE; });
}
int do_usleep(void* u, useconds_t usecs) {
    return turn_int(u, [&](Machine& m) {
        m.sleep(usecs);
        return 0;
    });
}
int do_gettimeofday(void* u, timeval* time, struct timezone*) {
    return turn_int(u, [&](Machine& m) {
        constexpr std::int64_t kSecond = 1'000'000;
        const std::int64_t usecs = m.now_usecs();
        time->tv_sec = usecs / kSecond;
        time->tv_usec = usecs % kSecond;
        return 0;
    });
}

// --- what the preloaded library asks ---

template <typename Body>
long as_hook(void* user, int fd, Body&& body) {
    Machine& machine = static_cast<Instance*>(user)->machine;
    const Machine::Turn held{machine};
    return machine.find(fd) < 0 ? kNotOurs : body(machine);
}

// Of the fields that a script's code may ask for none may be missing.
long hook_getsockopt(void* user, int fd, int level, int name, void* value, socklen_t* size) {
    return as_hook(user, fd, [&](Machine& m) -> long {
        return fl_getsockopt(m.stack(), m.find(fd), level, name, value, size);
    });
}
long hook_close(void* user, int fd) {
    return as_hook(user, fd, [&](Machine& m) { return close_ours(m, fd); });
}
long hook_sendfile(void* user, int out, int in, off_t* offset, size_t count) {
    return as_hook(user, out, [&](Machine& m) { return send_file(m, out, in, offset, count); });
}

// packetdrill hands its options to nobody: its command line tells them, and --so_flags after it.
Address address_from(const char* flags) {
    Address address;
    std::ifstream command{"/proc/self/cmdline"};
    for (std::string word; std::getline(command, word, '\0');) read_option(word, address);
    std::string word;
    for (const char c : std::string{flags == nullptr ? "" : flags} + ' ') {
        if (c == ' ' || c == ',') {
            read_option(word, address);
            word.clear();
        } else {
            word += c;
        }
    }
    return address;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] void packetdrill_interface_init(
    const char* flags, packetdrill_interface* interface) {
    auto instance = std::make_unique<Instance>(address_from(flags));
    instance->hooks = {.user = instance.get(),
                       .getsockopt = &hook_getsockopt,
                       .close = &hook_close,
                       .sendfile = &hook_sendfile};
    instance->attach = reinterpret_cast<Attach>(::dlsym(RTLD_DEFAULT, kAttach));
    if (instance->attach != nullptr) instance->attach(&instance->hooks);
    *interface = {.userdata = instance.release(),
                  .free = &do_free,
                  .socket = &do_socket,
                  .bind = &do_bind,
                  .listen = &do_listen,
                  .accept = &do_accept,
                  .connect = &do_connect,
                  .read = &do_read,
                  .readv = &do_readv,
                  .recv = &do_recv,
                  .recvfrom = &do_recvfrom,
                  .recvmsg = &do_recvmsg,
                  .write = &do_write,
                  .writev = &do_writev,
                  .send = &do_send,
                  .sendto = &do_sendto,
                  .sendmsg = &do_sendmsg,
                  .fcntl = &do_fcntl,
                  .ioctl = &do_ioctl,
                  .close = &do_close,
                  .shutdown = &do_shutdown,
                  .getsockopt = &do_getsockopt,
                  .setsockopt = &do_setsockopt,
                  .poll = &do_poll,
                  .netdev_send = &do_netdev_send,
                  .netdev_receive = &do_netdev_receive,
                  .usleep = &do_usleep,
                  .gettimeofday = &do_gettimeofday,
                  .epoll_create = &do_epoll_create,
                  .epoll_ctl = &do_epoll_ctl,
                  .epoll_wait = &do_epoll_wait,
                  .pipe = &do_pipe,
                  .splice = &do_splice};
}
