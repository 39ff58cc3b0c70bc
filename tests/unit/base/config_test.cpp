#include "fairlead/config.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "fairlead/counters.hpp"

using namespace fairlead;

namespace {

TEST(Config, EveryNameIsSortedReadAndWrittenBack) {
    Config config;
    const auto names = Config::names();
    EXPECT_TRUE(std::ranges::is_sorted(names));
    for (const std::string_view name : names) {
        const auto value = config.get(name);
        ASSERT_TRUE(value) << name;
        EXPECT_TRUE(config.set(name, *value)) << name << " = " << *value;
        EXPECT_EQ(config.get(name), value) << name;
    }
}

TEST(Config, TakesWhatSysctlTakesAndNothingElse) {
    Config config;
    EXPECT_TRUE(config.set("net/ipv4/tcp_rmem", "4096 540000\t15728640\n"));
    EXPECT_EQ(config.get("net.ipv4.tcp_rmem"), "4096\t540000\t15728640");
    for (const char* bad :
         {"", "x", "1 2", "4096 540000 x", "1 2 3 4", "99999999999999999999 1 1"}) {
        EXPECT_EQ(config.set("net.ipv4.tcp_rmem", bad).error(), Errc::InvalidArgument) << bad;
    }
    EXPECT_EQ(config.set("net.ipv4.tcp_sack", "2").error(), Errc::InvalidArgument);
    EXPECT_EQ(config.set("net.ipv4.ip_local_port_range", "2 1").error(), Errc::InvalidArgument);
    EXPECT_EQ(config.set("net.ipv4.tcp_sacks", "1").error(), Errc::NoSuchEntry);
    EXPECT_EQ(config.tcp_rmem[1], 540000);
}

TEST(Config, ReadsHexadecimalNumbersAsLinuxDoes) {
    Config config;
    EXPECT_TRUE(config.set("net.ipv4.tcp_fastopen", "0x70403"));
    EXPECT_EQ(config.tcp_fastopen, 0x70403);
    EXPECT_EQ(config.set("net.ipv4.tcp_fastopen", "0x").error(), Errc::InvalidArgument);
    EXPECT_EQ(config.set("net.ipv4.tcp_fastopen", "70403x").error(), Errc::InvalidArgument);
}

TEST(Config, HasOneOrTwoKeysOfFastOpen) {
    constexpr std::string_view kName = "net.ipv4.tcp_fastopen_key";
    Config config;
    EXPECT_EQ(config.get(kName), "00000000-00000000-00000000-00000000");
    EXPECT_EQ(config.tcp_fastopen_key.count, 0);
    EXPECT_TRUE(config.set(kName, "a1a1a1a1-b2-c3c3c3c3-d4d4d4d4\n"));
    EXPECT_EQ(config.get(kName), "a1a1a1a1-000000b2-c3c3c3c3-d4d4d4d4");
    EXPECT_TRUE(config.set(kName, "1-2-3-4,5-6-7-8"));
    EXPECT_EQ(config.get(kName),
              "00000001-00000002-00000003-00000004,00000005-00000006-00000007-00000008");
    for (const char* bad : {"", "1-2-3", "1-2-3-4-5", "1-2-3-x", "1-2-3-4,", "1-2-3-4,5-6-7",
                            "123456789-2-3-4", "1-2-3-4,5-6-7-8,9-9-9-9", "-1-2-3-4"}) {
        EXPECT_EQ(config.set(kName, bad).error(), Errc::InvalidArgument) << bad;
    }
    EXPECT_EQ(config.tcp_fastopen_key.count, 2);
}

TEST(Counters, AreFoundByTheNamesOfNstat) {
    for (std::size_t i = 0; i < kCounterCount; ++i) {
        const auto c = static_cast<Counter>(i);
        EXPECT_EQ(counter_by_name(name_of(c)), c);
    }
    EXPECT_EQ(name_of(Counter::TcpExtListenDrops), "TcpExtListenDrops");
    EXPECT_FALSE(counter_by_name("TcpExtNothing"));
}

}  // namespace
