// What a script cannot say, as its numbers and addresses are its own: on the stack, packet by packet.
#include <gtest/gtest.h>

#include "drill/inbound.hpp"
#include "drill/seen.hpp"
#include "drill/stack_backend.hpp"
#include "drill/structs.hpp"
#include "wire/checksum.hpp"

namespace fairlead::drill {
namespace {

constexpr int kInet = 2;
constexpr int kStream = 1;

class StackNumbers : public testing::Test {
protected:
    StackNumbers() { backend = std::move(*make_stack_backend(settings)); }

    int call(const Request& request) {
        EXPECT_TRUE(backend->start(request));
        const auto outcome = backend->take_outcome();
        return outcome ? static_cast<int>(outcome->value) : -1;
    }
    std::optional<Seen> next_packet() {
        const auto sent = backend->take_packet();
        if (!sent) return std::nullopt;
        const auto seen = read_packet(*sent);
        return seen ? *seen : std::nullopt;
    }
    // Of a connection to this port of the remote side.
    std::uint32_t first_number(std::uint16_t port) {
        const int fd = call(request::Socket{.domain = kInet, .type = kStream});
        (void)call(request::FileControl{.fd = fd, .command = 4, .argument = 0x800});  // O_NONBLOCK
        (void)call(request::Connect{.fd = fd, .name = name_of({settings.remote(), port}, kInet)});
        const auto syn = next_packet();
        EXPECT_TRUE(syn);
        return syn ? std::get<TcpBody>(syn->body).range.begin : 0;
    }
    int listen(std::uint16_t port) {
        const int fd = call(request::Socket{.domain = kInet, .type = kStream});
        const auto any = IpAddress::any(Family::Inet);
        EXPECT_EQ(call(request::Bind{.fd = fd, .name = name_of({any, port}, kInet)}), 0);
        return call(request::Listen{.fd = fd, .backlog = 1});
    }
    void inject_syn(const IpAddress& from, const IpAddress& to) {
        Connection connection;
        connection.remote = {from, 40001};
        connection.local = {to, 8080};
        backend->inject(build_tcp(connection, {}, {.flags = {.syn = true}, .window = 1000}));
    }

    Settings settings;
    std::unique_ptr<Backend> backend;
};

// RFC 9293 MUST-2
TEST_F(StackNumbers, WhatLeavesSumsUpWithItsPseudoHeader) {
    ASSERT_EQ(listen(8080), 0);
    inject_syn(settings.remote(), settings.local());
    const auto sent = backend->take_packet();
    ASSERT_TRUE(sent);
    const Bytes segment = std::as_bytes(std::span{sent->bytes}).subspan(20);
    wire::PartialSum sum =
        wire::pseudo_header(settings.local(), settings.remote(), wire::IpProtocol::Tcp,
                            static_cast<std::uint32_t>(segment.size()));
    sum.add(segment);
    EXPECT_EQ(sum.checksum(), 0);
}

// RFC 9293 MUST-3
TEST_F(StackNumbers, WhatDoesNotSumUpIsDroppedWithoutAWord) {
    ASSERT_EQ(listen(8080), 0);
    Connection connection;
    connection.remote = {settings.remote(), 40001};
    connection.local = {settings.local(), 8080};
    const auto syn = build_tcp(connection, {}, {.flags = {.syn = true}, .window = 1000});
    for (std::size_t at = 20; at < syn.size(); ++at) {
        auto damaged = syn;
        damaged[at] ^= 0x10;
        backend->inject(damaged);
        EXPECT_FALSE(next_packet()) << at;
    }
    backend->inject(syn);
    EXPECT_TRUE(next_packet());
}

// RFC 9293 MUST-8
TEST_F(StackNumbers, FirstNumbersFollowAClockOf64Nanoseconds) {
    const std::uint32_t first = first_number(80);
    backend = std::move(*make_stack_backend(settings));
    // A stack that is the same to the bit, one second later: the same name, another number.
    const Instant later = backend->now() + 1_s;
    while (backend->now() < later) backend->step(later);
    EXPECT_EQ(first_number(80) - first, 1'000'000'000u / 64);
}

// RFC 9293 MUST-9, SHLD-1; RFC 6528 REQ-3
TEST_F(StackNumbers, ThePlaceFromWhichTheyCountDependsOnTheWholeName) {
    const std::uint32_t first = first_number(80);
    const std::uint32_t second = first_number(81);
    constexpr std::uint32_t kFar = 1u << 20;
    EXPECT_GT(second - first, kFar);
    EXPECT_GT(first - second, kFar);
}

// RFC 9293 MUST-57
TEST_F(StackNumbers, ASynToEverybodyOrToAGroupIsDroppedWithoutAWord) {
    ASSERT_EQ(listen(8080), 0);
    for (const char* to : {"255.255.255.255", "192.168.255.255", "224.0.0.1"}) {
        inject_syn(settings.remote(), *IpAddress::parse(to));
        EXPECT_FALSE(next_packet()) << to;
    }
    inject_syn(settings.remote(), settings.local());
    EXPECT_TRUE(next_packet());
}

// RFC 9293 MUST-63
TEST_F(StackNumbers, ASynFromAnAddressThatNobodyCanHaveIsDroppedWithoutAWord) {
    ASSERT_EQ(listen(8080), 0);
    for (const char* from :
         {"255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "192.168.0.1"}) {
        inject_syn(*IpAddress::parse(from), settings.local());
        EXPECT_FALSE(next_packet()) << from;
    }
}

}  // namespace
}  // namespace fairlead::drill
