/* A C program on the stack: two stacks and a cable of callbacks between them, in virtual time. */
#include "fairlead/fairlead.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

enum { ROOM = 64, FRAME = 2048 };

/* One direction of the cable. */
struct way {
    unsigned char frames[ROOM][FRAME];
    size_t sizes[ROOM];
    size_t first, count;
};

struct end {
    struct way *out, *in;
};

static int send_frame(void* user, const void* frame, size_t size) {
    struct way* way = ((struct end*)user)->out;
    if (way->count == ROOM || size > FRAME) return -1;
    const size_t at = (way->first + way->count++) % ROOM;
    memcpy(way->frames[at], frame, size);
    way->sizes[at] = size;
    return 0;
}

static size_t receive_frame(void* user, void* into, size_t room) {
    struct way* way = ((struct end*)user)->in;
    if (way->count == 0) return 0;
    const size_t size = way->sizes[way->first];
    CHECK(size <= room);
    memcpy(into, way->frames[way->first], size);
    way->first = (way->first + 1) % ROOM;
    --way->count;
    return size;
}

static fl_stack* peer_of[2];
static int64_t now_ns = 1000000000;
static int waits;

/* How a call waits: both stacks go on, and the time jumps to whatever comes next. */
static int wait_for(void* user, fl_stack* stack, int64_t deadline_ns) {
    (void)user;
    (void)stack;
    ++waits;
    const int is_busy = fl_poll(peer_of[0], now_ns) | fl_poll(peer_of[1], now_ns);
    if (is_busy) return 0;
    int64_t next = deadline_ns;
    for (int i = 0; i < 2; ++i) {
        if (fl_next_deadline(peer_of[i]) < next) next = fl_next_deadline(peer_of[i]);
    }
    if (next == FL_NEVER) return 1; /* nothing will ever happen */
    if (next > now_ns) now_ns = next;
    fl_poll(peer_of[0], now_ns);
    fl_poll(peer_of[1], now_ns);
    return 0;
}

static struct sockaddr_in name_of(const char* address, unsigned short port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

static fl_stack* make_stack(unsigned char number, struct end* end, const char* address) {
    unsigned char seed[32] = {number};
    fl_stack* stack = fl_create(seed);
    CHECK(stack != NULL);
    const fl_device device = {
        .name = "c0", .mtu = 1500, .user = end, .send = send_frame, .receive = receive_frame};
    const int interface = fl_add_device(stack, &device);
    CHECK(interface == 2);
    CHECK(fl_add_device(stack, &device) == -EEXIST);
    CHECK(fl_add_address(stack, interface, address) == 0);
    CHECK(fl_add_address(stack, interface, "nonsense") == -EINVAL);
    return stack;
}

int main(void) {
    static struct way ways[2];
    struct end ends[2] = {{&ways[0], &ways[1]}, {&ways[1], &ways[0]}};
    fl_stack* a = peer_of[0] = make_stack(1, &ends[0], "192.0.2.1/24");
    fl_stack* b = peer_of[1] = make_stack(2, &ends[1], "192.0.2.2/24");
    const struct sockaddr_in at = name_of("192.0.2.2", 7);
    const struct sockaddr* to = (const struct sockaddr*)&at;

    /* Without a way to wait nothing waits. */
    const int server = fl_socket(b, AF_INET, SOCK_STREAM, 0);
    CHECK(server == 3);
    CHECK(fl_bind(b, server, to, sizeof at) == 0);
    CHECK(fl_listen(b, server, 8) == 0);
    CHECK(fl_accept(b, server, NULL, NULL) == -EAGAIN);
    const int lonely = fl_socket(a, AF_INET, SOCK_STREAM, 0);
    CHECK(fl_connect(a, lonely, to, sizeof at) == -EINPROGRESS);
    CHECK(fl_close(a, lonely) == 0);
    CHECK(fl_close(a, lonely) == -EBADF);

    fl_set_wait(a, wait_for, NULL);
    fl_set_wait(b, wait_for, NULL);
    const int client = fl_socket(a, AF_INET, SOCK_STREAM, 0);
    CHECK(fl_connect(a, client, to, sizeof at) == 0);
    CHECK(waits > 0);
    struct sockaddr_in peer;
    uint32_t size = sizeof peer;
    const int served = fl_accept4(b, server, (struct sockaddr*)&peer, &size, SOCK_CLOEXEC);
    CHECK(served > server && size == sizeof peer);
    CHECK(peer.sin_addr.s_addr == name_of("192.0.2.1", 0).sin_addr.s_addr);
    CHECK(fl_getpeername(a, client, (struct sockaddr*)&peer, &size) == 0);
    CHECK(memcmp(&peer, &at, sizeof at) == 0);

    char words[] = "to be or ", more[] = "not to be", buffer[64];
    const struct iovec pieces[2] = {{words, 9}, {more, 9}};
    CHECK(fl_writev(a, client, pieces, 2) == 18);
    CHECK(fl_recv(b, served, buffer, 18, MSG_WAITALL) == 18);
    CHECK(memcmp(buffer, "to be or not to be", 18) == 0);

    const int epfd = fl_epoll_create(b, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 42};
    CHECK(fl_epoll_ctl(b, epfd, EPOLL_CTL_ADD, served, &event) == 0);
    CHECK(fl_epoll_wait(b, epfd, &event, 1, 10) == 0);
    CHECK(fl_write(a, client, "!", 1) == 1);
    CHECK(fl_epoll_wait(b, epfd, &event, 1, -1) == 1);
    CHECK(event.data.u64 == 42 && event.events == EPOLLIN);
    int unread = 0;
    CHECK(fl_ioctl(b, served, FIONREAD, &unread) == 0 && unread == 1);

    CHECK(fl_shutdown(a, client, SHUT_WR) == 0);
    struct pollfd entry = {.fd = served, .events = POLLIN};
    CHECK(fl_poll_fds(b, &entry, 1, -1) == 1 && (entry.revents & POLLIN) != 0);
    CHECK(fl_read(b, served, buffer, sizeof buffer) == 1);
    CHECK(fl_read(b, served, buffer, sizeof buffer) == 0);
    CHECK(fl_send(a, client, "x", 1, MSG_NOSIGNAL) == -EPIPE);

    /* Datagrams, with their names. */
    const int from = fl_socket(a, AF_INET, SOCK_DGRAM, 0);
    const int into = fl_socket(b, AF_INET, SOCK_DGRAM, 0);
    CHECK(fl_bind(b, into, to, sizeof at) == 0);
    CHECK(fl_sendto(a, from, "ping", 4, 0, to, sizeof at) == 4);
    struct iovec one = {buffer, 2};
    struct msghdr message = {
        .msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &one, .msg_iovlen = 1};
    CHECK(fl_recvmsg(b, into, &message, 0) == 2);
    CHECK(message.msg_flags == MSG_TRUNC && message.msg_namelen == sizeof peer);

    int value = 0;
    size = sizeof value;
    CHECK(fl_getsockopt(a, client, SOL_SOCKET, SO_TYPE, &value, &size) == 0);
    CHECK(value == SOCK_STREAM && size == sizeof value);
    CHECK(fl_setsockopt(a, client, SOL_SOCKET, 9999, &value, size) == -ENOPROTOOPT);
    CHECK(fl_set_config(a, "net.ipv4.tcp_sack", "0") == 0);
    CHECK(fl_set_config(a, "net.ipv4.no_such", "0") < 0);

    fl_destroy(a);
    fl_destroy(b);
    puts("done");
    return 0;
}
