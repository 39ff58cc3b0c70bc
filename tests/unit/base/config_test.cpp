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

// Every setting that the texts behind the experiments name, and Linux 6.18 has.
TEST(Config, HasWhatTheTextsName) {
    constexpr std::string_view kNamed[] = {"net.core.netdev_budget",
                                           "net.core.netdev_budget_usecs",
                                           "net.core.netdev_max_backlog",
                                           "net.core.rmem_max",
                                           "net.core.wmem_max",
                                           "net.ipv4.icmp_echo_ignore_broadcasts",
                                           "net.ipv4.icmp_msgs_per_sec",
                                           "net.ipv4.icmp_ratelimit",
                                           "net.ipv4.igmp_max_memberships",
                                           "net.ipv4.igmp_qrv",
                                           "net.ipv4.ip_default_ttl",
                                           "net.ipv4.ip_forward",
                                           "net.ipv4.ip_local_port_range",
                                           "net.ipv4.ip_no_pmtu_disc",
                                           "net.ipv4.ip_unprivileged_port_start",
                                           "net.ipv4.ipfrag_high_thresh",
                                           "net.ipv4.ipfrag_max_dist",
                                           "net.ipv4.ipfrag_time",
                                           "net.ipv4.tcp_abort_on_overflow",
                                           "net.ipv4.tcp_adv_win_scale",
                                           "net.ipv4.tcp_app_win",
                                           "net.ipv4.tcp_autocorking",
                                           "net.ipv4.tcp_backlog_ack_defer",
                                           "net.ipv4.tcp_base_mss",
                                           "net.ipv4.tcp_challenge_ack_limit",
                                           "net.ipv4.tcp_comp_sack_delay_ns",
                                           "net.ipv4.tcp_congestion_control",
                                           "net.ipv4.tcp_dsack",
                                           "net.ipv4.tcp_early_retrans",
                                           "net.ipv4.tcp_ecn",
                                           "net.ipv4.tcp_fastopen",
                                           "net.ipv4.tcp_fastopen_key",
                                           "net.ipv4.tcp_fin_timeout",
                                           "net.ipv4.tcp_frto",
                                           "net.ipv4.tcp_invalid_ratelimit",
                                           "net.ipv4.tcp_keepalive_intvl",
                                           "net.ipv4.tcp_keepalive_probes",
                                           "net.ipv4.tcp_keepalive_time",
                                           "net.ipv4.tcp_limit_output_bytes",
                                           "net.ipv4.tcp_max_orphans",
                                           "net.ipv4.tcp_max_reordering",
                                           "net.ipv4.tcp_max_syn_backlog",
                                           "net.ipv4.tcp_max_tw_buckets",
                                           "net.ipv4.tcp_mem",
                                           "net.ipv4.tcp_min_tso_segs",
                                           "net.ipv4.tcp_moderate_rcvbuf",
                                           "net.ipv4.tcp_mtu_probing",
                                           "net.ipv4.tcp_notsent_lowat",
                                           "net.ipv4.tcp_orphan_retries",
                                           "net.ipv4.tcp_pingpong_thresh",
                                           "net.ipv4.tcp_recovery",
                                           "net.ipv4.tcp_reordering",
                                           "net.ipv4.tcp_retries1",
                                           "net.ipv4.tcp_retries2",
                                           "net.ipv4.tcp_rfc1337",
                                           "net.ipv4.tcp_rmem",
                                           "net.ipv4.tcp_rto_max_ms",
                                           "net.ipv4.tcp_rto_min_us",
                                           "net.ipv4.tcp_sack",
                                           "net.ipv4.tcp_slow_start_after_idle",
                                           "net.ipv4.tcp_syn_linear_timeouts",
                                           "net.ipv4.tcp_syn_retries",
                                           "net.ipv4.tcp_synack_retries",
                                           "net.ipv4.tcp_syncookies",
                                           "net.ipv4.tcp_timestamps",
                                           "net.ipv4.tcp_tw_reuse",
                                           "net.ipv4.tcp_tw_reuse_delay",
                                           "net.ipv4.tcp_window_scaling",
                                           "net.ipv4.tcp_wmem"};
    const Config config;
    for (const std::string_view name : kNamed) {
        EXPECT_TRUE(config.get(name)) << name;
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
