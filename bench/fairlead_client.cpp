#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "bench/crossing_peer.hpp"
#include "bench/fairlead_calls.hpp"
#include "bench/kernel_server.hpp"
#include "device/tap.hpp"
#include "device/xdp_socket.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::bench {

namespace {

constexpr std::uint32_t kFirstAddress = 0x0a09'0101u;  // 10.9.1.1 and on
constexpr IpAddress kOurs = IpAddress::v4(10, 9, 0, 1);
constexpr IpAddress kKernels = IpAddress::v4(10, 9, 0, 2);

// A device, and the networks at its two ends.
class Ground {
public:
    Ground() = default;
    Ground(const Ground&) = delete;
    Ground& operator=(const Ground&) = delete;
    virtual ~Ground() = default;
    virtual Device& device() = 0;
    virtual const NetworkNamespace& near() const = 0;
    virtual const NetworkNamespace& far() const = 0;
};

class TapGround final : public Ground {
public:
    TapGround() {
        const NetworkNamespace::Stay inside{home_};
        auto opened = device::Tap::open({.name = "cable", .clock = clock_now});
        if (!opened) throw std::runtime_error{opened.error().text};
        tap_ = std::move(*opened);
        run_in(home_, "ip address add 10.9.0.2/24 dev cable");
        run_in(home_, "ip route add local 10.9.1.0/24 dev cable");
    }
    Device& device() override { return *tap_; }
    const NetworkNamespace& near() const override { return home_; }
    const NetworkNamespace& far() const override { return home_; }

private:
    NetworkNamespace home_ = new_network();
    std::unique_ptr<device::Tap> tap_{};
};

// The kernel at the near end has our address too, and sees no frame for it.
class XdpGround final : public Ground {
public:
    XdpGround() {
        const NetworkNamespace::Stay inside{cable_.near};
        auto opened = device::XdpSocket::open({.interface = "near"});
        if (!opened) throw std::runtime_error{opened.error().text};
        socket_ = std::move(*opened);
    }
    Device& device() override { return *socket_; }
    const NetworkNamespace& near() const override { return cable_.near; }
    const NetworkNamespace& far() const override { return cable_.far; }

private:
    VethPair cable_{/*offloads=*/false};
    std::unique_ptr<device::XdpSocket> socket_{};
};

std::unique_ptr<Ground> make_ground(NearEnd end) {
    if (end == NearEnd::Tap) return std::make_unique<TapGround>();
    return std::make_unique<XdpGround>();
}

class FairleadClient final : public Client {
public:
    explicit FairleadClient(NearEnd end) : ground_{make_ground(end)}, stack_{stack_options(1)} {
        stack_.advance(clock_now());
        const auto interface = must(stack_.add_interface(ground_->device()), "add_interface");
        must(stack_.add_address(interface, {.address = kOurs, .length = 24}), "add_address");
        must(stack_.add_route(
                 {.destination = {.address = IpAddress::v4(kFirstAddress & ~0xffu), .length = 24},
                  .gateway = kKernels}),
             "add_route");
    }

    const NetworkNamespace& home() const override { return ground_->near(); }
    const NetworkNamespace& server_home() const override { return ground_->far(); }

    void connect(std::uint32_t address) override {
        socket_ = must(stack_.socket(Family::Inet, SocketType::Stream), "socket");
        must(stack_.set_option(socket_, Option::NoDelay, 1), "set_option");
        begin_connect(
            stack_, socket_,
            {.address = IpAddress::v4(kFirstAddress + address), .port = KernelServer::kPort});
        stack_.flush();
    }
    bool is_connected() override {
        return (must(stack_.readiness(socket_), "readiness") & kWritable) != 0;
    }
    std::size_t write(Bytes bytes) override {
        const std::size_t n = moved(stack_.send(socket_, bytes), "send");
        stack_.flush();
        return n;
    }
    std::size_t read(MutableBytes into) override {
        return moved(stack_.receive(socket_, into), "receive");
    }
    void close() override {
        must(stack_.close(socket_), "close");
        stack_.flush();
    }
    void step() override { stack_.poll(clock_now()); }

    std::uint64_t resets_sent() const override { return stack_.counters()[Counter::TcpOutRsts]; }

private:
    std::unique_ptr<Ground> ground_;
    Stack stack_;
    SocketId socket_{};
};

}  // namespace

std::unique_ptr<Client> fairlead_client(NearEnd end) {
    return std::make_unique<FairleadClient>(end);
}

}  // namespace fairlead::bench
