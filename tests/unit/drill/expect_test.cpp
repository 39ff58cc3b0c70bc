#include "drill/expect.hpp"

#include <gtest/gtest.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

// A segment that left, written as a script would: "P. 1:11(10) ack 1 win 5".
Seen seen(std::string_view line, Duration at = 0_s, std::uint8_t tos = 0) {
    return {
        .at = Instant{} + at, .tos = tos, .ttl = 64, .body = tcp_of("0 > " + std::string{line})};
}

// What is wrong with these segments for this line; "" if nothing.
std::string judged(std::string_view line, std::initializer_list<Seen> segments,
                   bool is_strict = false) {
    const PacketLine wanted = packet_of("0 > " + std::string{line});
    Expectation expectation{wanted, is_strict};
    for (const Seen& segment : segments) {
        if (expectation.is_complete()) return "complete too early";
        if (const auto why_not = expectation.add(segment)) return *why_not;
    }
    if (!expectation.is_complete()) return "incomplete";
    return expectation.difference().value_or("");
}

TEST(Expectation, TheSameSegmentIsNoDifference) {
    EXPECT_EQ(judged("P. 1:11(10) ack 1", {seen("P. 1:11(10) ack 1 win 77")}), "");
    EXPECT_EQ(judged("R 1:1(0)", {seen("R 1:1(0) win 0")}), "");
}

TEST(Expectation, EachFieldIsCompared) {
    EXPECT_EQ(judged(". 1:11(10) ack 1", {seen("P. 1:11(10) ack 1")}), "the flags are P., not .");
    EXPECT_EQ(judged(". 1:11(10) ack 1", {seen(". 2:12(10) ack 1")}),
              "the bytes are 2:12(10), not 1:11(10)");
    EXPECT_EQ(judged(". 1:1(0) ack 1", {seen(". 1:1(0) ack 2")}), "ack is 2, not 1");
    EXPECT_EQ(judged(". 1:1(0) ack 1 win 5", {seen(". 1:1(0) ack 1 win 6")}), "win is 6, not 5");
    EXPECT_EQ(judged("U. 1:1(0) ack 1 urg 5", {seen("U. 1:1(0) ack 1 urg 6")}), "urg is 6, not 5");
    EXPECT_EQ(judged(". 1:1(0) ack 1", {seen("R. 1:1(0) ack 1")}), "the flags are R., not .");
}

TEST(Expectation, WhatTheLineDoesNotNameIsNotLookedAt) {
    EXPECT_EQ(judged(". 1:1(0) ack 1 <...>", {seen(". 1:1(0) ack 1 win 9 <nop,nop,sackOK>")}), "");
    EXPECT_EQ(judged(". 1:1(0) ack 1", {seen(". 1:1(0) ack 1", 0_s, 3)}), "");
}

TEST(Expectation, OptionsAreComparedInOrderAndWithTheirPadding) {
    EXPECT_EQ(judged("S 0:0(0) <mss 1,sackOK>", {seen("S 0:0(0) <mss 1,sackOK,eol,eol>")}), "");
    EXPECT_EQ(judged("S 0:0(0) <mss 1,nop,nop,sackOK>", {seen("S 0:0(0) <mss 1,sackOK,nop,nop>")}),
              "the options are <mss 1,sackOK,nop,nop>, not <mss 1,nop,nop,sackOK>");
    EXPECT_EQ(judged("S 0:0(0)", {seen("S 0:0(0) <mss 1>")}), "the options are <mss 1>, not <>");
    EXPECT_EQ(judged("S 0:0(0) <mss 1>", {seen("S 0:0(0)")}), "the options are <>, not <mss 1>");
}

TEST(Expectation, ValuesOfTimestampsAndUnwrittenDigestsAreNotCompared) {
    EXPECT_EQ(judged(". 1:1(0) ack 1 <nop,nop,TS val 1 ecr 2>",
                     {seen(". 1:1(0) ack 1 <nop,nop,TS val 3 ecr 4>")}),
              "");
    EXPECT_EQ(judged("S 0:0(0) <md5,nop,nop>",
                     {seen("S 0:0(0) <md5 000102030405060708090a0b0c0d0e0f,nop,nop>")}),
              "");
    EXPECT_NE(judged("S 0:0(0) <md5 100102030405060708090a0b0c0d0e0f,nop,nop>",
                     {seen("S 0:0(0) <md5 000102030405060708090a0b0c0d0e0f,nop,nop>")}),
              "");
}

TEST(Expectation, DigitsStandForThreeFlags) {
    EXPECT_EQ(judged("5. 1:1(0) ack 1", {seen("AE. 1:1(0) ack 1")}), "");
    EXPECT_EQ(judged("5. 1:1(0) ack 1", {seen("AW. 1:1(0) ack 1")}), "the flags are WA., not 5.");
    EXPECT_EQ(judged("0. 1:1(0) ack 1", {seen(". 1:1(0) ack 1")}), "");
}

TEST(Expectation, BracketsAreCompared) {
    EXPECT_EQ(judged("[ect0] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1", 0_s, 2)}), "");
    EXPECT_EQ(judged("[ect0] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1", 0_s, 1)}),
              "the ECN bits are 1");
    EXPECT_EQ(judged("[ect01] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1", 0_s, 1)}), "");
    EXPECT_EQ(judged("[noecn] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1", 0_s, 3)}),
              "the ECN bits are 3");
    EXPECT_EQ(judged("[tos 0x10] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1")}),
              "tos is 0x0, not 0x10");
    EXPECT_EQ(judged("[ttl 63] . 1:1(0) ack 1", {seen(". 1:1(0) ack 1")}), "ttl is 64, not 63");
}

