// Fast Open between two of ours: what it saves, and what happens where the path
// does not bear it.
#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

class FastOpenPath : public testing::Test {
protected:
    static constexpr Duration kOneWay = 50_ms;
    static constexpr std::size_t kRequest = 18;

    void start(std::uint64_t seed, std::uint32_t loss) {
        world.emplace(seed);
        client = &world->add_host("client");
        server = &world->add_host("server");
        world->join(*client, *server, path_with({.loss = loss, .delay = kOneWay}));
        (void)server->stack().set_config("net.ipv4.tcp_fastopen", "3");
        listener = *server->stack().socket(Family::Inet, SocketType::Stream);
        ASSERT_TRUE(server->stack().bind(listener, {IpAddress::any(Family::Inet), 80}));
        ASSERT_TRUE(server->stack().set_option(listener, Option::FastOpen, 16));
        ASSERT_TRUE(server->stack().listen(listener, 16));
        world->run_for(1_s);
    }
    // A request by sendto(MSG_FASTOPEN); how long until the server can read all
    // of it.
    Duration ask() {
        Stack& c = client->stack();
        const Instant begun = world->now();
        const SocketId socket = *c.socket(Family::Inet, SocketType::Stream);
        const std::array<std::byte, kRequest> request{};
        const auto taken = c.send_fast_open(socket, {server->address(Family::Inet), 80}, request);
        EXPECT_TRUE(taken);
        std::size_t sent = taken.value_or(0);
        std::size_t read = 0;
        std::optional<SocketId> accepted;
        std::array<std::byte, 64> room{};
        world->run_while_not(
            [&] {
                if (sent < kRequest) {
                    sent += c.send(socket, Bytes{request}.subspan(sent)).value_or(0);
                }
                if (!accepted) {
                    if (const auto got = server->stack().accept(listener)) accepted = *got;
                }
                if (accepted) read += server->stack().receive(*accepted, room).value_or(0);
                return read == kRequest;
            },
            60_s);
        EXPECT_EQ(read, kRequest);
        const Duration took = world->now() - begun;
        world->run_for(1_s);
        EXPECT_TRUE(c.close(socket));
        if (accepted) {
            world->run_for(1_s);
            EXPECT_TRUE(server->stack().close(*accepted));
        }
        world->run_for(1_s);
        return took;
    }

    std::optional<sim::World> world{};
    sim::Host* client = nullptr;
    sim::Host* server = nullptr;
    SocketId listener{};
};

TEST_F(FastOpenPath, TheSecondRequestSavesARoundTrip) {
    start(1, 0);
    const Duration first = ask();
    const Duration second = ask();
    EXPECT_GE(first, kOneWay * 3);
    EXPECT_LT(first, kOneWay * 5 + 5_ms) << "with a round trip of ARP";
    EXPECT_GE(second, kOneWay);
    EXPECT_LT(second, kOneWay + 5_ms);
    EXPECT_EQ(client->stack().counters()[Counter::TcpExtTCPFastOpenActive], 1u);
    EXPECT_EQ(server->stack().counters()[Counter::TcpExtTCPFastOpenPassive], 1u);
    ASSERT_EQ(client->stack().destinations().size(), 1u);
    EXPECT_EQ(client->stack().destinations()[0].cookie_bytes, 8);
    EXPECT_GE(client->stack().destinations()[0].rtt, kOneWay * 2);
}

TEST_F(FastOpenPath, WhatIsLostComesAfterTheHandshake) {
    std::uint64_t fell_back = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(seed);
        start(seed, 100'000);
        for (int i = 0; i < 4; ++i) ask();
        fell_back += client->stack().counters()[Counter::TcpExtTCPFastOpenActiveFail];
    }
    EXPECT_GT(fell_back, 0u) << "no seed lost a SYN with data";
}

TEST_F(FastOpenPath, AServerWithAnotherKeyTakesTheRequestAllTheSame) {
    start(1, 0);
    ask();
    ASSERT_TRUE(server->stack().set_config("net.ipv4.tcp_fastopen_key", "1-2-3-4"));
    EXPECT_GE(ask(), kOneWay * 3);
    EXPECT_LT(ask(), kOneWay + 5_ms) << "the new cookie is good";
    EXPECT_EQ(client->stack().counters()[Counter::TcpExtTCPFastOpenActiveFail], 1u);
    EXPECT_EQ(server->stack().counters()[Counter::TcpExtTCPFastOpenPassiveFail], 1u);
}

}  // namespace
