#include <array>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

TEST(Datagrams, KeepTheirBordersAndTellWhoSentThem) {
    Stack stack{{.seed = {9}}};
    Instant now = Instant::from_ns(1'000'000'000);
    const auto rest = [&] {
        for (int i = 0; i < 10; ++i) stack.poll(now);
    };
    for (const Family family : {Family::Inet, Family::Inet6}) {
        const Endpoint at{IpAddress::loopback(family), 53};
        const SocketId server = *stack.socket(family, SocketType::Datagram);
        ASSERT_TRUE(stack.bind(server, at));
        const SocketId client = *stack.socket(family, SocketType::Datagram);
        ASSERT_TRUE(stack.connect(client, at));
        const std::array<std::byte, 100> message{std::byte{7}};
        EXPECT_EQ(stack.send(client, message), 100u);
        EXPECT_EQ(stack.send(client, Bytes{message}.first(0)), 0u);
        rest();
        std::array<SocketEvent, 4> events;
        ASSERT_EQ(stack.take_events(events), 1u);
        EXPECT_EQ(events[0].socket, server);
        EXPECT_NE(events[0].readiness & kReadable, 0u);
        std::array<std::byte, 50> into{};
        const auto first = stack.receive_from(server, into);
        ASSERT_TRUE(first);
        EXPECT_EQ(first->copied, 50u);
        EXPECT_EQ(first->size, 100u);
        EXPECT_EQ(first->from, *stack.local_name(client));
        EXPECT_EQ(stack.receive_from(server, into)->size, 0u);
        EXPECT_EQ(stack.receive_from(server, into).error(), Errc::WouldBlock);
        ASSERT_TRUE(stack.close(server));
        // Nobody is there any more: the next call on the connected socket says so.
        EXPECT_EQ(stack.send(client, message), 100u);
        rest();
        EXPECT_EQ(stack.send(client, message).error(), Errc::ConnectionRefused);
        ASSERT_TRUE(stack.close(client));
        EXPECT_EQ(stack.receive(client, into).error(), Errc::BadDescriptor);
    }
    EXPECT_TRUE(stack.sockets().empty());
}

// Whoever sleeps until next_deadline() does not sleep over what a call has queued.
TEST(Datagrams, ThatACallHasQueuedAreDueAtOnce) {
    PacketPool pool;
    device::MemoryLink link{};
    Stack stack{{.seed = {9}, .pool = &pool}};
    const Instant now = Instant::from_ns(1'000'000'000);
    stack.advance(now);
    const InterfaceIndex interface = *stack.add_interface(link.left());
    ASSERT_TRUE(stack.add_address(interface, *Prefix::parse("192.0.2.1/24")));
    const SocketId s = *stack.socket(Family::Inet, SocketType::Datagram);
    ASSERT_TRUE(stack.set_option(s, Option::Broadcast, 1));
    stack.poll(now);
    ASSERT_GT(stack.next_deadline(), now);
    const std::array<std::byte, 10> message{};
    ASSERT_TRUE(stack.send_to(s, message, {.to = *Endpoint::parse("192.0.2.255:9")}));
    EXPECT_EQ(stack.next_deadline(), now);
    stack.flush();
    EXPECT_GT(stack.next_deadline(), now);
    EXPECT_GE(link.waiting(), 1u);
    link.clear();
}

}  // namespace
