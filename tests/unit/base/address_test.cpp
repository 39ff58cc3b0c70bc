#include "fairlead/address.hpp"

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

TEST(IpAddress, ReadsWhatItWrites) {
    for (const char* text :
         {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1%3",
          "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "1::", "::2:3:4:5:6:7:8"}) {
        const auto a = IpAddress::parse(text);
        ASSERT_TRUE(a) << text;
        const std::string again = a->to_string();
        EXPECT_EQ(IpAddress::parse(again), a) << text;
    }
    EXPECT_EQ(IpAddress::parse("2001:0db8:0:0:1:0:0:1")->to_string(), "2001:db8::1:0:0:1");
    EXPECT_EQ(IpAddress::parse("2001:db8:0:1:1:1:1:1")->to_string(), "2001:db8:0:1:1:1:1:1");
}

TEST(IpAddress, AMappedNameIsAnIpv4Address) {
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
    EXPECT_TRUE(IpAddress::parse("::ffff:1.2.3.4")->is_v4());
    EXPECT_FALSE(IpAddress::parse("::1.2.3.4")->is_v4());
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
    for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.", "1..2.3", ":",
                             ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
                             "1::2::3", "::1%", "::1%x", "1:2:3:4:5:6:7:", "::1.2.3", " 1.2.3.4"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
}

TEST(Prefix, ContainsItsNetworkOnly) {
    const auto net = *Prefix::parse("192.0.2.0/23");
    EXPECT_TRUE(net.contains(*IpAddress::parse("192.0.3.255")));
    EXPECT_FALSE(net.contains(*IpAddress::parse("192.0.4.0")));
    EXPECT_FALSE(net.contains(*IpAddress::parse("::1")));
    EXPECT_TRUE(Prefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
    EXPECT_FALSE(Prefix::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
    EXPECT_FALSE(Prefix::parse("10.0.0.0/33"));
}

TEST(Endpoint, ReadsWhatItWrites) {
    for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "[fe80::1%2]:1"}) {
        EXPECT_EQ(Endpoint::parse(text)->to_string(), text);
    }
    EXPECT_EQ(Endpoint::parse("::1")->port, 0);
    EXPECT_FALSE(Endpoint::parse("192.0.2.1:65536"));
    EXPECT_FALSE(Endpoint::parse("[::1"));
}

}  // namespace
