// fairlead-bench-pair — the two ends of a measurement, as ordinary programs of the socket calls.
//
//   echo  ADDRESS PORT            answers each byte of the connections that come, one after the other
//   sink  ADDRESS PORT            reads each connection to its end, and answers that with a byte
//   knock ADDRESS PORT            whether somebody listens
//   trips ADDRESS PORT SECONDS    a byte there and back, blocking; prints p50 and p99 in us
//   stream ADDRESS PORT SECONDS   64 KiB a write; prints Gbit/s, and our CPU time in us for each MB
//
// It is run as it is on the kernel, and by `fairlead run` on a host.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::size_t kWrite = 65536;
constexpr std::size_t kMegabyte = 1'000'000;
std::array<char, kWrite> g_bytes{};

struct Arguments {
    sockaddr_in name{};
    double seconds = 0;
};

double seconds_now() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double cpu_seconds() {
    rusage use{};
    ::getrusage(RUSAGE_SELF, &use);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
}

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

int listen_at(const Arguments& arguments) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto* name = reinterpret_cast<const sockaddr*>(&arguments.name);
    if (::bind(fd, name, sizeof arguments.name) != 0 || ::listen(fd, 16) != 0) give_up("listen");
    std::puts("ready");
    std::fflush(stdout);
    return fd;
}

int accept_at(int listener) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) give_up("accept");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int connect_to(const Arguments& arguments) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const auto* name = reinterpret_cast<const sockaddr*>(&arguments.name);
    if (::connect(fd, name, sizeof arguments.name) != 0) give_up("connect");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void serve_echo(const Arguments& arguments) {
    const int listener = listen_at(arguments);
    for (;;) {
        const int fd = accept_at(listener);
        while (::recv(fd, g_bytes.data(), 1, 0) == 1 && ::send(fd, g_bytes.data(), 1, 0) == 1) {
        }
        ::close(fd);
    }
}

void serve_sink(const Arguments& arguments) {
    const int listener = listen_at(arguments);
    for (;;) {
        const int fd = accept_at(listener);
        while (::recv(fd, g_bytes.data(), g_bytes.size(), 0) > 0) {
        }
        (void)!::send(fd, g_bytes.data(), 1, 0);
        ::close(fd);
    }
}

void run_trips(const Arguments& arguments) {
    const int fd = connect_to(arguments);
    std::vector<double> trips;
    const double end = seconds_now() + arguments.seconds;
    for (double begin = seconds_now(); begin < end;) {
        if (::send(fd, g_bytes.data(), 1, 0) != 1) give_up("send");
        if (::recv(fd, g_bytes.data(), 1, 0) != 1) give_up("recv");
        const double now = seconds_now();
        trips.push_back((now - begin) * 1e6);
        begin = now;
    }
    std::sort(trips.begin(), trips.end());
    const auto at = [&](double share) {
        return trips[static_cast<std::size_t>(share * static_cast<double>(trips.size() - 1))];
    };
    std::printf("%.3f %.3f\n", at(0.5), at(0.99));
}

void run_stream(const Arguments& arguments) {
    const int fd = connect_to(arguments);
    std::uint64_t sent = 0;
    const double begin = seconds_now();
    const double cpu = cpu_seconds();
    while (seconds_now() < begin + arguments.seconds) {
        const ssize_t n = ::send(fd, g_bytes.data(), g_bytes.size(), 0);
        if (n <= 0) give_up("send");
        sent += static_cast<std::uint64_t>(n);
    }
    ::shutdown(fd, SHUT_WR);
    if (::recv(fd, g_bytes.data(), 1, 0) != 1) give_up("recv");
    const auto bytes = static_cast<double>(sent);
    const double used = (cpu_seconds() - cpu) * 1e6 / (bytes / double{kMegabyte});
    std::printf("%.4f %.2f %.0f\n", bytes * 8e-9 / (seconds_now() - begin), used, bytes);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    Arguments arguments;
    arguments.name.sin_family = AF_INET;
    arguments.name.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[3])));
    if (::inet_pton(AF_INET, argv[2], &arguments.name.sin_addr) != 1) return 2;
    if (argc > 4) arguments.seconds = std::atof(argv[4]);
    const std::string_view what = argv[1];
    if (what == "echo") serve_echo(arguments);
    if (what == "sink") serve_sink(arguments);
    if (what == "knock") ::close(connect_to(arguments));
    if (what == "trips") run_trips(arguments);
    if (what == "stream") run_stream(arguments);
    return 0;
}
