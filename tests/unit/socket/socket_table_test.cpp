#include "socket/socket_table.hpp"

#include <gtest/gtest.h>

using namespace fairlead;
using socket::SocketTable;

namespace {

TEST(SocketTable, ReportsEachListedSocketOnceAndOldestFirst) {
    SocketTable table;
    const auto a = table.open_datagrams(Family::Inet, SocketType::Datagram).index;
    const auto b = table.open_datagrams(Family::Inet, SocketType::Datagram).index;
    table.list(b, kReadable);
    table.list(a, kReadable);
    table.list(b, kError);
    SocketId id;
    Readiness rose = 0;
    ASSERT_TRUE(table.take_listed(id, rose));
    EXPECT_EQ(id, table.id_of(b));
    EXPECT_EQ(rose, kReadable | kError) << "all that it was listed for";
    table.list(b, kWritable);  // again, since it was taken
    ASSERT_TRUE(table.take_listed(id, rose));
    EXPECT_EQ(id, table.id_of(a));
    ASSERT_TRUE(table.take_listed(id, rose));
    EXPECT_EQ(id, table.id_of(b));
    EXPECT_FALSE(table.take_listed(id, rose));
}

TEST(SocketTable, WhoNeverAsksForEventsDoesNotPayForThem) {
    SocketTable table;
    const auto stays = table.open_datagrams(Family::Inet, SocketType::Datagram).index;
    table.list(stays, kReadable);
    for (int i = 0; i < 100'000; ++i) {
        const auto index = table.open_datagrams(Family::Inet6, SocketType::Datagram).index;
        table.list(index, kReadable);
        table.close(index);
    }
    EXPECT_LE(table.listed(), 256u);
    SocketId id;
    Readiness rose = 0;
    ASSERT_TRUE(table.take_listed(id, rose));
    EXPECT_EQ(id, table.id_of(stays));
    while (table.take_listed(id, rose)) {
        EXPECT_EQ(table.find(id), nullptr);
    }
}

}  // namespace
