// All connections of a stack together: tcp_mem's pressure, and its end.
#include <gtest/gtest.h>

#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

constexpr std::int64_t kPage = 4096;

class MemoryBudget : public ::testing::Test {
protected:
    MemoryBudget() : world{with({10, 20, 30})} {
        listener = *world.stack.socket(Family::Inet, SocketType::Stream);
        EXPECT_TRUE(world.stack.bind(listener, {IpAddress::any(Family::Inet), 80}));
        EXPECT_TRUE(world.stack.listen(listener, 10));
        for (std::uint16_t port = 1000; port < 1000 + kPeers; ++port) {
            talks.push_back(&world.open(Family::Inet, 80, port, Stranger::syn_options()));
            sockets.push_back(world.stack.accept(listener).value());
        }
    }
    static Config with(const std::array<std::int64_t, 3>& pages) {
        Config c;
        c.tcp_mem = pages;
        return c;
    }
    // Nobody reads.
    void pour(std::size_t i, int segments) {
        for (int n = 0; n < segments; ++n) {
            world.say(*talks[i], Stranger::honest(*talks[i], Frame(1000, std::byte{'x'})));
            ASSERT_TRUE(world.settle());
        }
    }
    SocketMemory memory(SocketId s) {
        std::vector<SocketRow> rows;
        SocketCursor cursor{};
        while (world.stack.sockets(cursor, 100, rows)) {
        }
        for (const SocketRow& r : rows) {
            if (r.info.socket == s) return r.memory;
        }
        return {};
    }
    std::int64_t held() {
        std::int64_t all = 0;
        for (const SocketId s : sockets) {
            const SocketMemory m = memory(s);
            all += std::int64_t{m.receive_allocated} + m.write_queued;
        }
        return all;
    }
    void drain(std::size_t i) {
        std::vector<std::byte> room(65536);
        while (const auto n = world.stack.receive(sockets[i], room)) {
            if (*n == 0) break;
        }
        ASSERT_TRUE(world.settle());
    }

    static constexpr std::uint16_t kPeers = 4;
    Stranger world;
    SocketId listener{};
    std::vector<SocketId> sockets{};
    std::vector<Talk*> talks{};
};

TEST_F(MemoryBudget, PressureBeginsAboveTheSecondNumberAndEndsBelowTheFirst) {
    pour(0, 30);
    EXPECT_EQ(world.count(Counter::TcpExtTCPMemoryPressures), 0u);
    pour(1, 10);
    EXPECT_GT(held(), 20 * kPage);
    EXPECT_EQ(world.count(Counter::TcpExtTCPMemoryPressures), 1u);
    ASSERT_TRUE(world.wait(1_s));
    drain(1);
    EXPECT_EQ(world.count(Counter::TcpExtTCPMemoryPressuresChrono), 0u) << "it goes on: ";
    drain(0);
    EXPECT_EQ(held(), 0);
    EXPECT_GE(world.count(Counter::TcpExtTCPMemoryPressuresChrono), 1000u);
    pour(2, 60);
    EXPECT_EQ(world.count(Counter::TcpExtTCPMemoryPressures), 2u);
}

TEST_F(MemoryBudget, AboveTheThirdNumberEachHasOnlyItsLeast) {
    for (std::size_t i = 0; i < kPeers; ++i) pour(i, 100);
    EXPECT_GT(world.count(Counter::TcpExtTCPRcvQDrop), 0u);
    EXPECT_GT(held(), 30 * kPage);
    // Beyond it each takes what fits into tcp_rmem's first number, and one more.
    const std::int64_t least = Config{}.tcp_rmem[0] + 2304;
    EXPECT_LT(held(), 30 * kPage + 2304 + kPeers * least);
    for (std::size_t i = 0; i < kPeers; ++i) {
        SCOPED_TRACE(i);
        EXPECT_GT(memory(sockets[i]).receive_allocated, 0u) << "none is shut out";
        drain(i);
    }
    // All are served again.
    for (std::size_t i = 0; i < kPeers; ++i) {
        const std::uint32_t before = talks[i]->seq;
        pour(i, 1);
        EXPECT_EQ(talks[i]->seq, before + 1000);
    }
}

TEST_F(MemoryBudget, UnderPressureAWindowIsAFewSegments) {
    pour(0, 50);
    ASSERT_EQ(world.count(Counter::TcpExtTCPMemoryPressures), 1u);
    const std::uint16_t before = talks[1]->window;
    pour(1, 6);
    EXPECT_LE(talks[1]->window, before) << "it does not grow";
    EXPECT_FALSE(talks[0]->was_reset);
}

TEST_F(MemoryBudget, AWriterHasItsLeastAndIsToldToWait) {
    pour(0, 60);
    const std::vector<std::byte> bytes(100'000);
    const auto first = world.stack.send(sockets[1], bytes);
    ASSERT_TRUE(first);
    EXPECT_GT(*first, 0u);
    EXPECT_LT(*first, bytes.size());
    const auto second = world.stack.send(sockets[1], bytes);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), Errc::WouldBlock);
}

TEST_F(MemoryBudget, WhatIsClosedIsGivenBack) {
    for (std::size_t i = 0; i < kPeers; ++i) pour(i, 20);
    ASSERT_EQ(world.count(Counter::TcpExtTCPMemoryPressures), 1u);
    ASSERT_TRUE(world.wait(50_ms));
    for (const SocketId s : sockets) ASSERT_TRUE(world.stack.close(s));
    EXPECT_TRUE(world.wait(100_ms));
    EXPECT_GE(world.count(Counter::TcpExtTCPMemoryPressuresChrono), 50u);
}

}  // namespace
