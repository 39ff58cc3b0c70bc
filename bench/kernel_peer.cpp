#include "bench/kernel_peer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/cable.hpp"
#include "bench/kernel_counters.hpp"
#include "bench/machine.hpp"
#include "device/file_descriptor.hpp"

namespace fairlead::bench {

namespace {

using device::FileDescriptor;

constexpr std::uint16_t kPort = 5001;
constexpr std::uint32_t kAddresses = 64;  // of the server; each has all the client's ports
constexpr int kPatienceMs = 1000;

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error{fmt::format("{}: {}", what, std::strerror(errno))};
}

struct Connection {
    FileDescriptor client{};
    FileDescriptor server{};
};

// Where the two ends live and how the server is addressed.
struct Place {
    virtual ~Place() = default;
    virtual const NetworkNamespace& client() const = 0;
    virtual const NetworkNamespace& server() const = 0;
    virtual std::uint32_t server_address(std::uint32_t which) const = 0;
};

struct LoopbackPlace final : Place {
    const NetworkNamespace& client() const override { return home; }
    const NetworkNamespace& server() const override { return home; }
    std::uint32_t server_address(std::uint32_t which) const override {
        return 0x7f00'0101u + which;  // 127.0.1.1 and on
    }
    NetworkNamespace home = new_network();
};

struct VethPlace final : Place {
    const NetworkNamespace& client() const override { return cable.near; }
    const NetworkNamespace& server() const override { return cable.far; }
    std::uint32_t server_address(std::uint32_t which) const override {
        return 0x0a09'0101u + which;  // 10.9.1.1 and on
    }
    VethPair cable{false};
};

void set_no_delay(int socket) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void wait_for(int socket, short events) {
    pollfd one{.fd = socket, .events = events, .revents = 0};
    if (poll(&one, 1, kPatienceMs) != 1) throw std::runtime_error{"the kernel kept us waiting"};
}

void send_byte(int socket) {
    const char byte = 'x';
    if (send(socket, &byte, 1, MSG_NOSIGNAL) != 1) fail("send");
}

void receive_byte(int socket) {
    char byte = 0;
    for (;;) {
        const ssize_t n = recv(socket, &byte, 1, MSG_DONTWAIT);
        if (n == 1) return;
        if (n == 0 || errno != EAGAIN) fail("recv");
        wait_for(socket, POLLIN);
    }
}

class KernelPeer final : public Peer {
public:
    explicit KernelPeer(std::unique_ptr<Place> place) : place_{std::move(place)} {
        // What a busy server sets, and without which TIME-WAIT would be cut short under us.
        set_in(place_->client(), "ipv4/tcp_max_tw_buckets", "1000000");
        const NetworkNamespace::Stay inside{place_->server()};
        listener_ = FileDescriptor{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        const sockaddr_in any = name_of(INADDR_ANY);
        if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
            listen(listener_.get(), 1024) != 0) {
            fail("listen");
        }
    }

    double bulk(std::uint64_t bytes, std::size_t write_size) override {
        use_stream();
        std::vector<char> from(write_size, 'x');
        std::vector<char> into(write_size);
        const Stopwatch watch;
        for (std::uint64_t received = 0; received < bytes;) {
            const ssize_t sent =
                send(stream_.client.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) fail("send");
            bool moved = sent > 0;
            for (;;) {
                const ssize_t n =
                    recv(stream_.server.get(), into.data(), into.size(), MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN) fail("recv");
                if (n <= 0) break;
                moved = true;
                received += static_cast<std::uint64_t>(n);
                if (static_cast<std::size_t>(n) < into.size()) break;
            }
            if (!moved) wait_for(stream_.server.get(), POLLIN);
        }
        return watch.seconds();
    }

    double ping_pong(std::uint64_t count) override {
        use_stream();
        const Stopwatch watch;
        for (std::uint64_t i = 0; i < count; ++i) trip(stream_);
        return watch.seconds();
    }

