#include "drill/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/drill/fake_backend.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CommandsTest : public testing::Test {
protected:
    Finished run(std::string_view line) {
        const auto parsed = parse_shell(line);
        EXPECT_TRUE(parsed) << line << ": " << parsed.error();
        if (!parsed) return {};
        EXPECT_EQ(why_not(*parsed), std::nullopt) << line;
        return commands.run(*parsed);
    }
    void expect_refused(std::string_view line, std::string_view named) {
        const auto parsed = parse_shell(line);
        ASSERT_TRUE(parsed) << line;
        EXPECT_EQ(why_not(*parsed), std::string{named}) << line;
    }

    FakeSystem system;
    Commands commands{system};
};

TEST_F(CommandsTest, SysctlReadsAndWrites) {
    EXPECT_EQ(run("sysctl -q net.a=1 \"net.b=1 2\"").output, "");
    EXPECT_EQ(run("sysctl net.a").output, "net.a = 1\n");
    EXPECT_EQ(run("sysctl -n net.b").output, "1 2\n");
    EXPECT_EQ(run("sysctl -w net.a=2").output, "net.a = 2\n");
    const Finished bad = run("sysctl -q bad=1 net.c=1");
    EXPECT_EQ(bad.status, 1);
    EXPECT_EQ(bad.error, "sysctl: bad=1: no such name\n");
    EXPECT_EQ(system.settings["net.c"], "1");
    EXPECT_EQ(run("sysctl -e -q bad=1").status, 0);
    EXPECT_EQ(run("sysctl -p file").status, 1);
}

TEST_F(CommandsTest, WhatFollowsDependsOnWhatWas) {
    EXPECT_EQ(run("false || echo a").output, "a\n");
    EXPECT_EQ(run("true || echo a").output, "");
    EXPECT_EQ(run("false && echo a; echo b").output, "b\n");
    EXPECT_EQ(run("false && echo a || echo c").output, "c\n");
    EXPECT_EQ(run("echo a; false").status, 1);
    EXPECT_EQ(run("sysctl -q bad=1 &> /dev/null || sysctl -q good=1").status, 0);
    EXPECT_EQ(system.settings["good"], "1");
}

TEST_F(CommandsTest, StreamsGoWhereTheyAreSent) {
    EXPECT_EQ(run("sysctl bad=1 2> /dev/null").error, "");
    EXPECT_EQ(run("sysctl bad=1 2>&1").output, "sysctl: bad=1: no such name\n");
    EXPECT_EQ(run("echo a >&2").error, "a\n");
    EXPECT_EQ(run("echo a > /tmp/x; echo -n b >> /tmp/x; cat /tmp/x").output, "a\nb");
    EXPECT_EQ(run("sysctl a=1 bad=1 &> /tmp/x; cat /tmp/x").output,
              "a = 1\nsysctl: bad=1: no such name\n");
    EXPECT_EQ(run("sysctl bad=1 > /tmp/x 2>&1; cat /tmp/x").output,
              "sysctl: bad=1: no such name\n");
    EXPECT_EQ(run("echo 7 > /proc/sys/net/ipv4/x; cat /proc/sys/net/ipv4/x").output, "7\n");
    EXPECT_EQ(system.settings["net/ipv4/x"], "7");
}

TEST_F(CommandsTest, GrepFindsLines) {
    system.tables["/proc/net/tcp"] = "sl local\n0: 0100A8C0:1F90 0A\n1: 0100A8C0:1F90 01\n";
    EXPECT_EQ(run("grep ' 0A' /proc/net/tcp").output, "0: 0100A8C0:1F90 0A\n");
    EXPECT_EQ(run("cat /proc/net/tcp | grep -c 1f90").output, "0\n");
    EXPECT_EQ(run("cat /proc/net/tcp | grep -ic 1f90").output, "2\n");
    EXPECT_EQ(run("grep -q nothing /proc/net/tcp").status, 1);
    EXPECT_EQ(run("grep -v 1F90 /proc/net/tcp").output, "sl local\n");
    EXPECT_EQ(run("grep -E '^(0|1):' /proc/net/tcp | grep 01").output,
              "0: 0100A8C0:1F90 0A\n1: 0100A8C0:1F90 01\n");
    EXPECT_EQ(run("grep a /proc/net/udp").status, 2);
    EXPECT_EQ(run("grep '[' /proc/net/tcp").status, 2);
}

TEST_F(CommandsTest, NstatShowsWhatMoved) {
    system.tables["/proc/net/snmp"] = "Tcp: OutRsts InErrs\nTcp: 1 0\n";
    EXPECT_EQ(run("nstat").output,
              "#kernel\nTcpOutRsts                      1                  0.0\n");
    EXPECT_EQ(run("nstat | grep -c Tcp").output, "0\n");
    system.tables["/proc/net/snmp"] = "Tcp: OutRsts InErrs\nTcp: 4 0\n";
    EXPECT_THAT(run("nstat -s TcpOutRsts").output, HasSubstr("TcpOutRsts                      3 "));
    EXPECT_THAT(run("nstat -az").output, HasSubstr("TcpInErrs                       0 "));
    EXPECT_EQ(run("nstat TcpInErrs").output, "#kernel\n");
    EXPECT_EQ(run("nstat -x").status, 1);
}

