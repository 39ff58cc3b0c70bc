// packetdrill/interface.hpp — the struct by which packetdrill speaks to a stack in a shared object.
//
// Owns:   the layout of what `--so_filename` loads: all pointers, in this order.
// Not here: what the functions do (stack.cpp).
#pragma once

#include <cstddef>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

// Each function takes `userdata` first, then the arguments of the POSIX call of its name.
struct packetdrill_interface {
    void* userdata;
    void (*free)(void* userdata);
    int (*socket)(void* userdata, int domain, int type, int protocol);
    int (*bind)(void* userdata, int fd, const struct sockaddr* name, socklen_t size);
    int (*listen)(void* userdata, int fd, int backlog);
    int (*accept)(void* userdata, int fd, struct sockaddr* name, socklen_t* size);
    int (*connect)(void* userdata, int fd, const struct sockaddr* name, socklen_t size);
    ssize_t (*read)(void* userdata, int fd, void* into, size_t size);
    ssize_t (*readv)(void* userdata, int fd, const struct iovec* into, int count);
    ssize_t (*recv)(void* userdata, int fd, void* into, size_t size, int flags);
    ssize_t (*recvfrom)(void* userdata, int fd, void* into, size_t size, int flags,
                        struct sockaddr* name, socklen_t* name_size);
    ssize_t (*recvmsg)(void* userdata, int fd, struct msghdr* message, int flags);
    ssize_t (*write)(void* userdata, int fd, const void* from, size_t size);
    ssize_t (*writev)(void* userdata, int fd, const struct iovec* from, int count);
    ssize_t (*send)(void* userdata, int fd, const void* from, size_t size, int flags);
    ssize_t (*sendto)(void* userdata, int fd, const void* from, size_t size, int flags,
                      const struct sockaddr* name, socklen_t name_size);
    ssize_t (*sendmsg)(void* userdata, int fd, const struct msghdr* message, int flags);
    int (*fcntl)(void* userdata, int fd, int command, ...);
    int (*ioctl)(void* userdata, int fd, unsigned long request, ...);
    int (*close)(void* userdata, int fd);
    int (*shutdown)(void* userdata, int fd, int how);
    int (*getsockopt)(void* userdata, int fd, int level, int name, void* value, socklen_t* size);
    int (*setsockopt)(void* userdata, int fd, int level, int name, const void* value,
                      socklen_t size);
    int (*poll)(void* userdata, struct pollfd* fds, nfds_t count, int timeout);
    // An IP packet goes into the stack.
    int (*netdev_send)(void* userdata, const void* packet, size_t bytes);
    // The next IP packet that leaves it, and when: the size of the buffer, then of the packet.
    int (*netdev_receive)(void* userdata, void* buffer, size_t* bytes, long long* time_usecs);
    int (*usleep)(void* userdata, useconds_t usecs);
    int (*gettimeofday)(void* userdata, struct timeval* time, struct timezone* zone);
    int (*epoll_create)(void* userdata, int size);
    int (*epoll_ctl)(void* userdata, int epfd, int operation, int fd, struct epoll_event* event);
    int (*epoll_wait)(void* userdata, int epfd, struct epoll_event* events, int most, int timeout);
    int (*pipe)(void* userdata, int fds[2]);
    ssize_t (*splice)(void* userdata, int in, loff_t* in_offset, int out, loff_t* out_offset,
                      size_t size, unsigned flags);
};

extern "C" void packetdrill_interface_init(const char* flags, packetdrill_interface* interface);
