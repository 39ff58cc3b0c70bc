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
    EXPECT_EQ(config.set("net.ipv4.tcp_sacks", "1").error(), Errc::NoSuchEntry);
    EXPECT_EQ(config.tcp_rmem[1], 540000);
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
