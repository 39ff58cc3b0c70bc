#include "socket/socket_table.hpp"

#include <gtest/gtest.h>

using namespace fairlead;
using socket::SocketTable;

namespace {

TEST(SocketTable, ReportsEachListedSocketOnceAndOldestFirst) {
    SocketTable table;
    const auto a = table.open(Family::Inet, SocketType::Stream);
    const auto b = table.open(Family::Inet, SocketType::Stream);
    table.list(b);
    table.list(a);
    table.list(b);
    SocketId id;
    ASSERT_TRUE(table.take_listed(id));
    EXPECT_EQ(id, table.id_of(b));
    table.list(b);  // again, since it was taken
    ASSERT_TRUE(table.take_listed(id));
    EXPECT_EQ(id, table.id_of(a));
    ASSERT_TRUE(table.take_listed(id));
    EXPECT_EQ(id, table.id_of(b));
    EXPECT_FALSE(table.take_listed(id));
}

TEST(SocketTable, WhoNeverAsksForEventsDoesNotPayForThem) {
    SocketTable table;
    const auto stays = table.open(Family::Inet, SocketType::Stream);
    table.list(stays);
    for (int i = 0; i < 100'000; ++i) {
        const auto index = table.open(Family::Inet6, SocketType::Stream);
        table.list(index);
        table.close(index);
    }
    EXPECT_LE(table.listed(), 256u);
    SocketId id;
    ASSERT_TRUE(table.take_listed(id));
    EXPECT_EQ(id, table.id_of(stays));
    while (table.take_listed(id)) {
        EXPECT_EQ(table.find(id), nullptr);
    }
}

TEST(SocketTable, AStaleIdIsNoSocket) {
    SocketTable table;
    const auto index = table.open(Family::Inet, SocketType::Stream);
    const SocketId old = table.id_of(index);
    table.close(index);
    EXPECT_EQ(table.find(old), nullptr);
    EXPECT_EQ(table.open(Family::Inet, SocketType::Stream), index);
    EXPECT_EQ(table.find(old), nullptr);
    EXPECT_NE(table.find(table.id_of(index)), nullptr);
}

}  // namespace
