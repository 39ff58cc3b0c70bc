#include "drill/stack_system.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drill/commands.hpp"
#include "drill/stack_backend.hpp"
#include "drill/suite.hpp"

namespace fairlead::drill {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class StackSystemTest : public testing::Test {
protected:
    StackSystemTest() {
        auto made = make_stack_backend({});
        backend = std::move(*made);
        commands.emplace(backend->system());
    }
    Finished run(std::string_view line) {
        const auto parsed = parse_shell(line);
        EXPECT_TRUE(parsed) << line;
        EXPECT_EQ(why_not(*parsed), std::nullopt) << line;
        return commands->run(*parsed);
    }

    std::unique_ptr<Backend> backend;
    std::optional<Commands> commands;
};

TEST_F(StackSystemTest, SettingsAreTheStacks) {
    EXPECT_EQ(run("sysctl net.ipv4.tcp_sack").output, "net.ipv4.tcp_sack = 1\n");
    EXPECT_EQ(run("sysctl -q net.ipv4.tcp_sack=0").status, 0);
    EXPECT_EQ(run("cat /proc/sys/net/ipv4/tcp_sack").output, "0\n");
    EXPECT_EQ(run("sysctl -q net.ipv4.tcp_nothing=0").error,
              "sysctl: net.ipv4.tcp_nothing=0: the stack has no such setting\n");
    EXPECT_EQ(run("sysctl -q net.ipv4.tcp_sack=x").error,
              "sysctl: net.ipv4.tcp_sack=x: Invalid argument\n");
}

TEST_F(StackSystemTest, DefaultsAreSetAndRestored) {
    EXPECT_EQ(run("./defaults.sh").status, 0);
    EXPECT_EQ(run("sysctl -n net.ipv4.tcp_rmem").output, "4096\t540000\t15728640\n");
    EXPECT_EQ(
        run("./set_sysctls.py /proc/sys/net/ipv4/tcp_rmem=\"4096 1 2\" net.ipv4.tcp_sack=0").status,
        0);
    EXPECT_EQ(run("/tmp/sysctl_restore_${PPID}.sh").status, 0);
    EXPECT_EQ(run("sysctl -n net.ipv4.tcp_rmem net.ipv4.tcp_sack").output,
              "4096\t540000\t15728640\n1\n");
}

TEST_F(StackSystemTest, RoutesAreChanged) {
    EXPECT_EQ(run("ip route add 198.51.100.0/24 via 192.168.0.9 dev tun0 mtu lock 1300").status, 0);
    EXPECT_EQ(run("ip route add 198.51.100.0/24 dev tun0").error, "ip route add: File exists\n");
    EXPECT_EQ(run("ip route change 198.51.100.0/24 dev tun0 mtu 1200").status, 0);
    EXPECT_EQ(run("ip route del 198.51.100.0/24").status, 0);
    EXPECT_EQ(run("ip route change 198.51.100.0/24 dev tun0").status, 1);
    EXPECT_EQ(run("ip route replace 198.51.100.0/24 dev tun0").status, 0);
    EXPECT_EQ(run("ip -6 route replace default dev tun0").status, 0);
    EXPECT_EQ(run("ip route add 203.0.113.1 dev eth9").error, "there is no device eth9\n");
    EXPECT_EQ(run("ip route add 203.0.113.1 dev tun0 quality 7").error,
              "the stack does not know a route's quality 7\n");
    EXPECT_EQ(run("ip addr add 192.168.0.77/16 dev tun0").status, 0);
    EXPECT_EQ(run("ip tcp_metrics flush all").status, 0);
    EXPECT_EQ(run("ip tcp_metrics show").output, "");
    EXPECT_EQ(run("ip tcp_metrics delete 192.0.2.1").status, 1);
    EXPECT_EQ(run("ip tcp_metrics change 192.0.2.1").status, 1);
}

TEST_F(StackSystemTest, RoutesAreShown) {
    // As iproute2 prints them on Linux 6.18, but for `proto kernel` and `linkdown`.
    EXPECT_EQ(
        run("ip route show").output,
        "default dev tun0 scope link \n192.168.0.0/16 dev tun0 scope link src 192.168.0.1 \n");
    EXPECT_EQ(run("ip route add 198.51.100.0/24 via 192.168.0.9 dev tun0 mtu lock 1300 advmss 1000 "
                  "initcwnd 20 initrwnd 5 rto_min 100ms quickack 1 congctl bbr3")
                  .status,
              0);
    EXPECT_EQ(run("ip route add 203.0.113.7 dev tun0 src 192.168.0.1 metric 7 mtu 1200 rto_min 5s")
                  .status,
              0);
    EXPECT_EQ(run("ip route show 198.51.100.0/24").output,
              "198.51.100.0/24 via 192.168.0.9 dev tun0 mtu lock 1300 advmss 1000 initcwnd 20 "
              "rto_min lock 100ms initrwnd 5 quickack 1 congctl bbr3 \n");
    EXPECT_EQ(run("ip route add 203.0.113.0/24 dev tun0 congctl nobody").status, 1);
    EXPECT_EQ(run("ip route list 203.0.113.7 dev tun0").output,
              "203.0.113.7 dev tun0 scope link src 192.168.0.1 metric 7 mtu 1200 rto_min lock 5s "
              "\n");
    EXPECT_EQ(run("ip route").output, run("ip route show").output);
    EXPECT_EQ(run("ip route show 198.51.100.0/25").output, "");
    EXPECT_EQ(run("ip -6 route show").output,
              "default dev tun0 \nfd3d:fa7b:d17d::/48 dev tun0 metric 256 \n");
    EXPECT_EQ(run("ip route show dev eth9").error, "there is no device eth9\n");
}

TEST_F(StackSystemTest, ARoutesWordsAreRead) {
    for (const char* words : {"advmss", "advmss x", "initcwnd -1", "rto_min 1m", "quickack 2",
                              "congctl abcdefghijklmnop", "via nowhere", "mtu lock"}) {
        const Finished ran = run(std::string{"ip route add 203.0.113.0/24 dev tun0 "} + words);
        EXPECT_EQ(ran.status, 1) << words;
        EXPECT_THAT(ran.error, StartsWith("the stack does not know a route's ")) << words;
    }
}

TEST_F(StackSystemTest, RoutesSayOnlySoManyThingsToTcp) {
    for (int i = 1; i < 256; ++i) {
        EXPECT_EQ(
            run("ip route replace 203.0.113.0/24 dev tun0 advmss " + std::to_string(i)).status, 0);
    }
    EXPECT_EQ(run("ip route replace 203.0.113.0/24 dev tun0 advmss 256").error,
              "ip route replace: No buffer space available\n");
    EXPECT_EQ(run("ip route replace 203.0.113.0/24 dev tun0 advmss 255").status, 0);
}

TEST_F(StackSystemTest, CubicsParametersAreKept) {
    EXPECT_EQ(run("cat /sys/module/tcp_cubic/parameters/hystart_detect").output, "3\n");
    EXPECT_EQ(run("echo 2 > /sys/module/tcp_cubic/parameters/hystart_detect").status, 0);
    EXPECT_EQ(run("cat /sys/module/tcp_cubic/parameters/hystart_detect").output, "2\n");
    EXPECT_EQ(run("echo x > /sys/module/tcp_cubic/parameters/hystart").error, "Invalid argument\n");
    EXPECT_EQ(run("echo 1 > /sys/module/tcp_cubic/parameters/nothing").error,
              "No such file or directory\n");
}

TEST_F(StackSystemTest, QueuesAndOffloadsAreKnownByForm) {
    for (const char* line :
         {"tc qdisc replace dev tun0 root fq", "tc qdisc add dev tun0 root pfifo",
          "tc qdisc delete dev tun0 root", "ethtool -K tun0 tso off gso off"}) {
        EXPECT_EQ(run(line).status, 0) << line;
    }
    for (const char* line :
         {"tc qdisc replace dev tun0 root netem delay 1ms", "tc qdisc show", "ethtool -k tun0",
          "tc qdisc replace dev eth9 root fq", "tc qdisc replace dev tun0 root pfifo limit x",
          "ethtool -K tun0 lro on"}) {
        EXPECT_EQ(run(line).status, 1) << line;
    }
}

constexpr std::string_view kListening = R"(
0  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
)";

