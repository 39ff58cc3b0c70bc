#include "ip/icmp_limit.hpp"

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;

class IcmpLimitTest : public ::testing::Test {
protected:
    int allowed(const IpAddress& to, int tries) {
        int n = 0;
        for (int i = 0; i < tries; ++i) {
            if (limit.allow(to, now) == IcmpAllowance::Send) ++n;
        }
        return n;
    }

    Config config{};
    Instant now = Instant::from_ns(1'000'000);
    IcmpLimit limit{config, AddressHash{1, 2}};
    IpAddress host = address("192.0.2.1");
};

TEST_F(IcmpLimitTest, one_host_gets_six_at_once_and_then_one_a_second) {
    EXPECT_EQ(allowed(host, 20), 6);
    EXPECT_EQ(limit.allow(host, now), IcmpAllowance::HostLimit);
    now = now + 999_ms;
    EXPECT_EQ(allowed(host, 5), 0);
    now = now + 1_ms;
    EXPECT_EQ(allowed(host, 5), 1);
    now = now + 3600_s;
    EXPECT_EQ(allowed(host, 20), 6);
}

TEST_F(IcmpLimitTest, hosts_have_limits_of_their_own) {
    EXPECT_EQ(allowed(host, 20), 6);
    EXPECT_EQ(allowed(address("192.0.2.2"), 20), 6);
    EXPECT_EQ(allowed(address("2001:db8::1"), 20), 6);
}

TEST_F(IcmpLimitTest, all_hosts_together_have_one_too) {
    config.icmp_msgs_burst = 50;
    config.icmp_msgs_per_sec = 1000;
    int sent = 0;
    for (std::uint32_t i = 0; i < 200; ++i) sent += allowed(IpAddress::v4(0x0a00'0000u + i), 1);
    EXPECT_EQ(sent, 50);
    EXPECT_EQ(limit.allow(host, now), IcmpAllowance::GlobalLimit);
    now = now + 10_ms;
    EXPECT_EQ(allowed(address("10.9.9.9"), 6) + allowed(address("10.9.9.8"), 6), 10);
    now = now + 3600_s;
    sent = 0;
    for (std::uint32_t i = 0; i < 200; ++i) sent += allowed(IpAddress::v4(0x0b00'0000u + i), 1);
    EXPECT_EQ(sent, 50);
}

TEST_F(IcmpLimitTest, zero_means_no_limit_for_hosts) {
    config.icmp_ratelimit = 0;
    EXPECT_EQ(allowed(host, 500), 500);
}

}  // namespace
}  // namespace fairlead::ip
