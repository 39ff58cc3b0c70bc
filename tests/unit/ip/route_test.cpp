#include "ip/route.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;
using testing::prefix;

class RouteTest : public ::testing::Test {
protected:
    Result<void> add(std::string_view destination, InterfaceIndex interface,
                     std::uint32_t metric = 0, std::string_view gateway = {}) {
        const Prefix p = prefix(destination);
        return table.add(
            {.destination = p,
             .gateway = gateway.empty() ? IpAddress::any(p.address.family()) : address(gateway),
             .interface = interface,
             .metric = metric});
    }
    // The interface of the route, 0 for none.
    InterfaceIndex way(std::string_view to, InterfaceIndex by = 0) const {
        const Route* r = table.find(address(to), by);
        return r == nullptr ? 0 : r->interface;
    }

    RouteTable table{AddressHash{1, 2}};
};

TEST_F(RouteTest, the_longest_prefix_wins) {
    ASSERT_TRUE(add("0.0.0.0/0", 2));
    ASSERT_TRUE(add("10.0.0.0/8", 3));
    ASSERT_TRUE(add("10.1.0.0/16", 4));
    ASSERT_TRUE(add("10.1.2.3/32", 5));
    EXPECT_EQ(way("192.0.2.1"), 2u);
    EXPECT_EQ(way("10.200.0.1"), 3u);
    EXPECT_EQ(way("10.1.9.9"), 4u);
    EXPECT_EQ(way("10.1.2.3"), 5u);
    EXPECT_EQ(way("10.1.2.2"), 4u);
}

TEST_F(RouteTest, families_share_a_table_but_no_route) {
    ASSERT_TRUE(add("::/0", 2));
    EXPECT_EQ(way("192.0.2.1"), 0u);
    ASSERT_TRUE(add("0.0.0.0/0", 3));
    EXPECT_EQ(way("192.0.2.1"), 3u);
    EXPECT_EQ(way("2001:db8::1"), 2u);
    ASSERT_TRUE(add("2001:db8::/32", 4));
    ASSERT_TRUE(add("2001:db8:0:1::/64", 5));
    EXPECT_EQ(way("2001:db8:0:1::9"), 5u);
    EXPECT_EQ(way("2001:db8:0:2::9"), 4u);
}

TEST_F(RouteTest, among_equals_the_smaller_metric_wins_then_the_older) {
    ASSERT_TRUE(add("10.0.0.0/8", 2, 100));
    ASSERT_TRUE(add("10.0.0.0/8", 3, 50));
    ASSERT_TRUE(add("10.0.0.0/8", 4, 70));
    EXPECT_EQ(way("10.0.0.1"), 3u);
    ASSERT_TRUE(table.remove(prefix("10.0.0.0/8")));
    EXPECT_EQ(way("10.0.0.1"), 4u);
    ASSERT_TRUE(table.add_connected({.destination = prefix("192.0.2.0/24"), .interface = 2}));
    ASSERT_TRUE(table.add_connected({.destination = prefix("192.0.2.0/24"), .interface = 3}));
    EXPECT_EQ(way("192.0.2.1"), 2u);
    EXPECT_EQ(way("192.0.2.1", 3), 3u);
}

TEST_F(RouteTest, who_names_the_interface_gets_a_shorter_prefix_there) {
    ASSERT_TRUE(add("0.0.0.0/0", 2));
    ASSERT_TRUE(add("10.0.0.0/8", 3));
    EXPECT_EQ(way("10.0.0.1", 2), 2u);
    EXPECT_EQ(way("10.0.0.1", 3), 3u);
    EXPECT_EQ(way("10.0.0.1", 4), 0u);
}

TEST_F(RouteTest, what_linux_refuses_is_refused) {
    ASSERT_TRUE(add("10.0.0.0/8", 2, 5));
    EXPECT_EQ(add("10.0.0.0/8", 3, 5).error(), Errc::Exists);
    EXPECT_EQ(add("10.0.0.1/8", 2).error(), Errc::InvalidArgument);
    EXPECT_EQ(table.remove(prefix("10.0.0.0/9")).error(), Errc::NoSuchEntry);
    // Under IPv6 the same prefix goes by several interfaces: fe80::/64 is on every link.
    ASSERT_TRUE(add("fe80::/64", 2, 256));
    EXPECT_TRUE(add("fe80::/64", 3, 256));
    EXPECT_EQ(add("fe80::/64", 3, 256).error(), Errc::Exists);
    EXPECT_EQ(table.size(), 3u);
}

TEST_F(RouteTest, removal_names_the_way_where_there_are_several) {
    ASSERT_TRUE(add("::/0", 2, 1024, "fe80::1"));
    ASSERT_TRUE(add("::/0", 2, 1024, "fe80::2"));
    ASSERT_TRUE(table.remove(prefix("::/0"), 2, address("fe80::1")));
    EXPECT_EQ(table.find(address("2001:db8::1"), 0)->gateway, address("fe80::2"));
    EXPECT_EQ(table.remove(prefix("::/0"), 2, address("fe80::1")).error(), Errc::NoSuchEntry);
}

// Against a search that looks at every route.
TEST_F(RouteTest, ten_thousand_routes_answer_as_a_plain_search_does) {
    constexpr std::uint64_t kSeed = 20240611;
    SCOPED_TRACE(kSeed);
    Prng prng{kSeed};
    std::vector<Route> plain;
    const auto random_prefix = [&] {
        const auto length = static_cast<std::uint8_t>(prng.next() % 33);
        const std::uint32_t mask = length == 0 ? 0 : UINT32_MAX << (32 - length);
        // Close together, so that they nest.
        const auto bits = static_cast<std::uint32_t>(prng.next()) & 0x0f0f'ffffu;
        return Prefix{.address = IpAddress::v4(bits & mask), .length = length};
    };
    while (plain.size() < 10'000) {
        const Route r{.destination = random_prefix(),
                      .interface = static_cast<InterfaceIndex>(1 + prng.next() % 5),
                      .metric = static_cast<std::uint32_t>(prng.next() % 100)};
        if (table.add(r)) plain.push_back(r);
        if (prng.next() % 4 == 0 && !plain.empty()) {
            const Prefix gone = plain[prng.next() % plain.size()].destination;
            auto first = plain.end();
            for (auto at = plain.begin(); at != plain.end(); ++at) {
                if (at->destination != gone) continue;
                if (first == plain.end() || at->metric < first->metric) first = at;
            }
            ASSERT_TRUE(table.remove(gone));
            plain.erase(first);
        }
    }
    ASSERT_EQ(table.size(), plain.size());
    for (int i = 0; i < 500; ++i) {
        const IpAddress to = IpAddress::v4(static_cast<std::uint32_t>(prng.next()) & 0x0f0f'ffffu);
        const auto by = static_cast<InterfaceIndex>(prng.next() % 6);
        const Route* best = nullptr;
        for (const Route& r : plain) {
            if (!r.destination.contains(to) || (by != 0 && r.interface != by)) continue;
            const bool is_better =
                best == nullptr || r.destination.length > best->destination.length ||
                (r.destination.length == best->destination.length && r.metric < best->metric);
            if (is_better) best = &r;
        }
        const Route* found = table.find(to, by);
        ASSERT_EQ(found == nullptr, best == nullptr);
        if (best == nullptr) continue;
        EXPECT_EQ(found->destination, best->destination);
        EXPECT_EQ(found->metric, best->metric);
    }
}

}  // namespace
}  // namespace fairlead::ip
