#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench/crossing_peer.hpp"
#include "bench/kernel_counters.hpp"
#include "bench/kernel_server.hpp"
#include "device/file_descriptor.hpp"

namespace fairlead::bench {

namespace {

constexpr std::uint32_t kFirstAddress = 0x0a09'0101u;  // 10.9.1.1 and on

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error{fmt::format("the kernel's client, {}: {}", what, strerror(errno))};
}

class KernelClient final : public Client {
public:
    explicit KernelClient(bool offloads) : cable_{offloads} {
        set_in(cable_.near, "ipv4/tcp_max_tw_buckets", "1000000");
    }

    const NetworkNamespace& home() const override { return cable_.near; }
    const NetworkNamespace& server_home() const override { return cable_.far; }

    // The kernel answers itself within the call: there is nothing to wait for.
    void connect(std::uint32_t address) override {
        socket_ = device::FileDescriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(KernelServer::kPort);
        to.sin_addr.s_addr = htonl(kFirstAddress + address);
        if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            fail("connect");
        }
        const int on = 1;
        setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    bool is_connected() override { return socket_.is_open(); }

    std::size_t write(Bytes bytes) override {
        return moved(send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
                     "send");
    }
    std::size_t read(MutableBytes into) override {
        return moved(recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT), "recv");
    }
    void close() override { socket_.reset(); }
    void step() override {}

    std::uint64_t resets_sent() const override { return tcp_counter("OutRsts"); }

private:
    static std::size_t moved(ssize_t n, const char* call) {
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EAGAIN) fail(call);
        return 0;
    }

    VethPair cable_;
    device::FileDescriptor socket_{};
};

}  // namespace

std::unique_ptr<Client> kernel_client(bool offloads) {
    return std::make_unique<KernelClient>(offloads);
}

}  // namespace fairlead::bench
