// kernel_listener.hpp — the kernel's TCP at the far end of a device under test.
#pragma once

#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "device/file_descriptor.hpp"
#include "fairlead/address.hpp"

namespace fairlead::testing_network {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    explicit SocketAddress(const Endpoint& e) {
        if (e.address.is_v4()) {
            auto* in = reinterpret_cast<sockaddr_in*>(&storage);
            in->sin_family = AF_INET;
            in->sin_port = htons(e.port);
            in->sin_addr.s_addr = htonl(e.address.v4_value());
            size = sizeof *in;
        } else {
            auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
            in6->sin6_family = AF_INET6;
            in6->sin6_port = htons(e.port);
            std::memcpy(&in6->sin6_addr, e.address.bytes().data(), 16);
            size = sizeof *in6;
        }
    }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

class KernelListener {
public:
    explicit KernelListener(const Endpoint& at)
        : listener_{::socket(at.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM, 0)} {
        const SocketAddress address{at};
        EXPECT_EQ(::bind(listener_.get(), address.get(), address.size), 0) << strerror(errno);
        EXPECT_EQ(::listen(listener_.get(), 5), 0);
    }
    void accept() {
        ASSERT_TRUE(is_ready(listener_.get())) << "no connection came";
        connection_ = device::FileDescriptor{::accept(listener_.get(), nullptr, nullptr)};
        ASSERT_TRUE(connection_.is_open());
    }
    void write(std::size_t bytes) {
        std::vector<char> data(bytes);
        for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<char>(i * 31 + i / 251);
        ASSERT_EQ(::send(connection_.get(), data.data(), bytes, MSG_DONTWAIT),
                  static_cast<ssize_t>(bytes));
    }
    std::vector<std::byte> read(std::size_t bytes) {
        std::vector<std::byte> data(bytes);
        std::size_t at = 0;
        while (at < bytes && is_ready(connection_.get())) {
            const ssize_t n = ::recv(connection_.get(), data.data() + at, bytes - at, 0);
            if (n <= 0) break;
            at += static_cast<std::size_t>(n);
        }
        data.resize(at);
        return data;
    }

private:
    static bool is_ready(int fd) {
        pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
        return ::poll(&p, 1, 2000) == 1;
    }
    device::FileDescriptor listener_;
    device::FileDescriptor connection_;
};

}  // namespace fairlead::testing_network
