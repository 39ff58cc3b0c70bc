// Control messages, held against the system's own macros.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "unit/posix/process.hpp"

namespace fairlead::posix {
namespace {

class Messages : public Process {
protected:
    using Kind = std::pair<int, int>;
    void turn_on(int fd, int level, int name) {
        const int on = 1;
        EXPECT_TRUE(client.setsockopt(fd, level, name, std::as_bytes(std::span{&on, 1})));
    }
    int server(Family family) {
        const int domain = family == Family::Inet ? abi::kInet : abi::kInet6;
        const int fd = *client.socket(domain, abi::kDatagram, 0);
        EXPECT_TRUE(client.bind(fd, name_at(53, family).bytes()));
        return fd;
    }
    // What came, as the macros of the system read it.
    std::vector<std::pair<std::pair<int, int>, std::vector<unsigned char>>> controls_of(int fd) {
        std::array<std::byte, 512> control{};
        run();
        Call call =
            client.receive(fd, {.into = MutableBytes{buffer}, .control = MutableBytes{control}}, 0);
        EXPECT_TRUE(call.is_done() && call.value());
        msghdr message{};
        message.msg_control = control.data();
        message.msg_controllen = call.answer().control_bytes;
        std::vector<std::pair<std::pair<int, int>, std::vector<unsigned char>>> out;
        for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
            const auto* data = CMSG_DATA(c);
            out.push_back(
                {{c->cmsg_level, c->cmsg_type}, {data, data + (c->cmsg_len - CMSG_LEN(0))}});
        }
        return out;
    }
    template <typename T>
    static T as(const std::vector<unsigned char>& bytes) {
        T value{};
        EXPECT_EQ(bytes.size(), sizeof value);
        std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
        return value;
    }
    template <typename T>
    static std::vector<std::byte> control(int level, int type, const T& value) {
        std::vector<std::byte> out(CMSG_SPACE(sizeof value));
        cmsghdr header{};
        header.cmsg_len = CMSG_LEN(sizeof value);
        header.cmsg_level = level;
        header.cmsg_type = type;
        std::memcpy(out.data(), &header, sizeof header);
        std::memcpy(out.data() + CMSG_LEN(0), &value, sizeof value);
        return out;
    }
    Call send_with(int fd, Family family, const std::vector<std::byte>& controls) {
        const SocketName to = name_at(53, family);
        return client.send(
            fd, {.from = bytes_of("x"), .name = to.bytes(), .control = Bytes{controls}}, 0);
    }
};

TEST_F(Messages, Ipv4TellsAddressTtlAndTos) {
    const int fd = server(Family::Inet);
    for (const int name : {IP_PKTINFO, IP_RECVTTL, IP_RECVTOS}) turn_on(fd, IPPROTO_IP, name);
    const int from = datagrams();
    std::vector<std::byte> both = control(IPPROTO_IP, IP_TTL, 7);
    const auto tos = control(IPPROTO_IP, IP_TOS, 0x28);
    both.insert(both.end(), tos.begin(), tos.end());
    EXPECT_EQ(send_with(from, Family::Inet, both).value(), 1);
    const auto got = controls_of(fd);
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0].first, Kind(IPPROTO_IP, IP_PKTINFO));
    const auto info = as<in_pktinfo>(got[0].second);
    EXPECT_EQ(info.ipi_ifindex, 1);
    EXPECT_EQ(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(info.ipi_spec_dst.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(got[1].first, Kind(IPPROTO_IP, IP_TTL));
    EXPECT_EQ(as<int>(got[1].second), 7);
    EXPECT_EQ(got[2].first, Kind(IPPROTO_IP, IP_TOS));
    EXPECT_EQ(as<std::uint8_t>(got[2].second), 0x28);
}

TEST_F(Messages, Ipv6TellsTheSameUnderItsOwnNames) {
    const int fd = server(Family::Inet6);
    for (const int name : {IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS}) {
        turn_on(fd, IPPROTO_IPV6, name);
    }
    const int from = *client.socket(abi::kInet6, abi::kDatagram, 0);
    EXPECT_EQ(send_with(from, Family::Inet6, control(IPPROTO_IPV6, IPV6_HOPLIMIT, 9)).value(), 1);
    const auto got = controls_of(fd);
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0].first, Kind(IPPROTO_IPV6, IPV6_PKTINFO));
    const auto info = as<in6_pktinfo>(got[0].second);
    EXPECT_EQ(std::memcmp(&info.ipi6_addr, &in6addr_loopback, sizeof in6addr_loopback), 0);
    EXPECT_EQ(info.ipi6_ifindex, 1u);
    EXPECT_EQ(got[1].first, Kind(IPPROTO_IPV6, IPV6_HOPLIMIT));
    EXPECT_EQ(as<int>(got[1].second), 9);
    EXPECT_EQ(got[2].first, Kind(IPPROTO_IPV6, IPV6_TCLASS));
}

