#include "ip/router_list.hpp"

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;

constexpr Instant kNow = Instant::from_ns(10);

TEST(RouterListTest, three_solicitations_go_out_four_seconds_apart) {
    RouterList list;
    list.search(2, kNow);
    EXPECT_EQ(list.next_deadline(), kNow);
    EXPECT_EQ(list.next_solicitation(kNow), 2u);
    EXPECT_FALSE(list.next_solicitation(kNow));
    EXPECT_EQ(list.next_deadline(), kNow + 4_s);
    EXPECT_EQ(list.next_solicitation(kNow + 4_s), 2u);
    EXPECT_EQ(list.next_solicitation(kNow + 8_s), 2u);
    EXPECT_FALSE(list.next_solicitation(kNow + 100_s));
    EXPECT_EQ(list.next_deadline(), Instant::never());
}

TEST(RouterListTest, an_advertisement_ends_the_search) {
    RouterList list;
    list.search(2, kNow);
    list.search(3, kNow);
    list.end_search(2);
    EXPECT_EQ(list.next_solicitation(kNow), 3u);
    EXPECT_FALSE(list.next_solicitation(kNow));
}

TEST(RouterListTest, a_router_lives_as_long_as_it_said_last) {
    RouterList list;
    const IpAddress router = address("fe80::1").with_zone(2);
    EXPECT_TRUE(list.learn({router, kNow + 10_s}));
    EXPECT_FALSE(list.learn({router, kNow + 20_s}));
    EXPECT_FALSE(list.expire(kNow + 10_s));
    EXPECT_EQ(list.expire(kNow + 20_s)->address, router);
    EXPECT_FALSE(list.forget(router));
}

TEST(RouterListTest, there_is_an_end_to_routers) {
    RouterList list;
    int learnt = 0;
    for (std::uint32_t i = 0; i < 100; ++i) {
        if (list.learn({address("fe80::1").with_zone(i), kNow + 10_s})) ++learnt;
    }
    EXPECT_EQ(learnt, 16);
}

}  // namespace
}  // namespace fairlead::ip