TEST(Expectation, SegmentsAddUpToALongerLine) {
    EXPECT_EQ(judged("P. 1:26(25) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:21(10) ack 1"),
                                           seen("P. 21:26(5) ack 1")}),
              "");
    // PSH and FIN are those of the last, CWR that of the first.
    EXPECT_EQ(
        judged("FPW. 1:21(20) ack 1", {seen("W. 1:11(10) ack 1"), seen("FP. 11:21(10) ack 1")}),
        "");
    EXPECT_EQ(judged("P. 1:21(20) ack 1", {seen("P. 1:11(10) ack 1"), seen(". 11:21(10) ack 1")}),
              "the flags are ., not P.");
}

TEST(Expectation, TheTimeIsThatOfTheLastPiece) {
    const PacketLine line = packet_of("0 > . 1:21(20) ack 1");
    Expectation expectation{line, false};
    EXPECT_FALSE(expectation.add(seen(". 1:11(10) ack 1", 1_s)));
    EXPECT_FALSE(expectation.add(seen(". 11:21(10) ack 1", 2_s)));
    EXPECT_EQ(expectation.whole()->at, Instant{} + 2_s);
}

TEST(Expectation, PiecesThatDoNotFitAreRefused) {
    EXPECT_EQ(judged(". 1:31(30) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:16(5) ack 1")}),
              "it goes on with 5 bytes after pieces of 10");
    EXPECT_EQ(judged(". 1:31(30) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:31(20) ack 1")}),
              "it goes on with 20 bytes after pieces of 10");
    EXPECT_EQ(judged(". 1:31(30) ack 1", {seen(". 1:11(10) ack 1"), seen(". 12:22(10) ack 1")}),
              "10 of 30 bytes came, and then a segment that does not go on");
    EXPECT_EQ(judged(". 1:31(30) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:11(0) ack 1")}),
              "10 of 30 bytes came, and then a segment that does not go on");
    EXPECT_EQ(judged(". 1:31(30) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:21(10) ack 2")}),
              "it goes on with another header");
    EXPECT_EQ(judged(". 1:16(15) ack 1", {seen(". 1:11(10) ack 1"), seen(". 11:21(10) ack 1")}),
              "the bytes are 1:21(20), not 1:16(15)");
}

TEST(Expectation, WithStrictSegmentsNothingAddsUp) {
    EXPECT_EQ(judged(". 1:21(20) ack 1", {seen(". 1:11(10) ack 1")}, true),
              "the bytes are 1:11(10), not 1:21(20)");
}

TEST(Expectation, ASegmentThatBeginsElsewhereIsJudgedAtOnce) {
    EXPECT_EQ(judged(". 1:21(20) ack 1", {seen(". 5:15(10) ack 1")}),
              "the bytes are 5:15(10), not 1:21(20)");
}

// What is wrong with the second line, where the first one was written; "" if nothing.
std::string judged_message(std::string_view wanted, std::string_view left) {
    const PacketLine got = packet_of("0 > " + std::string{left});
    const Seen seen{.tos = got.ip.tos.value_or(0), .outer = got.outer, .body = got.body};
    return difference_of_message(packet_of("0 > " + std::string{wanted}), seen).value_or("");
}

TEST(Expectation, AMessageIsComparedInWhatTheLineNames) {
    EXPECT_EQ(judged_message("udp (5)", "udp (5)"), "");
    EXPECT_EQ(judged_message("udp (5)", "udp (6)"), "the datagram has 6 bytes, not 5");
    EXPECT_EQ(judged_message("udp (5)", "icmp echo_reply"), "it is of another protocol");
    EXPECT_EQ(judged_message("[tos 0x4] udp (5)", "[tos 0x8] udp (5)"), "tos is 0x8, not 0x4");
    EXPECT_EQ(judged_message("icmp echo_reply", "icmp echo_reply id 7 seq 9 (56)"), "");
    EXPECT_EQ(judged_message("icmp echo_reply", "icmp echo_request"),
              "it is echo_request 0, not echo_reply 0");
    EXPECT_EQ(judged_message("icmp unreachable", "icmp unreachable port_unreachable"),
              "it is unreachable port_unreachable, not unreachable net_unreachable");
    EXPECT_EQ(
        judged_message("icmp unreachable frag_needed mtu 5", "icmp unreachable frag_needed mtu 6"),
        "mtu is 6, not 5");
    EXPECT_EQ(judged_message("icmp echo_reply id 1", "icmp echo_reply id 2"), "id is 2, not 1");
    EXPECT_EQ(judged_message("icmp echo_reply seq 1", "icmp echo_reply seq 2"), "seq is 2, not 1");
    EXPECT_EQ(judged_message("icmp echo_reply (1)", "icmp echo_reply (2)"),
              "its payload is 2 bytes, not 1");
    EXPECT_EQ(judged_message("icmp unreachable [1:2(1)]", "icmp unreachable [2:3(1)]"),
              "it quotes another packet");
}

TEST(Expectation, TheHeadersAroundAPacketAreCompared) {
    EXPECT_EQ(judged_message("ipv4 1.2.3.4 > 1.2.3.5: udp (5)", "udp (5)"),
              "the headers around it are '', not 'ipv4 1.2.3.4 > 1.2.3.5: '");
    EXPECT_EQ(judged_message("ipv4 1.2.3.4 > 1.2.3.5: udp (5)", "ipv4 1.2.3.4 > 1.2.3.5: udp (5)"),
              "");
    EXPECT_EQ(judged("gre: . 1:1(0) ack 1", {seen(". 1:1(0) ack 1")}),
              "the headers around it are '', not 'gre: '");
}

}  // namespace
}  // namespace fairlead::drill
