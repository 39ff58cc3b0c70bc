// UDP with the kernel: datagrams of all sizes both ways, and ports where nobody listens.
#include <algorithm>

#include "interop/beside_kernel.hpp"

namespace fairlead::testing_interop {
namespace {

class Datagrams : public BesideKernelInBothFamilies {
protected:
    Family family() const { return GetParam(); }
    std::vector<std::size_t> sizes() const {
        const bool is_v4 = family() == Family::Inet;
        const std::size_t whole = is_v4 ? 1472 : 1452;
        return {0, 1, 100, whole, whole + 1, 8192, 65507};
    }
    SocketId bound(std::uint16_t port) {
        const SocketId s = *stack().socket(family(), SocketType::Datagram);
        EXPECT_TRUE(stack().bind(s, {ours(family()), port}));
        return s;
    }
    std::vector<std::byte> buffer_ = std::vector<std::byte>(70'000);
};

TEST_P(Datagrams, OfTheKernelAreEchoedByTheStack) {
    const SocketId echo = bound(7);
    KernelSocket kernel{family(), SOCK_DGRAM};
    ASSERT_EQ(kernel.connect({ours(family()), 7}), 0);
    for (const std::size_t size : sizes()) {
        const auto sent = pattern(size, size);
        ASSERT_EQ(kernel.send(sent), static_cast<ssize_t>(size));
        ssize_t got = -1;
        ASSERT_TRUE(until([&] {
            if (const auto info = stack().receive_from(echo, buffer_)) {
                EXPECT_EQ(info->size, size);
                EXPECT_EQ(info->from, kernel.name());
                EXPECT_EQ(info->to, ours(family()));
                EXPECT_EQ(stack().send_to(echo, Bytes{buffer_}.first(size), {.to = info->from}),
                          size);
            }
            got = kernel.receive(buffer_);
            return got >= 0;
        })) << size;
        ASSERT_EQ(got, static_cast<ssize_t>(size));
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), buffer_.begin())) << size;
    }
    EXPECT_EQ(counted(Counter::UdpInErrors) + counted(Counter::Udp6InErrors), 0u);
}

TEST_P(Datagrams, OfTheStackAreEchoedByTheKernel) {
    KernelSocket echo{family(), SOCK_DGRAM};
    ASSERT_EQ(echo.bind({kernels(family()), 0}), 0);
    const Endpoint there = echo.name();
    const SocketId s = *stack().socket(family(), SocketType::Datagram);
    ASSERT_TRUE(stack().connect(s, there));
    std::vector<std::byte> back(70'000);
    for (const std::size_t size : sizes()) {
        const auto sent = pattern(size, size);
        ASSERT_EQ(stack().send(s, sent), size);
        std::optional<DatagramInfo> info;
        ASSERT_TRUE(until([&] {
            Endpoint from;
            const ssize_t n = echo.receive(buffer_, &from);
            if (n >= 0) {
                EXPECT_EQ(echo.send_to(Bytes{buffer_}.first(static_cast<std::size_t>(n)), from), n);
            }
            if (const auto got = stack().receive_from(s, back)) info = *got;
            return info.has_value();
        })) << size;
        EXPECT_EQ(info->size, size);
        EXPECT_EQ(info->from, there);
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), back.begin())) << size;
    }
}

TEST_P(Datagrams, ToAPortOfTheStackWhereNobodyListensAreRefused) {
    const Counter no_port = family() == Family::Inet ? Counter::UdpNoPorts : Counter::Udp6NoPorts;
    const std::uint64_t before = counted(no_port);
    KernelSocket kernel{family(), SOCK_DGRAM};
    ASSERT_EQ(kernel.connect({ours(family()), 9}), 0);
    ASSERT_EQ(kernel.send(pattern(100)), 100);
    EXPECT_TRUE(until([&] { return kernel.take_error() == ECONNREFUSED; }));
    EXPECT_EQ(counted(no_port), before + 1);
}

TEST_P(Datagrams, ToAPortOfTheKernelWhereNobodyListensAreRefused) {
    const SocketId s = *stack().socket(family(), SocketType::Datagram);
    ASSERT_TRUE(stack().connect(s, {kernels(family()), 9}));
    ASSERT_TRUE(stack().send(s, pattern(100)));
    EXPECT_TRUE(until([&] { return take_error(s) == ECONNREFUSED; }));
}

INSTANTIATE_TEST_SUITE_P(Over, Datagrams, testing::Values(Family::Inet, Family::Inet6),
                         name_of_family);

}  // namespace
}  // namespace fairlead::testing_interop
