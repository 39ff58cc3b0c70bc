#include "lab/report_text.hpp"

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

SocketRow socket(TcpState state, std::string_view local, std::string_view peer) {
    SocketRow row;
    row.info.state = state;
    row.info.local = *Endpoint::parse(local);
    row.info.peer = *Endpoint::parse(peer);
    return row;
}

TEST(ReportText, RowsBeyondTheLimitAreCountedByState) {
    inspect::Snapshot all;
    all.sockets.assign(100, socket(TcpState::Established, "10.77.0.2:80", "10.77.0.1:40000"));
    all.sockets.push_back(socket(TcpState::TimeWait, "10.77.0.2:80", "10.77.0.1:40001"));
    EXPECT_EQ(lab::socket_table(all, 1),
              "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
              "ESTAB 0      0          10.77.0.2:80      10.77.0.1:40000       \n"
              "... and 99 ESTAB\n"
              "... and 1 TIME-WAIT\n");
}

TEST(ReportText, OnlyCountersThatMovedAreShown) {
    Counters before;
    before.add(Counter::TcpInSegs, 7);
    Counters after = before;
    after.add(Counter::TcpExtListenDrops, 12);
    EXPECT_EQ(lab::moved_counters(before, after),
              "#kernel\n"
              "TcpExtListenDrops               12                 0.0\n");
    EXPECT_EQ(lab::moved_counters(before, before), "#kernel\n");
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
