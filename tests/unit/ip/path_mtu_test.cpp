#include "ip/path_mtu.hpp"

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;

constexpr Instant kStart = Instant::from_ns(5);

TEST(PathMtuTest, it_only_ever_falls_until_it_expires) {
    PathMtuTable table{AddressHash{1, 2}};
    const IpAddress there = address("192.0.2.1");
    EXPECT_EQ(table.find(there), 0u);
    EXPECT_EQ(table.next_deadline(), Instant::never());
    EXPECT_EQ(table.lower(there, 1400, kStart), 1400u);
    EXPECT_EQ(table.lower(there, 1450, kStart), 1400u);
    EXPECT_EQ(table.lower(there, 1300, kStart + 1_s), 1300u);
    EXPECT_EQ(table.find(there), 1300u);
    EXPECT_EQ(table.find(address("192.0.2.2")), 0u);
    EXPECT_FALSE(table.expire(kStart + 600_s));
    EXPECT_EQ(table.next_deadline(), kStart + 601_s);
    EXPECT_TRUE(table.expire(kStart + 601_s));
    EXPECT_EQ(table.find(there), 0u);
    EXPECT_EQ(table.next_deadline(), Instant::never());
}

TEST(PathMtuTest, nobody_can_talk_it_below_the_floor) {
    PathMtuTable table{AddressHash{1, 2}};
    EXPECT_EQ(table.lower(address("192.0.2.1"), 68, kStart), 552u);
    EXPECT_EQ(table.lower(address("2001:db8::1"), 0, kStart), 1280u);
}

TEST(PathMtuTest, it_keeps_a_bounded_number_and_the_latest_of_them) {
    PathMtuTable table{AddressHash{1, 2}};
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const IpAddress there = IpAddress::v4(0x0a00'0000u + i);
        table.lower(there, 1000, kStart + Duration::from_ns(i));
        ASSERT_EQ(table.find(there), 1000u);
    }
    int kept = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        if (table.find(IpAddress::v4(0x0a00'0000u + i)) != 0) ++kept;
    }
    EXPECT_EQ(kept, 4096);
}

}  // namespace
}  // namespace fairlead::ip
