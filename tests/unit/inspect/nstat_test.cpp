#include "inspect/nstat.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "inspect/proc_net.hpp"
#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

TEST(Nstat, CountersHaveItsForm) {
    Snapshot s;
    s.counters.add(Counter::TcpInSegs, 7);
    s.counters.add(Counter::TcpExtListenDrops, 12);
    s.counters.add(Counter::TcpCurrEstab, 3);
    const auto counts = all_counts(s);
    EXPECT_EQ(nstat_text(counts, {}),
              "#kernel\n"
              "TcpInSegs                       7                  0.0\n"
              "TcpExtListenDrops               12                 0.0\n");
    EXPECT_EQ(nstat_text(counts, {.is_json = true}),
              "{\"kernel\":{\"TcpInSegs\":7,\"TcpExtListenDrops\":12}}\n");
    EXPECT_EQ(nstat_text(counts, {.shows_zeros = true, .patterns = {"TcpIn*", "tcpout*"}}),
              "#kernel\n"
              "TcpInSegs                       7                  0.0\n"
              "TcpOutSegs                      0                  0.0\n"
              "TcpInErrs                       0                  0.0\n"
              "TcpOutRsts                      0                  0.0\n"
              "TcpInCsumErrors                 0                  0.0\n");
}

TEST(Nstat, WhatLinuxDoesNotCountIsToldToo) {
    Counters counters;
    counters.add(Counter::DropTcpOldData, 3);
    counters.add(Counter::ArpInErrors, 1);
    EXPECT_EQ(nstat_text(own_counts(counters), {}),
              "#kernel\n"
              "DropTcpOldData                  3                  0.0\n"
              "ArpInErrors                     1                  0.0\n");
}

TEST(Nstat, ALookTellsWhatMovedSinceTheLast) {
    const std::vector<NamedCount> before{{"TcpInSegs", 5}, {"TcpOutSegs", 9}};
    const auto history = read_history(write_history(before));
    EXPECT_EQ(history, before);
    const auto moved = since({{"TcpInSegs", 7}, {"TcpOutSegs", 4}, {"TcpInErrs", 1}}, history);
    EXPECT_EQ(moved[0].value, 2u);
    EXPECT_EQ(moved[1].value, 4u) << "the stack began anew";
    EXPECT_EQ(moved[2].value, 1u);
    EXPECT_TRUE(read_history("nonsense\n\x01\x02 -1\n#x 1\n").empty());
}

TEST(Nstat, TheListIsThatOfTheGenuineOne) {
    if (!has_tool("nstat")) GTEST_SKIP() << "there is no nstat";
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Snapshot s;
        Prng prng{seed};
        for (std::size_t i = 0; i < kCounterCount; ++i) {
            if (prng.below(2) == 0) s.counters.add(static_cast<Counter>(i), prng.below(1u << 31));
        }
        const ScratchFile snmp{proc_net_snmp(s)};
        const ScratchFile snmp6{proc_net_snmp6(s.counters)};
        const ScratchFile netstat{proc_net_netstat(s.counters)};
        const ScratchFile history{""};
        const std::string nstat = "PROC_NET_SNMP=" + snmp.path() +
                                  " PROC_NET_SNMP6=" + snmp6.path() +
                                  " PROC_NET_NETSTAT=" + netstat.path() +
                                  " NSTAT_HISTORY=" + history.path() + " nstat -s";
        const auto counts = all_counts(s);
        EXPECT_EQ(nstat_text(counts, {}), run_tool(nstat + " -a").text) << "seed " << seed;
        EXPECT_EQ(nstat_text(counts, {.shows_zeros = true}), run_tool(nstat + " -az").text);
        EXPECT_EQ(nstat_text(counts, {.is_json = true, .patterns = {"TcpExt*"}}),
                  run_tool(nstat + " -aj 'TcpExt*'").text);
        EXPECT_EQ(nstat_text(counts, {.patterns = {"Ip*", "*Drop*"}}),
                  run_tool(nstat + " -a 'Ip*' '*Drop*'").text);
    }
}

}  // namespace
}  // namespace fairlead::inspect
