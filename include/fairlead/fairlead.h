/* fairlead/fairlead.h — the stack for C programs: Linux's socket calls, devices by callbacks.
 *
 * Errors:    every call that can fail returns -errno (-EAGAIN, -ECONNREFUSED, ...), as the kernel's
 *            own entry points do: nothing is kept aside, and several stacks do not meet. Numbers,
 *            flags, structures and lengths are those of Linux's headers.
 * Time:      the caller's, in nanoseconds from any beginning. It comes with fl_poll() and never goes
 *            back; fl_next_deadline() says when to poll next if no frame comes.
 * Blocking:  nothing blocks of itself. Without fl_set_wait() a call that would wait returns at once,
 *            as on a descriptor with O_NONBLOCK. With it, such a call asks the program to wait, and
 *            goes on: the program sleeps, or jumps to the deadline, and calls fl_poll().
 * Threads:   one at a time for each stack; several stacks know nothing of each other.
 * Descriptors: numbers of that stack, from 3; they mean nothing to the kernel.
 */
#ifndef FAIRLEAD_FAIRLEAD_H
#define FAIRLEAD_FAIRLEAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;
struct iovec;
struct msghdr;
struct pollfd;
struct sockaddr;

typedef struct fl_stack fl_stack;

#define FL_NEVER INT64_MAX

/* A device. Its functions are called from within fl_poll(), and must not call the stack. */
typedef struct fl_device {
    const char* name; /* of the interface; copied */
    uint32_t mtu;     /* bytes of IP packet */
    int has_ethernet; /* 0: frames begin with the IP header, as of a TUN */
    uint8_t mac[6];
    void* user; /* handed to the functions */
    /* A frame leaves. Not 0: there is no room now, and it is offered again. */
    int (*send)(void* user, const void* frame, size_t size);
    /* The next frame that has come is written to `into`; its size, or 0: there is none. */
    size_t (*receive)(void* user, void* into, size_t room);
} fl_device;

/* --- the stack --- */
/* `seed` is all the chance the stack ever has: 32 bytes that nobody can guess, or the same ones for
 * the same run again. NULL: no memory. */
fl_stack* fl_create(const uint8_t seed[32]);
/* Connections that are open end without a word. */
void fl_destroy(fl_stack* stack);
/* The index of the interface; "lo" has 1. */
int fl_add_device(fl_stack* stack, const fl_device* device);
int fl_add_address(fl_stack* stack, int interface, const char* prefix); /* "192.0.2.1/24" */
/* `gateway` NULL: on the link. `interface` 0: found by the gateway. */
int fl_add_route(fl_stack* stack, const char* prefix, const char* gateway, int interface);
/* A setting by its sysctl name, "net.ipv4.tcp_sack". */
int fl_set_config(fl_stack* stack, const char* name, const char* value);

/* --- time --- */
/* Takes frames, expires timers, sends what is ready. 1: there may be more to do at once. */
int fl_poll(fl_stack* stack, int64_t now_ns);
int64_t fl_now(const fl_stack* stack);
int64_t fl_next_deadline(const fl_stack* stack); /* FL_NEVER: only a frame can make it move */
/* How a call waits: sleep until a frame comes or `deadline_ns`, whichever is earlier, then call
 * fl_poll() and return 0. Not 0: the call is interrupted, and returns -EINTR. NULL: none waits. */
void fl_set_wait(fl_stack* stack, int (*wait)(void* user, fl_stack* stack, int64_t deadline_ns),
                 void* user);

/* --- sockets, as the calls of these names --- */
int fl_socket(fl_stack* stack, int domain, int type, int protocol);
int fl_bind(fl_stack* stack, int fd, const struct sockaddr* name, uint32_t size);
int fl_listen(fl_stack* stack, int fd, int backlog);
int fl_connect(fl_stack* stack, int fd, const struct sockaddr* name, uint32_t size);
int fl_accept(fl_stack* stack, int fd, struct sockaddr* name, uint32_t* size);
int fl_accept4(fl_stack* stack, int fd, struct sockaddr* name, uint32_t* size, int flags);
int fl_shutdown(fl_stack* stack, int fd, int how);
int fl_close(fl_stack* stack, int fd);
int fl_getsockname(fl_stack* stack, int fd, struct sockaddr* name, uint32_t* size);
int fl_getpeername(fl_stack* stack, int fd, struct sockaddr* name, uint32_t* size);
int fl_getsockopt(fl_stack* stack, int fd, int level, int name, void* value, uint32_t* size);
int fl_setsockopt(fl_stack* stack, int fd, int level, int name, const void* value, uint32_t size);

ptrdiff_t fl_read(fl_stack* stack, int fd, void* into, size_t size);
ptrdiff_t fl_readv(fl_stack* stack, int fd, const struct iovec* into, int count);
ptrdiff_t fl_recv(fl_stack* stack, int fd, void* into, size_t size, int flags);
ptrdiff_t fl_recvfrom(fl_stack* stack, int fd, void* into, size_t size, int flags,
                      struct sockaddr* name, uint32_t* name_size);
ptrdiff_t fl_recvmsg(fl_stack* stack, int fd, struct msghdr* message, int flags);
/* -EPIPE comes without a signal. */
ptrdiff_t fl_write(fl_stack* stack, int fd, const void* from, size_t size);
ptrdiff_t fl_writev(fl_stack* stack, int fd, const struct iovec* from, int count);
ptrdiff_t fl_send(fl_stack* stack, int fd, const void* from, size_t size, int flags);
ptrdiff_t fl_sendto(fl_stack* stack, int fd, const void* from, size_t size, int flags,
                    const struct sockaddr* name, uint32_t name_size);
ptrdiff_t fl_sendmsg(fl_stack* stack, int fd, const struct msghdr* message, int flags);

/* --- descriptors --- */
int fl_dup(fl_stack* stack, int fd);
int fl_dup2(fl_stack* stack, int fd, int to);
int fl_fcntl(fl_stack* stack, int fd, int command, intptr_t argument);
/* `argument`: the int that the request reads or writes. */
int fl_ioctl(fl_stack* stack, int fd, unsigned long request, int* argument);
int fl_pipe(fl_stack* stack, int fds[2], int flags);
ptrdiff_t fl_splice(fl_stack* stack, int in, int out, size_t size, unsigned flags);

/* --- waiting; timeouts in milliseconds, negative: for ever --- */
int fl_poll_fds(fl_stack* stack, struct pollfd* fds, size_t count, int timeout_ms);
int fl_epoll_create(fl_stack* stack, int flags);
int fl_epoll_ctl(fl_stack* stack, int epfd, int operation, int fd, struct epoll_event* event);
int fl_epoll_wait(fl_stack* stack, int epfd, struct epoll_event* events, int most, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif /* FAIRLEAD_FAIRLEAD_H */
