#include "inspect/netstat.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "inspect/proc_net.hpp"
#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

TEST(Netstat, SocketsHaveItsColumns) {
    EXPECT_EQ(netstat_table(every_kind(), {.shows_all = true}),
              "Active Internet connections (servers and established)\n"
              "Proto Recv-Q Send-Q Local Address           Foreign Address         State      \n"
              "tcp       21   4344 192.0.2.1:80            192.0.2.2:40000         ESTABLISHED\n"
              "tcp        0      0 192.0.2.1:80            192.0.2.9:1024          SYN_RECV   \n"
              "tcp6       0      0 :::80                   :::*                    LISTEN     \n"
              "tcp6       0      0 2001:db8::1:80          2001:db8::2:5           TIME_WAIT  \n"
              "udp        0      0 0.0.0.0:53              0.0.0.0:*                          \n");
}

TEST(Netstat, TimersAndOwnersFollow) {
    EXPECT_EQ(netstat_table(every_kind(), {.shows_udp = false,
                                           .shows_v6 = false,
                                           .shows_timers = true,
                                           .shows_programs = true,
                                           .owner = "serve",
                                           .owner_pid = 12}),
              "Active Internet connections (w/o servers)\n"
              "Proto Recv-Q Send-Q Local Address           Foreign Address         State       "
              "PID/Program name     Timer\n"
              "tcp       21   4344 192.0.2.1:80            192.0.2.2:40000         ESTABLISHED "
              "12/serve             on (0.20/2/0)\n"
              "tcp        0      0 192.0.2.1:80            192.0.2.9:1024          SYN_RECV    "
              "-                    on (4.20/1/0)\n");
}

TEST(Netstat, OnlyServersAreListedOnRequest) {
    EXPECT_EQ(netstat_table(every_kind(), {.shows_listening = true}),
              "Active Internet connections (only servers)\n"
              "Proto Recv-Q Send-Q Local Address           Foreign Address         State      \n"
              "tcp6       0      0 :::80                   :::*                    LISTEN     \n"
              "udp        0      0 0.0.0.0:53              0.0.0.0:*                          \n");
}

TEST(Netstat, InterfacesAndRoutes) {
    Snapshot s;
    s.interfaces = {{.name = "lo", .index = 1, .mtu = 65536, .is_up = true, .is_loopback = true},
                    {.name = "eth0",
                     .index = 2,
                     .mtu = 1400,
                     .is_up = true,
                     .has_broadcast = true,
                     .received_packets = 7675,
                     .sent_packets = 5306}};
    s.routes = {{.destination = *Prefix::parse("0.0.0.0/0"),
                 .gateway = *IpAddress::parse("192.0.2.1"),
                 .interface = 2},
                {.destination = *Prefix::parse("192.0.2.0/24"), .interface = 2},
                {.destination = *Prefix::parse("fd00::/64"), .interface = 2, .metric = 256}};
    EXPECT_EQ(netstat_interfaces(s),
              "Kernel Interface table\n"
              "Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR "
              "Flg\n"
              "lo              65536        0      0      0 0             0      0      0      0 "
              "LRU\n"
              "eth0             1400     7675      0      0 0          5306      0      0      0 "
              "BMRU\n");
    EXPECT_EQ(netstat_routes(s, Family::Inet),
              "Kernel IP routing table\n"
              "Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n"
              "0.0.0.0         192.0.2.1       0.0.0.0         UG        0 0          0 eth0\n"
              "192.0.2.0       0.0.0.0         255.255.255.0   U         0 0          0 eth0\n");
    EXPECT_EQ(netstat_routes(s, Family::Inet6),
              "Kernel IPv6 routing table\n"
              "Destination                    Next Hop                   Flag Met Ref  Use If\n"
              "fd00::/64                      ::                         U    256 1      0 eth0\n");
}

TEST(Netstat, StatisticsAreInWords) {
    Snapshot s;
    s.counters.add(Counter::TcpInSegs, 7);
    s.counters.add(Counter::TcpInCsumErrors, 1);
    s.counters.add(Counter::TcpExtTCPAbortOnTimeout, 2);
    s.counters.add(Counter::TcpExtTCPOrigDataSent, 3);
    EXPECT_EQ(netstat_statistics(s, Family::Inet, Statistics::Tcp),
              "Tcp:\n"
              "    0 active connection openings\n"
              "    0 passive connection openings\n"
              "    0 failed connection attempts\n"
              "    0 connection resets received\n"
              "    0 connections established\n"
              "    7 segments received\n"
              "    0 segments sent out\n"
              "    0 segments retransmitted\n"
              "    0 bad segments received\n"
              "    0 resets sent\n"
              "    InCsumErrors: 1\n"
              "UdpLite:\n"
              "TcpExt:\n"
              "    0 packet headers predicted\n"
              "    2 connections aborted due to timeout\n"
              "    TCPOrigDataSent: 3\n"
              "IpExt:\n");
}

// The genuine one reads /proc/net: in a mount namespace of its own that holds our files.
std::string genuine(const Snapshot& s, std::string_view options) {
    const ScratchFile snmp{proc_net_snmp(s)};
    const ScratchFile snmp6{proc_net_snmp6(s.counters)};
    const ScratchFile netstat{proc_net_netstat(s.counters)};
    const std::string script = "mount -t tmpfs none /proc && mkdir /proc/net && cp " + snmp.path() +
                               " /proc/net/snmp && cp " + snmp6.path() + " /proc/net/snmp6 && cp " +
                               netstat.path() + " /proc/net/netstat && exec netstat " +
                               std::string{options};
    return run_tool("unshare -rm sh -c '" + script + "'").text;
}

TEST(Netstat, StatisticsAreThoseOfTheGenuineOne) {
    if (!has_tool("netstat")) GTEST_SKIP() << "there is no netstat";
    if (run_tool("unshare -rm mount -t tmpfs none /proc").status != 0) {
        GTEST_SKIP() << "no mount namespace is to be had";
    }
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        Snapshot s;
        Prng prng{seed};
        // At first each has a number of its own, then many are 0.
        for (std::size_t i = 0; i < kCounterCount; ++i) {
            const bool is_there = seed == 0 || prng.below(3) == 0;
            if (is_there) s.counters.add(static_cast<Counter>(i), 1000 + i);
        }
        using enum Statistics;
        EXPECT_EQ(netstat_statistics(s, Family::Inet, All), genuine(s, "-s")) << "seed " << seed;
        EXPECT_EQ(netstat_statistics(s, Family::Inet, Tcp), genuine(s, "-st")) << "seed " << seed;
        EXPECT_EQ(netstat_statistics(s, Family::Inet, Udp), genuine(s, "-su")) << "seed " << seed;
        EXPECT_EQ(netstat_statistics(s, Family::Inet6, All), genuine(s, "-s6")) << "seed " << seed;
    }
}

}  // namespace
}  // namespace fairlead::inspect
