#include "drill/connection.hpp"

#include <gtest/gtest.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

TEST(Connection, LearnsOurFirstNumberFromASyn) {
    Connection c;
    TcpBody live = tcp_of("0 > S. 5000:5000(0) ack 1");
    c.learn_sequence(tcp_of("0 > S. 0:0(0) ack 1"), live);
    EXPECT_EQ(c.scripted_of(tcp_of("0 > P. 5001:5011(10) ack 1")).range,
              (SequenceRange{.begin = 1, .end = 11, .bytes = 10}));
    EXPECT_EQ(c.live_of(tcp_of("0 < . 1:1(0) ack 11 win 1"), false)->ack, 5011u);
    EXPECT_EQ(c.live_of(tcp_of("0 < . 1:1(0) ack 1 win 1 <sack 11:21>"), false)->options[0],
              (TcpOption{option::Sack{{{5011, 5021}}}}));
    // The script's own numbers travel as they are.
    EXPECT_EQ(c.live_of(tcp_of("0 < . 7:17(10) ack 1 win 1"), false)->range.begin, 7u);
}

TEST(Connection, ASynSentAgainMustHaveTheSameNumber) {
    Connection c;
    const TcpBody scripted = tcp_of("0 > S. 0:0(0) ack 1");
    c.on_inbound(tcp_of("0 < S 0:0(0) win 1"));
    c.learn_sequence(scripted, tcp_of("0 > S. 5000:5000(0) ack 1"));
    c.on_inbound(tcp_of("0 < S 0:0(0) win 1"));
    c.learn_sequence(scripted, tcp_of("0 > S. 6000:6000(0) ack 1"));
    EXPECT_EQ(c.scripted_of(tcp_of("0 > S. 6000:6000(0) ack 1")).range.begin, 1000u);
}

TEST(Connection, AnotherSynMayBringANewNumber) {
    Connection c;
    const TcpBody scripted = tcp_of("0 > S. 0:0(0) ack 1");
    c.on_inbound(tcp_of("0 < S 0:0(0) win 1"));
    c.learn_sequence(scripted, tcp_of("0 > S. 5000:5000(0) ack 1"));
    c.on_inbound(tcp_of("0 < S 900:900(0) win 1"));
    c.learn_sequence(scripted, tcp_of("0 > S. 6000:6000(0) ack 901"));
    EXPECT_EQ(c.scripted_of(tcp_of("0 > S. 6000:6000(0) ack 901")).range.begin, 0u);
}

TEST(Connection, EchoesTheTimestampThatTheScriptNamed) {
    Connection c;
    c.learn_timestamp(tcp_of("0 > S 0:0(0) <TS val 100 ecr 0>"),
                      tcp_of("0 > S 0:0(0) <TS val 987654 ecr 0>"));
    const auto live = c.live_of(tcp_of("0 < S. 0:0(0) ack 1 win 1 <TS val 5 ecr 100>"), false);
    EXPECT_EQ(live->options[0], (TcpOption{option::Timestamp{5, 987654}}));
    EXPECT_EQ(c.live_of(tcp_of("0 < . 0:0(0) ack 1 win 1 <TS val 5 ecr 101>"), false).error(),
              "no segment that the script names had TS val 101");
    EXPECT_EQ(c.live_of(tcp_of("0 < . 0:0(0) ack 1 win 1 <TS val 5 ecr 101>"), true)->options[0],
              (TcpOption{option::Timestamp{5, 987655}}));
    // Without an ACK there is nothing to echo.
    EXPECT_EQ(c.live_of(tcp_of("0 < S 0:0(0) win 1 <TS val 5 ecr 0>"), false)->options[0],
              (TcpOption{option::Timestamp{5, 0}}));
}

TEST(Connection, AnErrorQuotesASegmentOfOurs) {
    Connection c{.local = {IpAddress::v4(1, 2, 3, 4), 80}};
    c.learn_sequence(tcp_of("0 > S. 0:0(0) ack 1"), tcp_of("0 > S. 5000:5000(0) ack 1"));
    const auto live = c.live_of(packet_of("0 < icmp unreachable [1:11(10)]"), false);
    EXPECT_EQ(std::get<IcmpBody>(live->body).quote,
              (IcmpQuote{.range = {.begin = 5001, .end = 5011, .bytes = 10}}));
    const auto udp = c.live_of(packet_of("0 < icmp unreachable [udp (10)]"), false);
    EXPECT_EQ(std::get<IcmpBody>(udp->body).quote,
              (IcmpQuote{.is_udp = true, .range = {.bytes = 10}}));
    EXPECT_EQ(c.live_of(packet_of("0 < icmpv6 echo_request"), false).error(),
              "ICMPv6 does not travel in IPv4");
}

class ConnectionsTest : public testing::Test {
protected:
    Connection& meant(std::string_view line) { return connections.meant_by(packet_of(line)); }
    Seen left(const Connection& c) const { return {.source = c.local, .target = c.remote}; }

    Settings settings;
    Connections connections{settings};
};

TEST_F(ConnectionsTest, ASynMakesAConnectionAndTheLinesAfterItMeanThat) {
    Connection& c = meant("0 < S 0:0(0) win 1");
    EXPECT_EQ(c.local, (Endpoint{settings.local(), 8080}));
    EXPECT_EQ(c.remote.address, settings.remote());
    EXPECT_EQ(&meant("0 > S. 0:0(0) ack 1"), &c);
    EXPECT_EQ(&meant("0 < S 0:0(0) win 1"), &c);  // the same SYN again
}

TEST_F(ConnectionsTest, AfterAnotherSocketASynIsForThat) {
    connections.on_bind(9000);
    Connection& first = meant("0 < S 0:0(0) win 1");
    EXPECT_EQ(first.local.port, 9000);
    connections.on_socket();
    EXPECT_EQ(&meant("0 < . 1:1(0) ack 1 win 1"), &first);
    Connection& second = meant("0 < S 0:0(0) win 1");
    EXPECT_NE(&second, &first);
    EXPECT_NE(second.remote.port, first.remote.port);
}

TEST_F(ConnectionsTest, TheFirstPacketTellsWhereAConnectCameFrom) {
    connections.on_socket();
    connections.on_connect({settings.remote(), 80});
    Connection& c = meant("0 > S 0:0(0)");
    Seen syn{.source = {settings.local(), 40000}, .target = {settings.remote(), 80}};
    EXPECT_TRUE(connections.owns(c, syn));
    EXPECT_EQ(c.local.port, 40000);
    syn.source.port = 40001;
    EXPECT_FALSE(connections.owns(c, syn));
}

TEST_F(ConnectionsTest, PacketsOfOthersAreNotOwned) {
    Connection& c = meant("0 < S 0:0(0) win 1");
    EXPECT_TRUE(connections.owns(c, left(c)));
    Seen other = left(c);
    ++other.target.port;
    EXPECT_FALSE(connections.owns(c, other));
}

TEST_F(ConnectionsTest, PortsNameAConnection) {
    Connection& a = meant("0 < 1001 > 8080 S 0:0(0) win 1");
    Connection& b = meant("0 < 1002 > 8080 S 0:0(0) win 1");
    EXPECT_NE(&a, &b);
    EXPECT_EQ(&meant("0 > 8080 > 1001 S. 0:0(0) ack 1"), &a);
    EXPECT_EQ(&meant("0 < 1001 > 8080 . 1:1(0) ack 1 win 1"), &a);
    EXPECT_EQ(a.remote.port, 1001);
}

}  // namespace
}  // namespace fairlead::drill
