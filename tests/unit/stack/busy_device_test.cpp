#include <vector>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

// Two stacks and a link of 64 frames between them.
struct BusyDevice : testing::Test {
    BusyDevice() {
        const auto l = *left.add_interface(link.left());
        const auto r = *right.add_interface(link.right());
        EXPECT_TRUE(left.add_address(l, *Prefix::parse("192.0.2.1/24")));
        EXPECT_TRUE(right.add_address(r, *Prefix::parse("192.0.2.2/24")));
        listener = *right.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(right.bind(listener, at));
        EXPECT_TRUE(right.listen(listener, 4));
    }
    SocketId connect() {
        const SocketId client = *left.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(left.set_option(client, Option::SendBuffer, 4 << 20));
        EXPECT_EQ(left.connect(client, at).error(), Errc::InProgress);
        return client;
    }
    void fill(SocketId client) {
        while (left.send(client, bytes)) {
        }
    }
    // The receiver looks only now and then, so that windows of megabytes are open meanwhile.
    void transfer(SocketId client, std::size_t wanted) {
        for (int i = 0; i < 200'000 && received < wanted; ++i) {
            now = now + 10_us;
            fill(client);
            left.poll(now);
            if (i % 8 != 0) continue;
            right.poll(now);
            if (!server) server = right.accept(listener).value_or(SocketId{});
            while (const auto n = right.receive(server, bytes)) received += *n;
        }
    }
    // Until all that was sent has arrived.
    void drain(SocketId client) {
        for (int i = 0; i < 200'000 && left.bytes_unacked(client) != 0u; ++i) {
            now = now + 10_us;
            left.poll(now);
            right.poll(now);
            while (const auto n = right.receive(server, bytes)) received += *n;
        }
    }
    std::uint64_t sent() const { return left.counters()[Counter::TcpOutSegs]; }

    static constexpr std::size_t kLinkFrames = 64;
    PacketPool pool;
    device::MemoryLink link{{.queue_frames = kLinkFrames}};
    Stack left{{.seed = {1}, .pool = &pool}};
    Stack right{{.seed = {2}, .pool = &pool}};
    Endpoint at = *Endpoint::parse("192.0.2.2:80");
    SocketId listener;
    SocketId server;
    Instant now = Instant::from_ns(1'000'000'000);
    std::vector<std::byte> bytes = std::vector<std::byte>(1 << 20);
    std::size_t received = 0;
};

TEST_F(BusyDevice, HoldsTheSenderBackAndDropsNothing) {
    transfer(connect(), std::size_t{64} << 20);
    EXPECT_GE(received, std::size_t{64} << 20);
    EXPECT_EQ(left.counters()[Counter::DeviceSendBusy], 0u);
    EXPECT_EQ(left.counters()[Counter::TcpRetransSegs], 0u);
}

// TCP small queues: a large window does not lie before the device, in the way of others.
TEST_F(BusyDevice, HasNoMoreOfAConnectionThanTheLimitWaiting) {
    constexpr std::uint64_t kLimit = 100'000;
    const SocketId other = connect();
    for (int i = 0; i < 4; ++i) {
        now = now + 10_us;
        left.poll(now);
        right.poll(now);
    }
    ASSERT_TRUE(right.accept(listener));
    const SocketId client = connect();
    transfer(client, std::size_t{16} << 20);
    ASSERT_GE(left.tcp_info(client)->congestion_window_segments, 500u);
    // From here on, since a window that is not used does not grow.
    ASSERT_TRUE(left.set_config("net.ipv4.tcp_limit_output_bytes", std::to_string(kLimit)));
    while (link.waiting() > 0 || left.tcp_info(client)->unacked_segments > 0) {
        now = now + 10_us;
        left.poll(now);
        right.poll(now);
        while (right.receive(server, bytes)) {
        }
    }
    // From here on nobody takes anything off the link.
    const std::uint64_t before = sent();
    for (int i = 0; i < 10; ++i) {
        now = now + 10_us;
        fill(client);
        left.poll(now);
    }
    const std::uint64_t more = sent() - before;
    EXPECT_GE(more, kLinkFrames);
    EXPECT_LE(more, kLinkFrames + kLimit / 1448 + 45)
        << "the limit, and the packet that reaches it";
    const std::uint64_t with_first = sent();
    ASSERT_TRUE(left.send(other, std::span{bytes}.first(100)));
    left.flush();
    EXPECT_EQ(sent(), with_first + 1) << "it does not wait for the other";
    // It goes on when the device has taken what it had.
    transfer(client, received + (std::size_t{16} << 20));
    EXPECT_EQ(left.counters()[Counter::DeviceSendBusy], 0u);
}

// What is written in little pieces meanwhile goes as one.
TEST_F(BusyDevice, GathersWhatIsWrittenWhileItIsBusy) {
    const SocketId client = connect();
    ASSERT_TRUE(left.set_option(client, Option::NoDelay, 1));
    transfer(client, std::size_t{4} << 20);
    for (const bool gathers : {true, false}) {
        ASSERT_TRUE(left.set_config("net.ipv4.tcp_autocorking", gathers ? "1" : "0"));
        drain(client);
        received = 0;
        const std::uint64_t before = sent();
        const std::uint64_t corked = left.counters()[Counter::TcpExtTCPAutoCorking];
        constexpr std::size_t kSegments = 100;  // more than the link has room for
        const std::size_t whole = kSegments * left.tcp_info(client)->send_mss;
        ASSERT_EQ(left.send(client, std::span{bytes}.first(whole)), whole);
        left.poll(now);  // now it is seen that not all has room
        for (int i = 0; i < 10; ++i) {
            ASSERT_EQ(left.send(client, std::span{bytes}.first(10)), 10u);
            now = now + 10_us;
            left.poll(now);
        }
        drain(client);
        EXPECT_EQ(received, whole + 100);
        EXPECT_EQ(left.counters()[Counter::TcpExtTCPAutoCorking] > corked, gathers);
        EXPECT_EQ(sent() - before, kSegments + (gathers ? 1u : 10u));
    }
}

}  // namespace
