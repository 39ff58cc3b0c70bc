// beside_kernel.hpp — a stack and this machine's kernel at the two ends of a link, in one thread.
//
// Owns:   BesideKernel (the fixture: a private network, the link, the stack, real time),
//         KernelSocket (a socket of the kernel that never blocks).
// Rules:  Every wait is bounded. What the kernel does it does within a call or within until().
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "device/fault_injector.hpp"
#include "device/file_descriptor.hpp"
#include "fairlead/stack.hpp"
#include "lab/child_process.hpp"
#include "lab/kernel_link.hpp"
#include "lab/loop.hpp"
#include "unit/device/kernel_listener.hpp"
#include "unit/device/private_network.hpp"

namespace fairlead::testing_interop {

using testing_network::SocketAddress;

// 0, or the errno: what a call of the kernel said.
inline int said(int returned) { return returned < 0 ? errno : 0; }

class KernelSocket {
public:
    KernelSocket() = default;
    KernelSocket(Family family, int type)
        : fd_{::socket(family == Family::Inet ? AF_INET : AF_INET6,
                       type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {}
    explicit KernelSocket(int fd) : fd_{fd} {}

    int fd() const { return fd_.get(); }
    bool is_open() const { return fd_.is_open(); }
    void close() { fd_.reset(); }
    int bind(const Endpoint& at) {
        const SocketAddress name{at};
        return said(::bind(fd(), name.get(), name.size));
    }
    int connect(const Endpoint& to) {
        const SocketAddress name{to};
        return said(::connect(fd(), name.get(), name.size));
    }
    // A listener on a port that the kernel picks.
    Endpoint listen_at(const IpAddress& address) {
        EXPECT_EQ(bind({address, 0}), 0);
        EXPECT_EQ(said(::listen(fd(), 16)), 0);
        return name();
    }
    Endpoint name() const {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        EXPECT_EQ(::getsockname(fd(), reinterpret_cast<sockaddr*>(&storage), &size), 0);
        return endpoint_of(storage);
    }
    KernelSocket accept() {
        return KernelSocket{::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    }
    bool is_ready(short events) const {
        pollfd p{.fd = fd(), .events = events, .revents = 0};
        return ::poll(&p, 1, 0) == 1;
    }
    // Bytes sent, or minus errno.
    ssize_t send(Bytes bytes) {
        const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return n < 0 ? -errno : n;
    }
    ssize_t send_to(Bytes bytes, const Endpoint& to) {
        const SocketAddress name{to};
        const ssize_t n = ::sendto(fd(), bytes.data(), bytes.size(), 0, name.get(), name.size);
        return n < 0 ? -errno : n;
    }
    // Bytes received, 0 at the end, or minus errno.
    ssize_t receive(MutableBytes into, Endpoint* from = nullptr) {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        const ssize_t n = ::recvfrom(fd(), into.data(), into.size(), 0,
                                     reinterpret_cast<sockaddr*>(&storage), &size);
        if (n >= 0 && from != nullptr) *from = endpoint_of(storage);
        return n < 0 ? -errno : n;
    }
    template <typename T>
    int set_option(int level, int name, const T& value) {
        return said(::setsockopt(fd(), level, name, &value, sizeof value));
    }
    // SO_ERROR: taken, and 0 next time.
    int take_error() {
        int error = 0;
        socklen_t size = sizeof error;
        EXPECT_EQ(::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
        return error;
    }
    tcp_info info() const {
        tcp_info info{};
        socklen_t size = sizeof info;
        EXPECT_EQ(::getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
        return info;
    }

private:
    static Endpoint endpoint_of(const sockaddr_storage& storage) {
        if (storage.ss_family == AF_INET) {
            const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
            return {IpAddress::v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
        }
        const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &in6.sin6_addr, 16);
        return {IpAddress::v6(bytes), ntohs(in6.sin6_port)};
    }

    device::FileDescriptor fd_{};
};

// Bytes that show where they belong.
inline std::vector<std::byte> pattern(std::size_t size, std::size_t salt = 0) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((i + salt) * 31 + (i + salt) / 251);
    }
    return bytes;
}

class BesideKernel : public testing_network::PrivateNetwork {
protected:
    void SetUp() override {
        PrivateNetwork::SetUp();
        if (!IsSkipped() && !HasFatalFailure()) start({});
    }
    // Again with another link or other settings; what was there before is gone.
    void start(const lab::KernelLinkOptions& options, const Config& config = {},
               const link::Faults& faults = {}) {
        stack_.reset();
        injector_.reset();
        link_ = {};
        // Nobody closes a veth pair but by hand.
        if (control().state("kernel0")) {
            ASSERT_TRUE(control().remove("kernel0"));
        }
        auto link = lab::link_to_kernel(options);
        ASSERT_TRUE(link) << link.error().text;
        link_ = std::move(*link);
        injector_ = std::make_unique<device::FaultInjector>(*link_.device, pool_, /*seed=*/1);
        StackOptions made{.config = config, .pool = &pool_};
        made.config.ip6_dad_transmits = 0;  // nobody else is on this link
        made.seed = lab::entropy();
        stack_ = std::make_unique<Stack>(made);
        stack_->advance(lab::real_now());
        interface_ = *stack_->add_interface(*injector_);
        ASSERT_TRUE(stack_->add_address(interface_, *Prefix::parse("10.77.0.2/24")));
        ASSERT_TRUE(stack_->add_address(interface_, *Prefix::parse("fd77::2/64")));
        for (const Family f : {Family::Inet, Family::Inet6}) meet(f);
        injector_->set_incoming(faults);
        injector_->set_outgoing(faults);
    }
    Stack& stack() { return *stack_; }
    const lab::KernelLink& link() const { return link_; }
    InterfaceIndex interface() const { return interface_; }
    static IpAddress ours(Family f) {
        return f == Family::Inet ? IpAddress::v4(10, 77, 0, 2) : *IpAddress::parse("fd77::2");
    }
    static IpAddress kernels(Family f) {
        return f == Family::Inet ? IpAddress::v4(10, 77, 0, 1) : *IpAddress::parse("fd77::1");
    }

    // Both ends go on until it is done; false: not within its time.
    template <typename Done>
    bool until(Done&& is_done, Duration patience = 10_s) {
        const Instant end = lab::real_now() + patience;
        for (;;) {
            const Instant now = lab::real_now();
            const PollResult polled = stack_->poll(now);
            if (is_done()) {
                stack_->flush();
                return true;
            }
            if (now >= end) return false;
            pollfd fd{.fd = link_.fd, .events = POLLIN, .revents = 0};
            if (!polled.is_busy) ::poll(&fd, 1, 1);
        }
    }
    // What the program printed; nothing if it failed or did not end.
    std::optional<std::string> run(const std::vector<std::string>& command,
                                   Duration patience = 20_s) {
        auto child = lab::ChildProcess::start(command);
        EXPECT_TRUE(child) << child.error().text;
        if (!child) return {};
        const bool is_over = until([&] { return child->has_ended(); }, patience);
        EXPECT_TRUE(is_over) << command.front() << " did not end";
        if (!is_over || !child->is_success()) return {};
        return child->output();
    }
    std::uint64_t counted(Counter counter) const { return stack_->counters()[counter]; }

    bool is_readable(SocketId s) { return (*stack_->readiness(s) & kReadable) != 0; }
    bool is_writable(SocketId s) { return (*stack_->readiness(s) & kWritable) != 0; }
    // The pending error, as SO_ERROR gives it.
    int take_error(SocketId s) { return static_cast<int>(*stack_->option(s, Option::Error)); }

    struct Connected {
        SocketId ours{};
        KernelSocket theirs{};
    };
    // The stack opens; the kernel's socket options are set before.
    Connected connect_out(Family f, const std::function<void(KernelSocket&)>& prepare = {}) {
        KernelSocket listener{f, SOCK_STREAM};
        if (prepare) prepare(listener);
        const Endpoint there = listener.listen_at(kernels(f));
        Connected made{.ours = *stack_->socket(f, SocketType::Stream)};
        EXPECT_EQ(stack_->connect(made.ours, there).error(), Errc::InProgress);
        EXPECT_TRUE(until([&] {
            if (!made.theirs.is_open()) made.theirs = listener.accept();
            return made.theirs.is_open() && is_writable(made.ours);
        }));
        EXPECT_EQ(take_error(made.ours), 0);
        return made;
    }
    // The kernel opens.
    Connected connect_in(Family f, const std::function<void(KernelSocket&)>& prepare = {}) {
        const SocketId listener = *stack_->socket(f, SocketType::Stream);
        EXPECT_TRUE(stack_->set_option(listener, Option::ReuseAddress, 1));
        EXPECT_TRUE(stack_->bind(listener, {ours(f), 80}));
        EXPECT_TRUE(stack_->listen(listener, 16));
        Connected made{.theirs = KernelSocket{f, SOCK_STREAM}};
        if (prepare) prepare(made.theirs);
        EXPECT_EQ(made.theirs.connect({ours(f), 80}), EINPROGRESS);
        EXPECT_TRUE(until([&] {
            if (const auto accepted = stack_->accept(listener)) made.ours = *accepted;
            return made.ours && made.theirs.is_ready(POLLOUT);
        }));
        EXPECT_EQ(made.theirs.take_error(), 0);
        EXPECT_TRUE(stack_->close(listener));
        return made;
    }
    // All of `bytes` from one end to the other, at the other's pace; true: they came as they are.
    bool flows_out(Connected& c, const std::vector<std::byte>& bytes, Duration patience = 20_s) {
        std::vector<std::byte> got;
        std::vector<std::byte> piece(1 << 16);
        std::size_t sent = 0;
        const bool is_done = until(
            [&] {
                while (sent < bytes.size()) {
                    const auto n = stack_->send(c.ours, Bytes{bytes}.subspan(sent));
                    if (!n) break;
                    sent += *n;
                }
                for (ssize_t n = 0; (n = c.theirs.receive(piece)) > 0;) {
                    got.insert(got.end(), piece.begin(), piece.begin() + n);
                }
                return got.size() >= bytes.size();
            },
            patience);
        return is_done && got == bytes;
    }
    bool flows_in(Connected& c, const std::vector<std::byte>& bytes, Duration patience = 20_s) {
        std::vector<std::byte> got;
        std::vector<std::byte> piece(1 << 16);
        std::size_t sent = 0;
        const bool is_done = until(
            [&] {
                while (sent < bytes.size()) {
                    const ssize_t n = c.theirs.send(Bytes{bytes}.subspan(sent));
                    if (n <= 0) break;
                    sent += static_cast<std::size_t>(n);
                }
                while (const auto n = stack_->receive(c.ours, piece)) {
                    if (*n == 0) return true;
                    got.insert(got.end(), piece.begin(),
                               piece.begin() + static_cast<std::ptrdiff_t>(*n));
                }
                return got.size() >= bytes.size();
            },
            patience);
        return is_done && got == bytes;
    }

private:
    // A new link of the kernel may lose its first packets for a second, which would be measured as
    // a round trip: the two have spoken before a test begins.
    void meet(Family f) {
        KernelSocket kernel{f, SOCK_DGRAM};
        ASSERT_EQ(kernel.connect({ours(f), 9}), 0);
        ASSERT_EQ(kernel.send(pattern(1)), 1);
        ASSERT_TRUE(until([&] { return kernel.take_error() == ECONNREFUSED; }));
    }

    PacketPool pool_{};
    lab::KernelLink link_{};
    std::unique_ptr<device::FaultInjector> injector_{};
    std::unique_ptr<Stack> stack_{};
    InterfaceIndex interface_ = 0;
};

// The same test for each family.
class BesideKernelInBothFamilies : public BesideKernel,
                                   public testing::WithParamInterface<Family> {};

inline std::string name_of_family(const testing::TestParamInfo<Family>& row) {
    return row.param == Family::Inet ? "v4" : "v6";
}

}  // namespace fairlead::testing_interop
