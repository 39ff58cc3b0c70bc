#include "inspect/sysctl.hpp"

#include <gtest/gtest.h>

namespace fairlead::inspect {
namespace {

TEST(Sysctl, ANameIsWrittenInThreeWays) {
    EXPECT_EQ(dotted("net.ipv4.tcp_sack"), "net.ipv4.tcp_sack");
    EXPECT_EQ(dotted("net/ipv4/tcp_sack"), "net.ipv4.tcp_sack");
    EXPECT_EQ(dotted("/proc/sys/net/ipv4/tcp_sack"), "net.ipv4.tcp_sack");
}

TEST(Sysctl, PatternsAndFoldersMeanSeveral) {
    EXPECT_EQ(matching_settings("net.ipv4.tcp_[rw]mem"),
              (std::vector<std::string_view>{"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}));
    EXPECT_EQ(matching_settings("net.core"), matching_settings("net/core/*"));
    EXPECT_GT(matching_settings("net.core").size(), 4u);
    EXPECT_EQ(matching_settings("*").size(), Config::names().size() + 1) << "and one to read only";
    EXPECT_EQ(sysctl_line({}, "net.ipv4.tcp_available_congestion_control", SysctlForm::Value),
              "cubic reno bbr bbr3 dctcp prague vegas fixed\n");
    EXPECT_TRUE(matching_settings("net.ipv4.tcp_nothing").empty());
}

TEST(Sysctl, ALineIsAsSysctlPrintsIt) {
    const Config config;
    EXPECT_EQ(sysctl_line(config, "net.ipv4.tcp_sack", SysctlForm::Whole),
              "net.ipv4.tcp_sack = 1\n");
    EXPECT_EQ(sysctl_line(config, "net.ipv4.tcp_sack", SysctlForm::Value), "1\n");
    EXPECT_EQ(sysctl_line(config, "net.ipv4.tcp_sack", SysctlForm::Name), "net.ipv4.tcp_sack\n");
    EXPECT_EQ(sysctl_line(config, "net.ipv4.ip_local_port_range", SysctlForm::Whole),
              "net.ipv4.ip_local_port_range = 32768\t60999\n");
}

TEST(Sysctl, AssignmentsAreReadOfWordsAndOfLines) {
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(assignment("net/ipv4/tcp_sack=0"), (Pair{"net.ipv4.tcp_sack", "0"}));
    EXPECT_EQ(assignment("net.ipv4.tcp_sack"), std::nullopt);
    EXPECT_EQ(file_assignment("  net.ipv4.tcp_rmem = 4096 87380 1000000 \r"),
              (Pair{"net.ipv4.tcp_rmem", "4096 87380 1000000"}));
    EXPECT_EQ(file_assignment("-net.ipv4.tcp_sack=1"), (Pair{"net.ipv4.tcp_sack", "1"}));
    EXPECT_EQ(file_assignment("# a comment"), std::nullopt);
    EXPECT_EQ(file_assignment("; another"), std::nullopt);
    EXPECT_EQ(file_assignment("   "), std::nullopt);
}

}  // namespace
}  // namespace fairlead::inspect
