#include "drill/samples.hpp"

#include <cstring>

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

namespace fairlead::drill {
namespace {

template <typename T>
std::span<const std::uint8_t> bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

TEST(Samples, CongestionControlsTellWhatLinuxsStructsHold) {
    tcp_bbr_info bbr{};
    bbr.bbr_bw_lo = 1;
    bbr.bbr_bw_hi = 2;
    bbr.bbr_min_rtt = 3;
    bbr.bbr_pacing_gain = 4;
    bbr.bbr_cwnd_gain = 5;
    EXPECT_EQ(read_cc_info("bbr", bytes_of(bbr)), (Sampled{{"bbr_bw_lo", 1},
                                                           {"bbr_bw_hi", 2},
                                                           {"bbr_min_rtt", 3},
                                                           {"bbr_pacing_gain", 4},
                                                           {"bbr_cwnd_gain", 5}}));
    tcp_dctcp_info dctcp{};
    dctcp.dctcp_enabled = 1;
    dctcp.dctcp_ce_state = 2;
    dctcp.dctcp_alpha = 3;
    dctcp.dctcp_ab_ecn = 4;
    dctcp.dctcp_ab_tot = 0x10005;
    EXPECT_EQ(read_cc_info("dctcp", bytes_of(dctcp)), (Sampled{{"dctcp_enabled", 1},
                                                               {"dctcp_ce_state", 2},
                                                               {"dctcp_alpha", 3},
                                                               {"dctcp_ab_ecn", 4},
                                                               {"dctcp_ab_tot", 0x10005}}));
    tcpvegas_info vegas{};
    vegas.tcpv_enabled = 1;
    vegas.tcpv_rttcnt = 2;
    vegas.tcpv_rtt = 3;
    vegas.tcpv_minrtt = 4;
    EXPECT_EQ(
        read_cc_info("vegas", bytes_of(vegas)),
        (Sampled{{"tcpv_enabled", 1}, {"tcpv_rttcnt", 2}, {"tcpv_rtt", 3}, {"tcpv_minrtt", 4}}));
    EXPECT_TRUE(read_cc_info("reno", bytes_of(vegas)).empty());
    EXPECT_EQ(read_cc_info("bbr", bytes_of(bbr).first(9)).size(), 2u);
}

TEST(Samples, MemoryIsNamedAsLinuxCountsIt) {
    std::uint32_t numbers[SK_MEMINFO_VARS]{};
    numbers[SK_MEMINFO_RMEM_ALLOC] = 1;
    numbers[SK_MEMINFO_SNDBUF] = 87040;
    numbers[SK_MEMINFO_DROPS] = 7;
    const Sampled read = read_memory_info(bytes_of(numbers));
    ASSERT_EQ(read.size(), std::size_t{SK_MEMINFO_VARS});
    EXPECT_EQ(read[SK_MEMINFO_RMEM_ALLOC],
              (std::pair<std::string, std::uint64_t>{"SK_MEMINFO_RMEM_ALLOC", 1}));
    EXPECT_EQ(read[SK_MEMINFO_SNDBUF],
              (std::pair<std::string, std::uint64_t>{"SK_MEMINFO_SNDBUF", 87040}));
    EXPECT_EQ(read[SK_MEMINFO_DROPS],
              (std::pair<std::string, std::uint64_t>{"SK_MEMINFO_DROPS", 7}));
}

}  // namespace
}  // namespace fairlead::drill
