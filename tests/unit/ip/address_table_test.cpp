#include "ip/address_table.hpp"

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;
using testing::prefix;

class AddressTableTest : public ::testing::Test {
protected:
    Result<void> add(std::string_view text, InterfaceIndex interface) {
        const Prefix p = prefix(text);
        const IpAddress a = p.address.needs_zone() ? p.address.with_zone(interface) : p.address;
        return table.add({.address = a, .prefix_length = p.length, .interface = interface});
    }
    Destination classify(std::string_view to, InterfaceIndex interface) const {
        return table.classify(address(to), interface);
    }

    AddressTable table{};
};

TEST_F(AddressTableTest, a_packet_to_any_own_address_is_ours_on_any_interface) {
    ASSERT_TRUE(add("192.0.2.1/24", 2));
    ASSERT_TRUE(add("2001:db8::1/64", 3));
    EXPECT_EQ(classify("192.0.2.1", 3), Destination::Own);
    EXPECT_EQ(classify("2001:db8::1", 2), Destination::Own);
    EXPECT_EQ(classify("192.0.2.2", 2), Destination::Other);
    EXPECT_EQ(classify("127.5.6.7", 1), Destination::Own);
}

TEST_F(AddressTableTest, a_link_local_address_is_ours_on_its_link_only) {
    ASSERT_TRUE(add("fe80::1/64", 2));
    ASSERT_TRUE(add("fe80::1/64", 3));
    EXPECT_EQ(table.classify(address("fe80::1").with_zone(2), 2), Destination::Own);
    EXPECT_EQ(table.classify(address("fe80::1").with_zone(4), 4), Destination::Other);
    EXPECT_EQ(table.zone_of(address("fe80::1")), 2u);
    EXPECT_EQ(table.zone_of(address("fe80::2")), 0u);
}

TEST_F(AddressTableTest, broadcasts_are_known_by_the_subnets) {
    ASSERT_TRUE(add("192.0.2.1/24", 2));
    ASSERT_TRUE(add("198.51.100.4/31", 2));
    ASSERT_TRUE(add("127.0.0.1/8", 1));
    EXPECT_EQ(classify("192.0.2.255", 2), Destination::Broadcast);
    EXPECT_EQ(classify("192.0.2.255", 3), Destination::Other);
    EXPECT_EQ(classify("255.255.255.255", 3), Destination::Broadcast);
    EXPECT_EQ(classify("198.51.100.5", 2), Destination::Other);  // RFC 3021: a host like us
    EXPECT_TRUE(table.is_broadcast(address("192.0.2.255"), 0));
    EXPECT_FALSE(table.is_broadcast(address("192.0.2.0"), 0));
}

TEST_F(AddressTableTest, groups_are_those_that_every_host_is_in) {
    ASSERT_TRUE(add("2001:db8::12:3456/64", 2));
    EXPECT_EQ(classify("224.0.0.1", 2), Destination::Group);
    EXPECT_EQ(classify("224.0.0.251", 2), Destination::Other);
    EXPECT_EQ(classify("ff02::1", 2), Destination::Group);
    EXPECT_EQ(classify("ff02::2", 2), Destination::Other);
    EXPECT_EQ(classify("ff02::1:ff12:3456", 2), Destination::Group);
    EXPECT_EQ(classify("ff02::1:ff12:3456", 3), Destination::Other);
    EXPECT_EQ(classify("ff02::1:ff12:3457", 2), Destination::Other);
}

TEST_F(AddressTableTest, what_no_host_can_have_is_refused) {
    EXPECT_EQ(add("0.0.0.0/8", 2).error(), Errc::InvalidArgument);
    EXPECT_EQ(add("224.0.0.5/4", 2).error(), Errc::InvalidArgument);
    EXPECT_EQ(add("255.255.255.255/32", 2).error(), Errc::InvalidArgument);
    EXPECT_EQ(add("ff02::5/64", 2).error(), Errc::InvalidArgument);
    ASSERT_TRUE(add("192.0.2.1/24", 2));
    EXPECT_EQ(add("192.0.2.1/25", 2).error(), Errc::Exists);
    EXPECT_TRUE(add("192.0.2.1/24", 3));
}

TEST_F(AddressTableTest, the_next_of_a_subnet_takes_the_first_ones_place) {
    ASSERT_TRUE(add("192.0.2.1/24", 2));
    ASSERT_TRUE(add("192.0.2.2/24", 2));
    ASSERT_TRUE(add("198.51.100.1/24", 2));
    EXPECT_FALSE(table.all()[0].is_secondary);
    EXPECT_TRUE(table.all()[1].is_secondary);
    EXPECT_FALSE(table.all()[2].is_secondary);
    ASSERT_TRUE(table.remove(2, address("192.0.2.1")));
    EXPECT_FALSE(table.find(address("192.0.2.2"))->is_secondary);
    EXPECT_EQ(table.find(address("192.0.2.1")), nullptr);
    EXPECT_FALSE(table.remove(2, address("192.0.2.1")));
}

TEST_F(AddressTableTest, a_thousand_addresses_are_all_found) {
    for (std::uint32_t i = 1; i <= 1000; ++i) {
        ASSERT_TRUE(table.add(
            {.address = IpAddress::v4(0x0a00'0000u + i * 3), .prefix_length = 32, .interface = 2}));
    }
    for (std::uint32_t i = 1; i <= 3000; ++i) {
        EXPECT_EQ(table.is_own(IpAddress::v4(0x0a00'0000u + i)), i % 3 == 0) << i;
    }
}

}  // namespace
}  // namespace fairlead::ip
