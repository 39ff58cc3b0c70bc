#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "socket/socket_table.hpp"

namespace fairlead::socket {
namespace {

SocketId open(SocketTable& table) {
    return table.open_datagrams(Family::Inet, SocketType::Datagram);
}

TEST(SocketIds, AClosedSocketsIdIsStaleThoughItsSlotIsUsedAgain) {
    SocketTable table;
    const SocketId first = open(table);
    ASSERT_NE(table.find(first), nullptr);
    table.close(first.index);
    EXPECT_EQ(table.find(first), nullptr);
    const SocketId second = open(table);
    EXPECT_EQ(second.index, first.index);
    EXPECT_NE(second.generation, first.generation);
    EXPECT_EQ(table.find(first), nullptr);
    EXPECT_NE(table.find(second), nullptr);
}

TEST(SocketIds, NoIdIsNoSocket) {
    SocketTable table;
    open(table);
    EXPECT_EQ(table.find(SocketId{}), nullptr);
    EXPECT_EQ(table.find(SocketId{.index = 7, .generation = 1}), nullptr);
    EXPECT_FALSE(SocketId{});
}

TEST(SocketIds, AFreshSlotRemembersNothingOfTheOneBefore) {
    SocketTable table;
    const SocketId first = open(table);
    table.find(first)->cookie = 99;
    table.list(first.index, kReadable);
    table.close(first.index);
    const SocketId second = open(table);
    EXPECT_EQ(table.find(second)->cookie, 0u);
    EXPECT_EQ(table.find(second)->rose, 0u);
}

TEST(SocketIds, AStreamHasTheNumberOfItsConnection) {
    SocketTable table;
    tcp::Connection connection{0};
    const SocketId first = table.open_stream(Family::Inet6, 5, connection);
    EXPECT_EQ(first.index, 5u);
    ASSERT_NE(table.find(first), nullptr);
    EXPECT_EQ(table.find(first)->connection, &connection);
    EXPECT_EQ(table.find({.index = 4, .generation = 0}), nullptr);
    const SocketId datagrams = open(table);
    EXPECT_NE(datagrams.index, first.index);
    table.close(first.index);
    EXPECT_EQ(table.find(first), nullptr);
    const SocketId second = table.open_stream(Family::Inet, 5, connection);
    EXPECT_EQ(table.find(first), nullptr);
    EXPECT_EQ(table.find(second)->family, Family::Inet);
    EXPECT_NE(table.find(datagrams), nullptr);
}

// Closed and opened at random: every id that lives is found, no other is.
TEST(SocketIds, EveryIdIsOneSocketOnly) {
    const std::uint64_t seed = 5;
    SCOPED_TRACE(seed);
    Prng random{seed};
    SocketTable table;
    std::vector<SocketId> alive;
    std::vector<SocketId> dead;
    for (int i = 0; i < 20'000; ++i) {
        if (alive.empty() || random.chance(1, 2)) {
            const SocketId id = open(table);
            table.find(id)->cookie = static_cast<std::uint64_t>(id.generation) << 32 | id.index;
            alive.push_back(id);
        } else {
            const std::size_t at = random.below(alive.size());
            table.close(alive[at].index);
            dead.push_back(alive[at]);
            alive[at] = alive.back();
            alive.pop_back();
        }
    }
    for (const SocketId id : alive) {
        ASSERT_NE(table.find(id), nullptr);
        ASSERT_EQ(table.find(id)->cookie,
                  static_cast<std::uint64_t>(id.generation) << 32 | id.index);
    }
    for (const SocketId id : dead) ASSERT_EQ(table.find(id), nullptr);
    for (const SocketId id : alive) {
        EXPECT_LT(id.index & ~SocketTable::kDatagram, 2'000u) << "slots are used again";
    }
}

}  // namespace
}  // namespace fairlead::socket
