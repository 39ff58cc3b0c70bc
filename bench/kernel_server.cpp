#include "bench/kernel_server.hpp"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace fairlead::bench {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::runtime_error{fmt::format("the kernel's server, {}: {}", what, strerror(errno))};
}

}  // namespace

KernelServer::KernelServer(const NetworkNamespace& home) {
    const NetworkNamespace::Stay inside{home};
    listener_ =
        device::FileDescriptor{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(kPort);
    if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        listen(listener_.get(), 1024) != 0) {
        fail("listen");
    }
}

void KernelServer::step() {
    if (connection_.is_open()) return serve();
    const int accepted = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
        if (errno != EAGAIN) fail("accept");
        return;
    }
    connection_ = device::FileDescriptor{accepted};
    const int on = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    serve();
}

void KernelServer::serve() {
    const Work work = work_.load(std::memory_order_relaxed);
    if (work == Work::Source) write_back(buffer_.size());
    const ssize_t n = recv(connection_.get(), buffer_.data(), buffer_.size(), 0);
    if (n < 0) {
        if (errno != EAGAIN) fail("recv");
        return;
    }
    if (n == 0) {
        connection_.reset();
        closed_.fetch_add(1, std::memory_order_release);
        return;
    }
    if (work == Work::Echo) write_back(static_cast<std::size_t>(n));
    received_.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_release);
}

void KernelServer::write_back(std::size_t bytes) {
    if (send(connection_.get(), buffer_.data(), bytes, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        fail("send");
    }
}

}  // namespace fairlead::bench