TEST_F(Messages, TheTimeOfArrivalIsTheStacks) {
    const int fd = server(Family::Inet);
    const int from = datagrams();
    turn_on(fd, SOL_SOCKET, SO_TIMESTAMP);
    const Instant before = now;
    send_with(from, Family::Inet, {});
    auto got = controls_of(fd);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].first, Kind(SOL_SOCKET, SO_TIMESTAMP));
    const auto time = as<timeval>(got[0].second);
    EXPECT_EQ(time.tv_sec * 1'000'000 + time.tv_usec, before.ns() / 1000);
    turn_on(fd, SOL_SOCKET, SO_TIMESTAMPNS);  // takes the place of the other
    send_with(from, Family::Inet, {});
    got = controls_of(fd);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].first, Kind(SOL_SOCKET, SO_TIMESTAMPNS));
}

TEST_F(Messages, ASourceThatIsNotOursIsRefused) {
    server(Family::Inet);
    const int from = datagrams();
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1);
    EXPECT_EQ(send_with(from, Family::Inet, control(IPPROTO_IP, IP_PKTINFO, info)).value(), 1);
    info.ipi_spec_dst.s_addr = htonl(0xc0000201);
    EXPECT_EQ(send_with(from, Family::Inet, control(IPPROTO_IP, IP_PKTINFO, info)).value(),
              failure(Errc::InvalidArgument));
}

TEST_F(Messages, WhatIsMalformedIsRefused) {
    server(Family::Inet);
    const int from = datagrams();
    const auto refused = [&](const std::vector<std::byte>& controls) {
        return send_with(from, Family::Inet, controls).value() ==
               std::unexpected{Errc::InvalidArgument};
    };
    EXPECT_TRUE(refused(control(IPPROTO_IP, IP_TTL, 0)));
    EXPECT_TRUE(refused(control(IPPROTO_IP, IP_TTL, 256)));
    EXPECT_TRUE(refused(control(IPPROTO_IP, IP_TTL, std::int64_t{7})));
    EXPECT_TRUE(refused(control(IPPROTO_IP, 9999, 1)));
    EXPECT_TRUE(refused(control(SOL_SOCKET, SO_TIMESTAMP, 1)));
    auto lies = control(IPPROTO_IP, IP_TTL, 7);
    lies[0] = std::byte{200};  // longer than it is
    EXPECT_TRUE(refused(lies));
    lies[0] = std::byte{3};  // shorter than its own header
    EXPECT_TRUE(refused(lies));
    EXPECT_FALSE(refused(control(IPPROTO_TCP, 1, 1))) << "another level's";
    const Pair pair = connection();
    EXPECT_EQ(client.send(pair.here, {.from = bytes_of("x"), .control = Bytes{lies}}, 0).value(),
              failure(Errc::InvalidArgument));
}

}  // namespace
}  // namespace fairlead::posix
