#include "inspect/proc_net.hpp"

#include <gtest/gtest.h>

#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

std::string padded(std::string text, std::size_t width) {
    text.resize(width, ' ');
    return text + "\n";
}

TEST(ProcNet, TcpIsAsTheKernelWritesIt) {
    EXPECT_EQ(
        proc_net_tcp(every_kind(), Family::Inet),
        padded("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
               "timeout inode",
               149) +
            padded("   0: 010200C0:0050 020200C0:9C40 01 000010F8:00000015 01:00000015 00000002   "
                   "  0        0 5 1 0000000100000004 82 4 0 1 7",
                   149) +
            padded("   1: 010200C0:0050 090200C0:0400 03 00000000:00000000 01:000001A5 00000001   "
                   "  0        0 0 1 0000000000000000",
                   149));
}

TEST(ProcNet, Tcp6IsNotPadded) {
    EXPECT_EQ(
        proc_net_tcp(every_kind(), Family::Inet6),
        "  sl  local_address                         remote_address                        st "
        "tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
        "00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 0 0 0 10 "
        "0\n"
        "   1: B80D0120000000000000000001000000:0050 B80D0120000000000000000002000000:0005 06 "
        "00000000:00000000 03:0000170C 00000000     0        0 0 3 0000000000000007\n");
}

TEST(ProcNet, UdpTellsOfDrops) {
    EXPECT_EQ(
        proc_net_udp(every_kind(), Family::Inet),
        padded("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
               "timeout inode ref pointer drops",
               127) +
            padded("    0: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000  "
                   "   0        0 1 2 0000000000000000 3",
                   127));
}

// What the kernel of this machine writes, name for name.
std::vector<std::string> names_in(const std::string& text) {
    std::vector<std::string> names;
    std::string word;
    bool is_name_line = true;
    for (const char c : text) {
        if (c == ' ' || c == '\n') {
            if (is_name_line && !word.empty()) names.push_back(word);
            word.clear();
            if (c == '\n') is_name_line = !is_name_line;
        } else {
            word += c;
        }
    }
    return names;
}

TEST(ProcNet, SnmpHasLinuxsGroupsAndOrder) {
    Snapshot snapshot;
    snapshot.counters.add(Counter::TcpInSegs, 7);
    snapshot.counters.add(Counter::IcmpInEchos, 2);
    snapshot.counters.add(Counter::IcmpOutDestUnreachs, 1);
    const std::string text = proc_net_snmp(snapshot);
    EXPECT_NE(text.find("\nIcmpMsg: InType8 OutType3\nIcmpMsg: 2 1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens "
                        "AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs "
                        "OutRsts InCsumErrors\nTcp: 1 200 120000 -1 0 0 0 0 0 7 0 0 0 0 0\n"),
              std::string::npos)
        << text;
    EXPECT_TRUE(text.starts_with("Ip: Forwarding DefaultTTL InReceives InHdrErrors "));
    EXPECT_NE(text.find("\nIp: 2 64 0 0 "), std::string::npos) << "forwarding is off, TTL 64";
    EXPECT_TRUE(text.ends_with("UdpLite: 0 0 0 0 0 0 0 0 0\n"));
}

TEST(ProcNet, TheNamesAreThoseOfThisMachinesKernel) {
    std::ifstream file{"/proc/net/netstat"};
    std::string theirs{std::istreambuf_iterator<char>{file}, {}};
    if (!theirs.starts_with("TcpExt:") || theirs.find("TSEcrRejected") == std::string::npos) {
        GTEST_SKIP() << "an older kernel";
    }
    theirs.resize(std::min(theirs.find("MPTcpExt:"), theirs.size()));
    EXPECT_EQ(names_in(proc_net_netstat({})), names_in(theirs));
}

TEST(ProcNet, SockstatCounts) {
    EXPECT_EQ(proc_net_sockstat(every_kind()),
              "sockets: used 3\n"
              "TCP: inuse 1 orphan 0 tw 1 alloc 2 mem 2\n"
              "UDP: inuse 1 mem 0\n"
              "UDPLITE: inuse 0\n"
              "RAW: inuse 0\n"
              "FRAG: inuse 0 memory 0\n");
    EXPECT_EQ(proc_net_sockstat6(every_kind()),
              "TCP6: inuse 1\nUDP6: inuse 0\nUDPLITE6: inuse 0\nRAW6: inuse 0\n"
              "FRAG6: inuse 0 memory 0\n");
}

TEST(ProcNet, RoutesAndDevices) {
    Snapshot snapshot;
    snapshot.interfaces = {{.name = "lo", .index = 1, .mtu = 65536, .is_loopback = true},
                           {.name = "eth0",
                            .index = 2,
                            .mtu = 1500,
                            .received_packets = 5,
                            .received_bytes = 700,
                            .sent_packets = 6,
                            .sent_bytes = 800,
                            .send_drops = 1}};
    snapshot.routes = {{.destination = *Prefix::parse("0.0.0.0/0"),
                        .gateway = *IpAddress::parse("192.0.2.254"),
                        .interface = 2},
                       {.destination = *Prefix::parse("192.0.2.0/24"), .interface = 2}};
    EXPECT_EQ(proc_net(snapshot, "route"),
              padded("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
                     "Window\tIRTT",
                     127) +
                  padded("eth0\t00000000\tFE0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0", 127) +
                  padded("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0", 127));
    EXPECT_NE(
        proc_net(snapshot, "dev")
            .find(
                "\n  eth0:     700       5    0    0    0     0          0         0      800     "
                "  6    0    1    0     0       0          0\n"),
        std::string::npos);
    EXPECT_EQ(proc_net(snapshot, "arp"), "") << "there is no such file";
}

}  // namespace
}  // namespace fairlead::inspect
