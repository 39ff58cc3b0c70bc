#include "drill/shell.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill {
namespace {

using All = std::vector<Sysctl>;

TEST(Shell, SysctlIsUnderstood) {
    EXPECT_EQ(read_sysctl("sysctl -q net.ipv4.tcp_sack=0"), (All{{"net.ipv4.tcp_sack", "0"}}));
    EXPECT_EQ(read_sysctl("sysctl -w a=\"1 2 3\" b='4'"), (All{{"a", "1 2 3"}, {"b", "4"}}));
    EXPECT_EQ(read_sysctl("sysctl a=1; sysctl -e b=2\n  sysctl c=3"),
              (All{{"a", "1"}, {"b", "2", true}, {"c", "3"}}));
    EXPECT_EQ(read_sysctl("sysctl -q a=1 \\\n b=2"), (All{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(read_sysctl(" \n"), All{});
}

TEST(Shell, NothingElseIs) {
    for (const char* command : {"ls", "sysctl a=1; ls", "sysctl a=`id`", "sysctl a=$X",
                                "sysctl a=1 && ls", "sysctl a=1 | cat", "sysctl a=1 > /tmp/x",
                                "sysctl a", "sysctl =1", "sysctl \"a=1", "sysctl -p file"}) {
        EXPECT_FALSE(read_sysctl(command)) << command;
    }
}

}  // namespace
}  // namespace fairlead::drill
