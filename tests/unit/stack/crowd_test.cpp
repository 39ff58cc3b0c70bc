// Tens of thousands of connections between two stacks: opened, each echoes a byte, all closed.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "fairlead/stack.hpp"

using namespace fairlead;

namespace {

#if defined(NDEBUG)
constexpr std::size_t kMany = 100'000;
#else
constexpr std::size_t kMany = 5'000;  // where each costs ten times as much
#endif
constexpr std::uint32_t kAddresses = 8;
constexpr std::uint16_t kPort = 80;

StackOptions options(std::uint8_t seed, PacketPool& pool) {
    StackOptions o{.pool = &pool};
    o.seed.fill(seed);
    o.config.tcp_max_tw_buckets = 1'000'000;
    return o;
}

struct Ends {
    SocketId client{};
    SocketId server{};
};

struct Crowd : testing::Test {
    Crowd() {
        const auto near = *client.add_interface(link.left());
        const auto far = *server.add_interface(link.right());
        EXPECT_TRUE(client.add_address(near, *Prefix::parse("10.0.1.1/16")));
        for (std::uint32_t i = 0; i < kAddresses; ++i) {
            EXPECT_TRUE(server.add_address(far, {.address = address(i), .length = 16}));
        }
        listener = *server.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(server.bind(listener, {IpAddress::any(Family::Inet), kPort}));
        EXPECT_TRUE(server.listen(listener, 4096));
    }
    static IpAddress address(std::uint32_t i) { return IpAddress::v4(0x0a00'0201u + i); }

    void exchange() {
        client.flush();
        server.flush();
        while (link.waiting() != 0) {
            now = now + Duration::from_us(1);
            server.poll(now);
            client.poll(now);
        }
    }
    Ends open(std::size_t i) {
        Ends ends{.client = *client.socket(Family::Inet, SocketType::Stream)};
        const auto begun = client.connect(
            ends.client, {address(static_cast<std::uint32_t>(i % kAddresses)), kPort});
        EXPECT_EQ(begun.error(), Errc::InProgress);
        exchange();
        ends.server = server.accept(listener).value_or(SocketId{});
        return ends;
    }
    static bool moves(Stack& from, SocketId sender, Stack& to, SocketId reader, std::uint8_t value,
                      Crowd& world) {
        const std::byte sent{value};
        std::byte got{};
        if (from.send(sender, {&sent, 1}).value_or(0) != 1) return false;
        world.exchange();
        return to.receive(reader, {&got, 1}).value_or(0) == 1 && got == sent;
    }
    std::size_t in_state(Stack& stack, TcpState state) {
        const std::vector<SocketInfo> all = stack.sockets();
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(), [state](const SocketInfo& s) { return s.state == state; }));
    }

    PacketPool pool{};
    device::MemoryLink link{{.queue_frames = 1 << 16}};
    Stack client{options(1, pool)};
    Stack server{options(2, pool)};
    SocketId listener{};
    Instant now = Instant::from_ns(1'000'000'000);
};

TEST_F(Crowd, EachOfManyEchoesAByteAndNothingIsLeftOfThemAfterTheirTime) {
    std::vector<Ends> all;
    for (std::size_t i = 0; i < kMany; ++i) all.push_back(open(i));
    EXPECT_EQ(in_state(server, TcpState::Established), kMany);

    std::shuffle(all.begin(), all.end(), std::mt19937{7});
    std::size_t echoed = 0;
    for (std::size_t i = 0; i < kMany; ++i) {
        const auto value = static_cast<std::uint8_t>(i);
        echoed += moves(client, all[i].client, server, all[i].server, value, *this) &&
                          moves(server, all[i].server, client, all[i].client, value, *this)
                      ? 1
                      : 0;
    }
    EXPECT_EQ(echoed, kMany);

    for (const Ends& ends : all) {
        ASSERT_TRUE(client.close(ends.client));
        exchange();
        ASSERT_TRUE(server.close(ends.server));
        exchange();
    }
    EXPECT_EQ(client.counters()[Counter::TcpOutRsts] + server.counters()[Counter::TcpOutRsts], 0u);
    EXPECT_EQ(in_state(client, TcpState::TimeWait), kMany);
    EXPECT_EQ(server.sockets().size(), 1u);  // the listener

    now = now + 61_s;
    client.poll(now);
    EXPECT_EQ(client.counters()[Counter::TcpExtTW], kMany);
    EXPECT_TRUE(client.sockets().empty());
}

}  // namespace
