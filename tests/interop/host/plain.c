/* A program that is linked statically: no library can take its calls over.
 *
 *   plain serve ADDRESS PORT CONNECTIONS   echoes what each sends, by poll(), until all have ended
 *   plain ask ADDRESS PORT BYTES           sends so many, ends its side, and compares what comes back
 *   plain refused ADDRESS PORT             connects to where nobody listens
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[100000];

static void check(int ok, const char* what) {
    if (ok) return;
    printf("%s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in name_of(char** arguments) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)atoi(arguments[1]))};
    inet_pton(AF_INET, arguments[0], &name.sin_addr);
    return name;
}

static void echo(int fd) {
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t sent = send(fd, buffer + done, (size_t)(got - done), MSG_NOSIGNAL);
            check(sent > 0, "send");
            done += sent;
        }
    }
    check(got == 0, "read");
    close(fd);
}

/* Every second connection is another process's. */
static void serve(char** arguments) {
    struct sockaddr_in name = name_of(arguments), peer, own;
    socklen_t size = sizeof peer;
    int on = 1, type = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    check(listener >= 0, "socket");
    check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "setsockopt");
    check(bind(listener, (struct sockaddr*)&name, sizeof name) == 0, "bind");
    check(listen(listener, 50) == 0, "listen");
    check(accept(listener, NULL, NULL) < 0 && errno == EAGAIN, "accept of none");
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < atoi(arguments[2]); ++i) {
        struct pollfd entry = {.fd = listener, .events = POLLIN};
        check(poll(&entry, 1, 20000) == 1, "poll");
        size = sizeof peer;
        int fd = accept4(listener, (struct sockaddr*)&peer, &size, SOCK_CLOEXEC);
        check(fd >= 0 && size == sizeof peer && peer.sin_family == AF_INET, "accept4");
        size = sizeof own;
        check(getsockname(fd, (struct sockaddr*)&own, &size) == 0, "getsockname");
        check(own.sin_port == name.sin_port, "its port");
        size = sizeof type;
        check(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM,
              "its type");
        if (i % 2 == 0 || fork() == 0) {
            echo(fd);
            if (i % 2 != 0) _exit(0);
        } else {
            close(fd);
        }
    }
    while (wait(NULL) > 0) {
    }
    printf("served\n");
}

static void ask(char** arguments) {
    struct sockaddr_in name = name_of(arguments);
    long total = atol(arguments[2]), sent = 0, got = 0, wrong = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(fd >= 0, "socket");
    check(connect(fd, (struct sockaddr*)&name, sizeof name) == 0, "connect");
    check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    while (got < total) {
        struct pollfd entry = {.fd = fd, .events = (short)(POLLIN | (sent < total ? POLLOUT : 0))};
        check(poll(&entry, 1, 20000) == 1, "poll");
        if (sent < total && (entry.revents & POLLOUT) != 0) {
            long size = total - sent < (long)sizeof buffer ? total - sent : (long)sizeof buffer;
            for (long i = 0; i < size; ++i) buffer[i] = (char)((sent + i) * 7 % 251);
            ssize_t done = write(fd, buffer, (size_t)size);
            check(done > 0 || errno == EAGAIN, "write");
            if (done > 0) sent += done;
            if (sent == total) check(shutdown(fd, SHUT_WR) == 0, "shutdown");
        }
        if ((entry.revents & POLLIN) != 0) {
            ssize_t size = read(fd, buffer, sizeof buffer);
            check(size > 0 || errno == EAGAIN, "read");
            for (ssize_t i = 0; i < size; ++i) wrong += buffer[i] != (char)((got + i) * 7 % 251);
            if (size > 0) got += size;
        }
    }
    check(fcntl(fd, F_SETFL, 0) == 0, "fcntl");
    printf("%ld of %ld, %ld wrong, then %zd\n", got, total, wrong, read(fd, buffer, 1));
}

static void refused(char** arguments) {
    struct sockaddr_in name = name_of(arguments);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(fd, (struct sockaddr*)&name, sizeof name) < 0, "connect");
    printf("%s\n", strerror(errno));
}

int main(int count, char** arguments) {
    if (count == 5 && strcmp(arguments[1], "serve") == 0) serve(arguments + 2);
    if (count == 5 && strcmp(arguments[1], "ask") == 0) ask(arguments + 2);
    if (count == 4 && strcmp(arguments[1], "refused") == 0) refused(arguments + 2);
    return 0;
}
