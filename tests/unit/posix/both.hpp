// unit/posix/both.hpp — the same calls on the kernel's sockets and on ours.
//
// Owns:   Calls (what a scenario may do; descriptors are its own small numbers), the kernel under it
//         and the layer under it. A scenario's log is what each call returned.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "posix/client.hpp"

namespace fairlead::posix::both {

class Calls {
public:
    Calls() = default;
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;
    virtual ~Calls() = default;

    // Each returns what the call returned, or -errno, and writes a line of it. Where a call makes a
    // descriptor, the next free number of the scenario stands for it.
    int socket(int domain, int type, int protocol);
    long bind(int fd, Bytes name);
    long listen(int fd, int backlog);
    long connect(int fd, Bytes name);
    int accept(int fd, int flags);
    long shutdown(int fd, int how);
    long close(int fd);
    int dup(int fd);
    long send(int fd, const std::string& text, int flags, Bytes name = {});
    long write(int fd, const std::string& text);
    long receive(int fd, std::size_t most, int flags, std::size_t control = 0);
    long read(int fd, std::size_t most);
    long getsockname(int fd);
    long getpeername(int fd);
    long set(int fd, int level, int name, Bytes value);
    long set(int fd, int level, int name, int value);
    long get(int fd, int level, int name, std::size_t room);
    long fcntl(int fd, int command, long argument);
    long ioctl(int fd, unsigned long request, int argument);
    long poll(int fd, int events);
    int epoll();
    long control(int epfd, int operation, int fd, unsigned events, std::uint64_t data);
    long wait(int epfd, int most);
    void pipe(int fds[2]);
    long splice(int in, int out, std::size_t size);
    // Whether the calls that follow are made by one who may do everything, as at first.
    virtual void set_privileged(bool is_privileged) = 0;
    virtual void set_sysctl(const std::string& name, const std::string& value) = 0;
    // Until all that is under way has come.
    virtual void settle() = 0;

    const std::vector<std::string>& log() const { return log_; }
    int real(int fd) const;

protected:
    struct Got {
        long value = 0;  // -errno
        std::string text{};
        std::string more{};  // flags, names, control messages
    };
    virtual Got do_socket(int domain, int type, int protocol) = 0;
    virtual Got do_bind(int fd, Bytes name) = 0;
    virtual Got do_listen(int fd, int backlog) = 0;
    virtual Got do_connect(int fd, Bytes name) = 0;
    virtual Got do_accept(int fd, int flags) = 0;
    virtual Got do_shutdown(int fd, int how) = 0;
    virtual Got do_close(int fd) = 0;
    virtual Got do_dup(int fd) = 0;
    virtual Got do_send(int fd, const std::string& text, int flags, Bytes name) = 0;
    virtual Got do_write(int fd, const std::string& text) = 0;
    virtual Got do_receive(int fd, std::size_t most, int flags, std::size_t control) = 0;
    virtual Got do_read(int fd, std::size_t most) = 0;
    virtual Got do_name(int fd, bool is_peer) = 0;
    virtual Got do_set(int fd, int level, int name, Bytes value) = 0;
    virtual Got do_get(int fd, int level, int name, std::size_t room) = 0;
    virtual Got do_fcntl(int fd, int command, long argument) = 0;
    virtual Got do_ioctl(int fd, unsigned long request, int argument) = 0;
    virtual Got do_poll(int fd, int events) = 0;
    virtual Got do_epoll() = 0;
    virtual Got do_control(int epfd, int operation, int fd, unsigned events,
                           std::uint64_t data) = 0;
    virtual Got do_wait(int epfd, int most) = 0;
    virtual Got do_pipe(int fds[2]) = 0;
    virtual Got do_splice(int in, int out, std::size_t size) = 0;

private:
    long note(std::string call, const Got& got);
    int made(std::string call, const Got& got);
    int number(int real);

    std::vector<std::string> log_{};
    std::vector<int> real_{};  // by the scenario's number, from 3; -1: free
};

// Needs a network namespace of its own, with lo up; null: not possible here.
std::unique_ptr<Calls> make_kernel();
// One that hardly waits: enough on a quiet machine.
std::unique_ptr<Calls> make_hasty_kernel();
std::unique_ptr<Calls> make_layer();
// Once a process: a namespace that nothing else is in. False: not root.
bool enter_namespace();

// struct sockaddr_in of 127.0.0.1, or sockaddr_in6 of ::1.
SocketName at(std::uint16_t port, Family family = Family::Inet);

}  // namespace fairlead::posix::both