TEST_F(CommandsTest, TheScriptsBesidePacketdrillAreKnown) {
    EXPECT_EQ(run("../common/defaults.sh").status, 0);
    EXPECT_EQ(system.settings["net.ipv4.tcp_rmem"], "4096 540000 15728640");
    EXPECT_EQ(system.ran, (std::vector<std::string>{"ip tcp_metrics flush all",
                                                    "tc qdisc replace dev tun0 root pfifo"}));
    EXPECT_EQ(run("/tmp/sysctl_restore_${PPID}.sh").status, 127);
    system.settings["net/ipv4/tcp_ecn"] = "2";
    EXPECT_EQ(run("../common/set_sysctls.py /proc/sys/net/ipv4/tcp_ecn=1").status, 0);
    EXPECT_EQ(system.settings["net/ipv4/tcp_ecn"], "1");
    EXPECT_EQ(run("/tmp/sysctl_restore_${PPID}.sh").status, 0);
    EXPECT_EQ(system.settings["net/ipv4/tcp_ecn"], "2");
    EXPECT_EQ(run("../common/set_sysctls.py /proc/sys/net/nothing=1").status, 1);
}

TEST_F(CommandsTest, FilesAreTheScriptsOwn) {
    EXPECT_EQ(run("dd if=/dev/zero of=/tmp/testfile bs=1k count=3 status=none").status, 0);
    ASSERT_NE(system.files().find("/tmp/testfile"), nullptr);
    EXPECT_EQ(system.files().find("/tmp/testfile")->size(), 3072u);
    EXPECT_EQ(run("rm /tmp/testfile").status, 0);
    EXPECT_EQ(run("rm /tmp/testfile").status, 1);
    EXPECT_EQ(run("rm -f /tmp/testfile").status, 0);
    EXPECT_EQ(run("dd if=/dev/zero of=/tmp/big bs=64M count=2").status, 1);
    EXPECT_EQ(run("dd if=/dev/zero of=/tmp/big bs=64M count=1").status, 0);
    EXPECT_THAT(run("echo a > /tmp/more").error, HasSubstr("at most 67108864 bytes in all"));
    EXPECT_EQ(system.files().find("/tmp/more"), nullptr);
}

TEST_F(CommandsTest, AFileTooManyIsRefused) {
    for (std::size_t i = 0; i < ScratchFiles::kMostFiles; ++i) {
        EXPECT_TRUE(system.files().write("/tmp/" + std::to_string(i), "x"));
    }
    EXPECT_THAT(run("echo a > /tmp/more").error, HasSubstr("at most 64 files"));
    EXPECT_EQ(run("echo a > /tmp/1").status, 0);
}

TEST_F(CommandsTest, NothingElseIsRun) {
    expect_refused("ls", "'ls'");
    expect_refused("sysctl a=1; ls -l", "'ls -l'");
    expect_refused("rm /tmp/a /etc/passwd", "'rm /tmp/a /etc/passwd'");
    expect_refused("rm /tmp/../x", "'rm /tmp/../x'");
    expect_refused("cat /etc/passwd", "'cat /etc/passwd'");
    expect_refused("grep x /etc/passwd", "'grep x /etc/passwd'");
    expect_refused("echo 1 > /sys/module/tcp_bbr/parameters/x",
                   "'> /sys/module/tcp_bbr/parameters/x'");
    expect_refused("dd if=/dev/sda of=/tmp/x", "'dd if=/dev/sda of=/tmp/x'");
    expect_refused("dd if=/dev/zero of=/dev/sda", "'dd if=/dev/zero of=/dev/sda'");
    expect_refused("ip netns exec x sh", "'ip netns exec x sh'");
    expect_refused("ip -b file", "'ip -b file'");
    expect_refused("ip -n x route", "'ip -n x route'");
    expect_refused("ip link set tun0 netns 1", "'ip link set tun0 netns 1'");
    expect_refused("tc filter add dev tun0", "'tc filter add dev tun0'");
    expect_refused("ethtool -f tun0 x", "'ethtool -f tun0 x'");
    expect_refused("./defaults", "'./defaults'");
    EXPECT_EQ(system.ran, std::vector<std::string>{});
}

TEST_F(CommandsTest, TheNetworkIsConfigured) {
    for (const char* line : {"ip route change 192.0.2.0/24 dev tun0 mtu lock 1300",
                             "ip -6 route add ::/0 dev tun0", "ip tcp_metrics flush all",
                             "tc qdisc replace dev tun0 root fq", "ethtool -K tun0 tso off"}) {
        EXPECT_EQ(run(line).status, 0) << line;
        EXPECT_EQ(system.ran.back(), line);
    }
}

}  // namespace
}  // namespace fairlead::drill
