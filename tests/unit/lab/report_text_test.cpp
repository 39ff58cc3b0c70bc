#include "lab/report_text.hpp"

#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

SocketInfo socket(TcpState state, std::string_view local, std::string_view peer) {
    SocketInfo s;
    s.state = state;
    s.local = *Endpoint::parse(local);
    s.peer = *Endpoint::parse(peer);
    return s;
}

TEST(ReportText, SocketsReadAsSsPrintsThem) {
    std::vector<SocketInfo> sockets{
        socket(TcpState::Listen, "[::]:80", "[::]:0"),
        socket(TcpState::Established, "10.77.0.2:80", "10.77.0.1:40000"),
        socket(TcpState::TimeWait, "[fd77::2]:80", "[fd77::1]:5")};
    sockets[0].send_queue = 128;
    sockets[1].send_queue = 4344;
    sockets[1].timer = TimerKind::Retransmit;
    sockets[1].timer_left = 204_ms;
    sockets[1].retransmits = 2;
    sockets[2].timer = TimerKind::TimeWait;
    sockets[2].timer_left = 59_s;
    EXPECT_EQ(lab::socket_table(sockets, 10),
              "State       Recv-Q  Send-Q  Local Address:Port         Peer Address:Port\n"
              "LISTEN           0     128  *:80                       *:*\n"
              "ESTAB            0    4344  10.77.0.2:80               10.77.0.1:40000 "
              "timer:(on,204ms,2)\n"
              "TIME-WAIT        0       0  [fd77::2]:80               [fd77::1]:5 "
              "timer:(timewait,59sec,0)\n");
}

TEST(ReportText, RowsBeyondTheLimitAreCountedByState) {
    std::vector<SocketInfo> sockets(
        100, socket(TcpState::Established, "10.77.0.2:80", "10.77.0.1:40000"));
    sockets.push_back(socket(TcpState::TimeWait, "10.77.0.2:80", "10.77.0.1:40001"));
    const std::string text = lab::socket_table(sockets, 2);
    EXPECT_NE(text.find("... and 98 ESTAB\n"), std::string::npos) << text;
    EXPECT_NE(text.find("... and 1 TIME-WAIT\n"), std::string::npos) << text;
}

TEST(ReportText, OnlyCountersThatMovedAreShown) {
    Counters before;
    before.add(Counter::TcpInSegs, 7);
    before.add(Counter::TcpCurrEstab, 3);
    Counters after = before;
    after.add(Counter::TcpExtListenDrops, 12);
    after.subtract(Counter::TcpCurrEstab);
    EXPECT_EQ(lab::moved_counters(before, after),
              "TcpCurrEstab                                  -1\n"
              "TcpExtListenDrops                             12\n");
    EXPECT_EQ(lab::moved_counters(before, before), "");
}

TEST(ReportText, SizesAndRatesAreForPeople) {
    EXPECT_EQ(lab::bytes_text(17), "17 B");
    EXPECT_EQ(lab::bytes_text(1536), "1.5 KiB");
    EXPECT_EQ(lab::bytes_text(std::uint64_t{256} << 20), "256 MiB");
    EXPECT_EQ(lab::rate_text(125'000'000, 1_s), "1.00 Gbit/s");
    EXPECT_EQ(lab::rate_text(125'000'000, 10_s), "100 Mbit/s");
    EXPECT_EQ(lab::rate_text(1, Duration{}), "-");
    EXPECT_EQ(lab::seconds_text(1234567_us), "1.235 s");
}

}  // namespace