Verdict run_script(const std::string& text) {
    const auto verdict = run_text(text, "t.pkt", {}, &make_stack_backend, {});
    EXPECT_TRUE(verdict) << verdict.error().message;
    return verdict.value_or(Verdict{});
}

TEST(StackSystem, ScriptsSeeCountersAndTables) {
    const Verdict verdict = run_script(std::string{kListening} + R"(
+0 `grep -q ': 0100A8C0:1F90 00000000:0000 0A 00000000:' /proc/net/tcp`
+0 < . 5:5(0) ack 9 win 100
+0 > R 9:9(0)
+0 `nstat | grep TcpOutRsts`
+0 `nstat | grep -q TcpOutRsts || echo none`
)");
    EXPECT_EQ(verdict.kind, VerdictKind::Passed) << verdict.text;
}

TEST(StackSystem, AQueueThatHoldsNothingDropsAll) {
    const Verdict verdict = run_script(std::string{kListening} + R"(
+0 `tc qdisc replace dev tun0 root pfifo limit 0`
+0 < S 0:0(0) win 32792 <mss 1000>
+.5 `tc qdisc replace dev tun0 root pfifo`
+.5 > S. 0:0(0) ack 1 <mss 1460>
)");
    EXPECT_EQ(verdict.kind, VerdictKind::Passed) << verdict.text;
}

}  // namespace
}  // namespace fairlead::drill
