#include "inspect/filter.hpp"

#include <gtest/gtest.h>

#include "unit/inspect/rows.hpp"

namespace fairlead::inspect {
namespace {

std::optional<std::uint16_t> service(const std::string& name) {
    if (name == "https") return std::uint16_t{443};
    return std::nullopt;
}

// Whether the filter admits a connection from 10.1.2.3:40000 to 192.0.2.1:443 over eth0.
bool admits(const std::vector<std::string>& words) {
    SocketInfo s;
    s.state = TcpState::Established;
    s.local = *Endpoint::parse("10.1.2.3:40000");
    s.peer = *Endpoint::parse("192.0.2.1:443");
    const auto filter = parse_filter(words, service);
    EXPECT_TRUE(filter) << filter.error();
    return filter && filter->admits(s, "eth0");
}

std::string fault(const std::vector<std::string>& words) {
    const auto filter = parse_filter(words, service);
    return filter ? "none" : filter.error();
}

TEST(Filter, NoWordsAdmitAll) { EXPECT_TRUE(admits({})); }

TEST(Filter, PortsCompare) {
    EXPECT_TRUE(admits({"dport", "=", ":443"}));
    EXPECT_TRUE(admits({"dport = :443"})) << "one word of a shell";
    EXPECT_TRUE(admits({"dport", ":https"}));
    EXPECT_TRUE(admits({"dport=443"}));
    EXPECT_FALSE(admits({"dport", "!=", "443"}));
    EXPECT_TRUE(admits({"sport", ">=", ":32768"}));
    EXPECT_TRUE(admits({"sport gt :1024 and sport lt 50000"}));
    EXPECT_FALSE(admits({"sport", "<", ":1024"}));
    EXPECT_TRUE(admits({"sport le 40000"}));
}

TEST(Filter, AddressesAndPrefixesMatch) {
    EXPECT_TRUE(admits({"src", "10.0.0.0/8"}));
    EXPECT_FALSE(admits({"src", "10.2.0.0/16"}));
    EXPECT_TRUE(admits({"dst", "192.0.2.1:443"}));
    EXPECT_FALSE(admits({"dst", "192.0.2.1:80"}));
    EXPECT_TRUE(admits({"dst", "!=", "192.0.2.2"}));
    EXPECT_TRUE(admits({"dst", ":443"}));
    EXPECT_TRUE(admits({"dst", "*"}));
    EXPECT_FALSE(admits({"dst", "[2001:db8::]/32"}));
    EXPECT_FALSE(admits({"dst", "2001:db8::1"}));
    EXPECT_TRUE(admits({"dev", "eth0"}));
    EXPECT_FALSE(admits({"dev", "=", "eth1"}));
}

TEST(Filter, TermsCombineWithTheRightPrecedence) {
    EXPECT_TRUE(admits({"sport = :1 or dport = :443"}));
    EXPECT_FALSE(admits({"sport = :1 and dport = :443 or dport = :2"}));
    EXPECT_TRUE(admits({"dport = :443 or sport = :1 and dport = :2"})) << "and binds closer";
    EXPECT_FALSE(admits({"(", "dport = :443 or sport = :1", ")", "and dport = :2"}));
    EXPECT_TRUE(admits({"not", "dport", "=", ":80"}));
    EXPECT_FALSE(admits({"!(dport=443)"}));
    EXPECT_TRUE(admits({"dport = :443 sport = :40000"})) << "no word between them is and";
    EXPECT_TRUE(admits({"dport = :443 && sport = :40000 || dport = :1"}));
}

TEST(Filter, StatesAreCollectedAndExcluded) {
    EXPECT_EQ(parse_filter({"state", "established"})->states, set_of(TcpState::Established));
    EXPECT_EQ(parse_filter({"state", "time-wait", "state", "listening"})->states,
              set_of(TcpState::TimeWait) | set_of(TcpState::Listen));
    EXPECT_EQ(parse_filter({"exclude", "listening"})->states,
              kAllStates & ~set_of(TcpState::Listen));
    EXPECT_EQ(parse_filter({"state", "connected", "exclude", "established"})->states,
              kAllStates & ~kListeningStates & ~set_of(TcpState::Established));
    EXPECT_FALSE(parse_filter({"dport = :1"})->states);
}

TEST(Filter, WhatIsWrongIsTold) {
    EXPECT_EQ(fault({"state", "open"}), "\"open\" is no state");
    EXPECT_EQ(fault({"state"}), "a state is missing at the end");
    EXPECT_EQ(fault({"dport", "="}), "a port is missing at the end");
    EXPECT_EQ(fault({"dport", ":70000"}), "\"70000\" is no port");
    EXPECT_EQ(fault({"dport", ":smtp"}), "\"smtp\" is no port");
    EXPECT_EQ(fault({"dst", "1.2.3"}), "\"1.2.3\" is no address");
    EXPECT_EQ(fault({"dst", "[::1"}), "[::1: no ]");
    EXPECT_EQ(fault({"(", "dport", ":1"}), "a parenthesis is not closed");
    EXPECT_EQ(fault({"dport", ":1", ")"}), "\")\" is not expected there");
    EXPECT_EQ(fault({"dport", ":1", "and"}), "the filter ends where a condition is wanted");
    EXPECT_EQ(fault({"uid", "0"}), "\"uid\" is no condition: src dst sport dport dev");
    EXPECT_EQ(fault(std::vector<std::string>(500, "(")), "too many parentheses");
    EXPECT_EQ(fault(std::vector<std::string>(2000, "not")), "the filter is too long");
}

}  // namespace
}  // namespace fairlead::inspect
