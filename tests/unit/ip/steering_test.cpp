#include "ip/steering.hpp"

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

Endpoint at(const char* text) { return *Endpoint::parse(text); }
IpAddress address(const char* text) { return *IpAddress::parse(text); }

// The verification suite of the RSS specification.
TEST(Steering, HashesAsTheSpecificationDoes) {
    const ip::Steering s{1};
    EXPECT_EQ(s.hash(at("66.9.149.187:2794"), at("161.142.100.80:1766")), 0x51ccc178u);
    EXPECT_EQ(s.hash(address("66.9.149.187"), address("161.142.100.80")), 0x323e8fc2u);
    EXPECT_EQ(s.hash(at("199.92.111.2:14230"), at("65.69.140.83:4739")), 0xc626b0eau);
    EXPECT_EQ(s.hash(address("199.92.111.2"), address("65.69.140.83")), 0xd718262au);
    EXPECT_EQ(s.hash(at("[3ffe:2501:200:1fff::7]:2794"), at("[3ffe:2501:200:3::1]:1766")),
              0x40207d3du);
    EXPECT_EQ(s.hash(address("3ffe:2501:200:1fff::7"), address("3ffe:2501:200:3::1")), 0x2cc18cd5u);
}

TEST(Steering, SpreadsPortsOverAllMembers) {
    const ip::Steering s{4};
    std::array<int, 4> counts{};
    for (std::uint16_t port = 40000; port < 41000; ++port) {
        ++counts.at(s.member_of({address("10.0.0.1"), port}, at("10.0.0.2:80")));
    }
    for (const int count : counts) EXPECT_GT(count, 150);
}

}  // namespace
