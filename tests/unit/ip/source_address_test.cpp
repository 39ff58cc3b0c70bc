#include "ip/source_address.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;
using testing::prefix;

constexpr Instant kNow = Instant::from_ns(100);

OwnAddress own(std::string_view text, InterfaceIndex interface = 2) {
    const Prefix p = prefix(text);
    const IpAddress a = p.address.needs_zone() ? p.address.with_zone(interface) : p.address;
    return {.address = a, .prefix_length = p.length, .interface = interface};
}

std::string choose(std::vector<OwnAddress> addresses, std::string_view to,
                   InterfaceIndex outgoing = 2) {
    const IpAddress destination = address(to);
    const auto chosen = destination.is_v4() ? choose_source_v4(addresses, destination, outgoing)
                                            : choose_source_v6(addresses,
                                                               destination.needs_zone()
                                                                   ? destination.with_zone(outgoing)
                                                                   : destination,
                                                               outgoing, kNow);
    return chosen ? chosen->with_zone(0).to_string() : "none";
}

// RFC 6724 §10.1, each line of it that does not need mobile or temporary addresses. Both orders.
TEST(SourceAddressTest, the_examples_of_rfc_6724_come_out) {
    const auto both = [](const char* a, const char* b, const char* to) {
        const std::string one = choose({own(a), own(b)}, to);
        EXPECT_EQ(one, choose({own(b), own(a)}, to)) << to;
        return one;
    };
    EXPECT_EQ(both("2001:db8:3::1/64", "fe80::1/64", "2001:db8:1::1"), "2001:db8:3::1");
    EXPECT_EQ(both("fe80::1/64", "2001:db8:3::1/64", "ff05::1"), "2001:db8:3::1");
    EXPECT_EQ(both("2001:db8:3::1/64", "fe80::1/64", "fe80::2"), "fe80::1");
    EXPECT_EQ(both("2001:db8:1::2/64", "2001:db8:3::2/64", "2001:db8:1::1"), "2001:db8:1::2");
    EXPECT_EQ(
        both("2002:c633:6401::d5e3:7953:13eb:22e8/64", "2001:db8:1::2/64", "2002:c633:6401::1"),
        "2002:c633:6401:0:d5e3:7953:13eb:22e8");
}

TEST(SourceAddressTest, the_destination_itself_comes_first) {
    EXPECT_EQ(choose({own("2001:db8::1/64"), own("2001:db8::2/64")}, "2001:db8::2"), "2001:db8::2");
}

TEST(SourceAddressTest, a_deprecated_address_is_avoided) {
    OwnAddress old = own("2001:db8::1/64");
    old.preferred_until = kNow;
    EXPECT_EQ(choose({old, own("2001:db8:9::1/64")}, "2001:db8::5"), "2001:db8:9::1");
    EXPECT_EQ(choose({old}, "2001:db8::5"), "2001:db8::1");
}

TEST(SourceAddressTest, the_outgoing_interface_comes_before_a_longer_match) {
    EXPECT_EQ(choose({own("2001:db8::1/64", 3), own("2001:db9::1/64", 2)}, "2001:db8::5"),
              "2001:db9::1");
}

TEST(SourceAddressTest, another_links_local_address_is_no_candidate) {
    EXPECT_EQ(choose({own("fe80::1/64", 3)}, "fe80::5"), "none");
    EXPECT_EQ(choose({own("::1/128", 1)}, "2001:db8::5"), "none");
    EXPECT_EQ(choose({own("192.0.2.1/24")}, "2001:db8::5"), "none");
}

TEST(SourceAddressTest, ipv4_takes_the_primary_address_of_the_next_hops_subnet) {
    OwnAddress second = own("192.0.2.9/24");
    second.is_secondary = true;
    const std::vector<OwnAddress> all{own("127.0.0.1/8", 1), own("203.0.113.1/24", 3),
                                      own("198.51.100.1/24"), own("192.0.2.1/24"), second};
    EXPECT_EQ(choose(all, "192.0.2.77"), "192.0.2.1");
    EXPECT_EQ(choose(all, "10.0.0.1"), "198.51.100.1");
    EXPECT_EQ(choose(all, "10.0.0.1", 4), "203.0.113.1");
    EXPECT_EQ(choose({own("127.0.0.1/8", 1)}, "10.0.0.1"), "none");
}

}  // namespace
}  // namespace fairlead::ip