    double connect_close(std::uint64_t count, std::size_t at_once) override {
        const NetworkNamespace::Stay inside{place_->client()};
        const std::uint64_t resets = tcp_counter("OutRsts");
        std::vector<Connection> open(at_once);
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += at_once) {
            for (Connection& c : open) c = connect_one();
            for (const Connection& c : open) send_byte(c.client.get());
            for (const Connection& c : open) receive_byte(c.server.get());
            for (Connection& c : open) c.client = FileDescriptor{};
            for (Connection& c : open) {
                expect_end(c.server.get());
                c.server = FileDescriptor{};
            }
        }
        const double seconds = watch.seconds();
        if (tcp_counter("OutRsts") != resets) throw std::runtime_error{"a RST was sent"};
        return seconds;
    }

    void open_idle(std::size_t count) override {
        const NetworkNamespace::Stay inside{place_->client()};
        idle_.reserve(idle_.size() + count);
        for (std::size_t i = 0; i < count; ++i) {
            idle_.push_back(connect_one());
            set_no_delay(idle_.back().client.get());
            set_no_delay(idle_.back().server.get());
        }
    }

    std::uint64_t memory() override { return socket_slab_bytes(); }

    double ping_random(std::uint64_t count, std::size_t in_flight) override {
        RandomOrder order{idle_.size()};
        const Stopwatch watch;
        for (std::uint64_t done = 0; done < count; done += in_flight) {
            const std::span<const std::uint32_t> chosen = order.next(in_flight);
            for (const std::uint32_t i : chosen) send_byte(idle_[i].client.get());
            for (const std::uint32_t i : chosen) {
                receive_byte(idle_[i].server.get());
                send_byte(idle_[i].server.get());
            }
            for (const std::uint32_t i : chosen) receive_byte(idle_[i].client.get());
        }
        return watch.seconds();
    }

private:
    static sockaddr_in name_of(std::uint32_t address) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(kPort);
        name.sin_addr.s_addr = htonl(address);
        return name;
    }

    Connection connect_one() {
        Connection c{.client = FileDescriptor{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}};
        if (!c.client.is_open()) fail("socket");
        const sockaddr_in to = name_of(place_->server_address(next_address_++ % kAddresses));
        if (connect(c.client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            fail("connect");
        }
        int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (accepted < 0 && errno == EAGAIN) {
            wait_for(listener_.get(), POLLIN);
            accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        }
        if (accepted < 0) fail("accept");
        c.server = FileDescriptor{accepted};
        return c;
    }

    static void expect_end(int socket) {
        char byte = 0;
        ssize_t n = recv(socket, &byte, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            wait_for(socket, POLLIN);
            n = recv(socket, &byte, 1, MSG_DONTWAIT);
        }
        if (n != 0) fail("end of stream");
    }

    static void trip(Connection& c) {
        send_byte(c.client.get());
        receive_byte(c.server.get());
        send_byte(c.server.get());
        receive_byte(c.client.get());
    }

    void use_stream() {
        if (stream_.client.get() >= 0) return;
        const NetworkNamespace::Stay inside{place_->client()};
        stream_ = connect_one();
        set_no_delay(stream_.client.get());
        set_no_delay(stream_.server.get());
    }

    std::unique_ptr<Place> place_;
    FileDescriptor listener_{};
    std::uint32_t next_address_ = 0;
    Connection stream_{};
    std::vector<Connection> idle_{};
};

}  // namespace

PeerKind kernel_over_loopback() {
    return {.name = "kernel, loopback",
            .make = [] { return std::make_unique<KernelPeer>(std::make_unique<LoopbackPlace>()); }};
}

PeerKind kernel_over_veth() {
    return {.name = "kernel, veth",
            .make = [] { return std::make_unique<KernelPeer>(std::make_unique<VethPlace>()); }};
}

}  // namespace fairlead::bench
