#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

TEST(Parser, ATcpLineHasFlagsARangeAndItsFields) {
    const PacketLine p = packet_of("0 < FP. 1:1001(1000) ack 7 win 257 urg 3");
    EXPECT_EQ(p.direction, Direction::In);
    const auto& tcp = std::get<TcpBody>(p.body);
    EXPECT_EQ(tcp.flags, (TcpFlags{.fin = true, .psh = true, .ack = true}));
    EXPECT_EQ(tcp.range, (SequenceRange{.begin = 1, .end = 1001, .bytes = 1000}));
    EXPECT_EQ(tcp.ack, 7u);
    EXPECT_EQ(tcp.window, 257u);
    EXPECT_EQ(tcp.urgent, 3u);
    EXPECT_FALSE(tcp.any_options);

    const TcpBody bare = tcp_of("0 > - 0:0(0)");
    EXPECT_EQ(bare.flags, TcpFlags{});
    EXPECT_FALSE(bare.ack || bare.window || bare.urgent);
}

TEST(Parser, EveryFlagHasALetter) {
    EXPECT_EQ(tcp_of("0 > FSRP.UEWA 0:0(0)").flags, (TcpFlags{.fin = true,
                                                              .syn = true,
                                                              .rst = true,
                                                              .psh = true,
                                                              .ack = true,
                                                              .urg = true,
                                                              .ece = true,
                                                              .cwr = true,
                                                              .ae = true}));
    EXPECT_EQ(tcp_of("0 > P5. 0:0(0)").flags, (TcpFlags{.psh = true, .ack = true, .ace = 5}));
    EXPECT_EQ(tcp_of("0 > 0. 0:0(0)").flags, (TcpFlags{.ack = true, .ace = 0}));
}

TEST(Parser, SequenceNumbersWrap) {
    EXPECT_EQ(tcp_of("0 < . 4294967295:1(2) ack 4294967295").range.bytes, 2u);
}

TEST(Parser, EveryOptionIsRead) {
    const TcpBody b =
        tcp_of("0 < S 0:0(0) win 1 <mss 1460,sackOK,TS val 100 ecr 4294967295,nop,wscale 14,eol>");
    ASSERT_EQ(b.options.size(), 6u);
    EXPECT_EQ(std::get<option::Mss>(b.options[0]).bytes, 1460);
    EXPECT_TRUE(std::holds_alternative<option::SackPermitted>(b.options[1]));
    EXPECT_EQ(std::get<option::Timestamp>(b.options[2]).value, 100u);
    EXPECT_EQ(std::get<option::Timestamp>(b.options[2]).echo, 4294967295u);
    EXPECT_TRUE(std::holds_alternative<option::Nop>(b.options[3]));
    EXPECT_EQ(std::get<option::WindowScale>(b.options[4]).shift, 14);
    EXPECT_TRUE(std::holds_alternative<option::EndOfList>(b.options[5]));

    EXPECT_EQ(std::get<option::Sack>(tcp_of("0 < . 1:1(0) ack 1 <sack 1:2 3:4,nop>").options[0]),
              (option::Sack{{{1, 2}, {3, 4}}}));
    EXPECT_EQ(std::get<option::FastOpen>(tcp_of("0 < S 0:0(0) <FO>").options[0]),
              (option::FastOpen{}));
    EXPECT_EQ(std::get<option::FastOpen>(tcp_of("0 < S 0:0(0) <FO 12ab>").options[0]),
              (option::FastOpen{.cookie = {0x12, 0xab}}));
    EXPECT_EQ(std::get<option::FastOpen>(tcp_of("0 < S 0:0(0) <FOEXP ab12,nop>").options[0]),
              (option::FastOpen{.cookie = {0xab, 0x12}, .is_experimental = true}));
    EXPECT_TRUE(std::get<option::Md5>(tcp_of("0 < S 0:0(0) <md5>").options[0]).digest.empty());
    EXPECT_EQ(std::get<option::Md5>(
                  tcp_of("0 < S 0:0(0) <md5 000102030405060708090a0b0c0d0e0f>").options[0])
                  .digest[15],
              15);
    EXPECT_EQ(std::get<option::Unknown>(tcp_of("0 < S 0:0(0) <unknown 99 0102>").options[0]),
              (option::Unknown{.kind = 99, .bytes = {1, 2}}));
    EXPECT_EQ(std::get<option::Unknown>(tcp_of("0 < S 0:0(0) <unknown 99>").options[0]),
              (option::Unknown{.kind = 99}));
    using Ecn = option::AccurateEcn;
    EXPECT_EQ(std::get<Ecn>(tcp_of("0 < . 1:1(0) <ECN e1b 1 ceb 0 e0b 2>").options[0]),
              (Ecn{{{Ecn::Counter::E1b, 1}, {Ecn::Counter::Ceb, 0}, {Ecn::Counter::E0b, 2}}}));
    EXPECT_TRUE(tcp_of("0 > S. 0:0(0) <...>").any_options);
    EXPECT_TRUE(tcp_of("0 > S. 0:0(0) <>").options.empty());
}

TEST(Parser, BadTcpLinesAreRefused) {
    expect_faults({
        {"0 <", "t.pkt:1:4: expected TCP flags here, found the end of the file"},
        {"0 < X 1:1(0)", "t.pkt:1:5: expected TCP flags here, found 'X'"},
        {"0 < SS 1:1(0)", "t.pkt:1:5: expected TCP flags here, found 'SS'"},
        {"0 < 55. 1:1(0)", "t.pkt:1:5: expected TCP flags here, found '55.'"},
        {"0 < 5E. 1:1(0)", "t.pkt:1:5: a digit already stands for the flags A, W and E"},
        {"0 < . ack 1", "t.pkt:1:7: expected a sequence range here, found 'ack'"},
        {"0 < . 1:2(0)", "t.pkt:1:7: from 1 to 2 it is 1 bytes, not 0"},
        {"0 < . 4294967296:1(0)",
         "t.pkt:1:7: '4294967296' is too large for a sequence range: at "
         "most 4294967295"},
        {"0 < . 1:70001(70000)",
         "t.pkt:1:15: '70000' is too large for a number of bytes: at most 65495"},
        {"0 < . 1:1(0) ack",
         "t.pkt:1:17: expected an acknowledgment number here, found the end "
         "of the file"},
        {"0 < . 1:1(0) win 65536", "t.pkt:1:18: '65536' is too large for a window: at most 65535"},
        {"0 < . 1:1(0) win 1 ack 1", "t.pkt:1:20: expected a time here, found 'ack'"},
        {"0 < . 1:1(0) <foo>", "t.pkt:1:15: expected a TCP option here, found 'foo'"},
        {"0 < . 1:1(0) <mss>", "t.pkt:1:18: expected an MSS here, found '>'"},
        {"0 < . 1:1(0) <mss 1 nop>", "t.pkt:1:21: expected ',' or '>' here, found 'nop'"},
        {"0 < . 1:1(0) <nop", "t.pkt:1:18: expected ',' or '>' here, found the end of the file"},
        {"0 < . 1:1(0) <sack>", "t.pkt:1:19: expected a SACK block here, found '>'"},
        {"0 < . 1:1(0) <sack 1:2 1:2 1:2 1:2 1:2>",
         "t.pkt:1:39: expected at most four SACK blocks here, found '>'"},
        {"0 < . 1:1(0) <TS val 1,nop>", "t.pkt:1:23: expected 'ecr' here, found ','"},
        {"0 < . 1:1(0) <FO 123>",
         "t.pkt:1:18: expected pairs of hexadecimal digits here, found '123'"},
        {"0 < . 1:1(0) <FO xy>",
         "t.pkt:1:18: expected pairs of hexadecimal digits here, found 'xy'"},
        {"0 < . 1:1(0) <md5 00>", "t.pkt:1:19: an MD5 digest has 16 bytes"},
        {"0 < . 1:1(0) <unknown 1>", "t.pkt:1:24: expected an option kind above 1 here, found '>'"},
        {"0 < . 1:1(0) <ECN ceb 1>",
         "t.pkt:1:19: ECN counters travel as e0b ceb e1b or e1b ceb e0b"},
        {"0 < . 1:1(0) <TS val 1 ecr 1,TS val 1 ecr 1,TS val 1 ecr 1,TS val 1 ecr 1,nop>",
         "t.pkt:1:14: these options are longer than 40 bytes"},
    });
}

TEST(Parser, BracketsNameIpFields) {
    EXPECT_EQ(packet_of("0 > [ect0] . 1:1(0) ack 1").ip, (IpFields{.ecn = EcnMark::Ect0}));
    EXPECT_EQ(packet_of("0 > [ce, ttl 64] . 1:1(0) ack 1").ip,
              (IpFields{.ecn = EcnMark::Ce, .ttl = 64}));
    EXPECT_EQ(packet_of("0 > [tos 0x10,ttl 1,flowlabel 0x12345] . 1:1(0) ack 1").ip,
              (IpFields{.tos = 0x10, .ttl = 1, .flow_label = 0x12345}));
    EXPECT_EQ(packet_of("0 > [ect01] . 1:1(0)").ip.ecn, EcnMark::EitherEct);
    expect_faults({
        {"0 > [] . 1:1(0)",
         "t.pkt:1:6: expected 'noecn', 'ect0', 'ect1', 'ect01', 'ce', 'tos', 'ttl' or 'flowlabel' "
         "here, found ']'"},
        {"0 > [ttl 256] . 1:1(0)", "t.pkt:1:10: '256' is too large for a TTL: at most 255"},
        {"0 > [ect0, tos 1] . 1:1(0)", "t.pkt:1:12: the ECN bits are named twice"},
        {"0 > [ect0 ce] . 1:1(0)", "t.pkt:1:11: the ECN bits are named twice"},
        {"0 > [ect0 . 1:1(0)", "t.pkt:1:11: expected ',' or ']' here, found '.'"},
    });
}

TEST(Parser, PortsMayBeNamed) {
    EXPECT_EQ(packet_of("0 < 1234 > 80 S 0:0(0)").ports, (Ports{.source = 1234, .target = 80}));
    EXPECT_FALSE(packet_of("0 < 5. 1:1(0)").ports);
    EXPECT_EQ(error_of("0 < 70000 > 80 S 0:0(0)"),
              "t.pkt:1:5: '70000' is too large for a port: at most 65535");
}

TEST(Parser, UdpLinesHaveALength) {
    const PacketLine p = packet_of("0 < udp 53 > 1000 (512)");
    EXPECT_EQ(std::get<UdpBody>(p.body).bytes, 512);
    EXPECT_EQ(p.ports, (Ports{.source = 53, .target = 1000}));
    EXPECT_EQ(std::get<UdpBody>(packet_of("0 > udp (0)").body).bytes, 0);
    EXPECT_EQ(error_of("0 < udp 5"), "t.pkt:1:9: expected '(' here, found '5'");
}

TEST(Parser, IcmpLinesNameTypeAndCode) {
    const auto icmp_of = [](std::string_view text) {
        return std::get<IcmpBody>(packet_of(text).body);
    };
    EXPECT_EQ(icmp_of("0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]"),
              (IcmpBody{.type = 3,
                        .code = 4,
                        .mtu = 1200,
                        .quote = IcmpQuote{.range = {.begin = 1, .end = 1461, .bytes = 1460}}}));
    EXPECT_EQ(icmp_of("0 < icmpv6 packet_too_big mtu 1280 [udp (100)]"),
              (IcmpBody{.is_v6 = true,
                        .type = 2,
                        .mtu = 1280,
                        .quote = IcmpQuote{.is_udp = true, .range = {.bytes = 100}}}));
    EXPECT_EQ(icmp_of("0 < icmp echo_request id 7 seq 9 (56)"),
              (IcmpBody{.type = 8, .echo_id = 7, .echo_sequence = 9, .bytes = 56}));
    EXPECT_EQ(icmp_of("0 < icmp 3 13 [1:2(1)]").code, 13);
    EXPECT_EQ(icmp_of("0 < icmp echo_request id 7 [raw (56)]"),
              (IcmpBody{.type = 8, .echo_id = 7, .bytes = 56}));
    EXPECT_EQ(icmp_of("0 < icmp source_quench [1:2(1)]").type, 4);
    const Script two = parsed("0 < icmp echo_reply\n1 close(3) = 0");
    EXPECT_EQ(two.events.size(), 2u);
    expect_faults({
        {"0 < icmp nonsense", "t.pkt:1:10: expected an ICMP type here, found 'nonsense'"},
        {"0 < icmpv6 source_quench",
         "t.pkt:1:12: expected an ICMPv6 type here, found 'source_quench'"},
        {"0 < icmp unreachable no_route",
         "t.pkt:1:22: expected an ICMP code of this type, 'mtu', 'id' or 'seq' here, found "
         "'no_route'"},
        {"0 < icmp unreachable mtu x", "t.pkt:1:26: expected an MTU here, found 'x'"},
        {"0 < icmp echo_request [raw 5]", "t.pkt:1:28: expected '(' here, found '5'"},
        {"0 < icmp unreachable [1:2(1)",
         "t.pkt:1:29: expected ']' here, found the end of the file"},
    });
}

TEST(Parser, EveryKindOfIcmpIsReadByItsName) {
    struct Kind {
        std::string_view words;
        std::uint8_t type;
        std::uint8_t code;
    };
    const auto check = [](std::string_view protocol, const Kind& kind) {
        const std::string line = "0 < " + std::string{protocol} + " " + std::string{kind.words};
        SCOPED_TRACE(line);
        const auto body = std::get<IcmpBody>(packet_of(line).body);
        EXPECT_EQ(body.type, kind.type);
        EXPECT_EQ(body.code, kind.code);
    };
    // RFC 792, RFC 950, RFC 1122 §3.2.2.1, RFC 1256, RFC 1812 §5.2.7.1
    for (const Kind& kind : {Kind{"echo_reply", 0, 0},
                             {"unreachable net_unreachable", 3, 0},
                             {"unreachable host_unreachable", 3, 1},
                             {"unreachable protocol_unreachable", 3, 2},
                             {"unreachable port_unreachable", 3, 3},
                             {"unreachable frag_needed", 3, 4},
                             {"unreachable source_route_failed", 3, 5},
                             {"unreachable net_unknown", 3, 6},
                             {"unreachable host_unknown", 3, 7},
                             {"unreachable source_host_isolated", 3, 8},
                             {"unreachable net_prohibited", 3, 9},
                             {"unreachable host_prohibited", 3, 10},
                             {"unreachable net_unreachable_for_tos", 3, 11},
                             {"unreachable host_unreachable_for_tos", 3, 12},
                             {"unreachable packet_filtered", 3, 13},
                             {"unreachable precedence_violation", 3, 14},
                             {"unreachable precedence_cutoff", 3, 15},
                             {"source_quench", 4, 0},
                             {"redirect net_redirect", 5, 0},
                             {"redirect host_redirect", 5, 1},
                             {"echo_request", 8, 0},
                             {"router_advertisement", 9, 0},
                             {"router_solicitation", 10, 0},
                             {"time_exceeded ttl_exceeded", 11, 0},
                             {"time_exceeded reassembly_time_exceeded", 11, 1},
                             {"parameter_problem", 12, 0},
                             {"timestamp_request", 13, 0},
                             {"timestamp_reply", 14, 0},
                             {"information_request", 15, 0},
                             {"information_reply", 16, 0},
                             {"address_mask_request", 17, 0},
                             {"address_mask_reply", 18, 0}}) {
        check("icmp", kind);
    }
    // RFC 4443 §3, RFC 4861 §4
    for (const Kind& kind : {Kind{"unreachable no_route", 1, 0},
                             {"unreachable admin_prohibited", 1, 1},
                             {"unreachable not_neighbour", 1, 2},
                             {"unreachable beyond_scope", 1, 2},
                             {"unreachable address_unreachable", 1, 3},
                             {"unreachable port_unreachable", 1, 4},
                             {"unreachable source_policy", 1, 5},
                             {"unreachable reject_route", 1, 6},
                             {"packet_too_big", 2, 0},
                             {"time_exceeded hop_limit_exceeded", 3, 0},
                             {"time_exceeded reassembly_time_exceeded", 3, 1},
                             {"parameter_problem header_field", 4, 0},
                             {"parameter_problem next_header", 4, 1},
                             {"parameter_problem unknown_option", 4, 2},
                             {"echo_request", 128, 0},
                             {"echo_reply", 129, 0},
                             {"router_solicitation", 133, 0},
                             {"router_advertisement", 134, 0},
                             {"neighbor_solicitation", 135, 0},
                             {"neighbor_advertisement", 136, 0},
                             {"redirect", 137, 0}}) {
        check("icmpv6", kind);
    }
}

TEST(Parser, PacketsMayBeEncapsulated) {
    const PacketLine p = packet_of(
        "0 < ipv4 192.0.2.1 > 192.0.2.2: gre key 7 seq 1: ipv6 2001:db8::1 > 2001:db8::2: "
        "mpls (label 16, tc 1, [S] ttl 64): . 1:1(0) ack 1");
    ASSERT_EQ(p.outer.size(), 4u);
    EXPECT_EQ(std::get<outer::Ip>(p.outer[0]).target, IpAddress::v4(192, 0, 2, 2));
    EXPECT_EQ(std::get<outer::Gre>(p.outer[1]), (outer::Gre{.key = 7, .sequence = 1}));
    EXPECT_EQ(std::get<outer::Gre>(
                  packet_of("0 < gre sum 0x1234, off 1, key 2, seq 3: . 1:1(0)").outer[0]),
              (outer::Gre{
                  .has_checksum = true, .checksum = 0x1234, .offset = 1, .key = 2, .sequence = 3}));
    EXPECT_EQ(std::get<outer::Mpls>(p.outer[3]).entries[0],
              (outer::MplsEntry{.label = 16, .traffic_class = 1, .is_bottom = true, .ttl = 64}));
    expect_faults({
        {"0 < ipv4 x > 1.2.3.4: . 1:1(0)", "t.pkt:1:10: expected an IP address here, found 'x'"},
        {"0 < ipv4 1.2.3.4 > 1.2.3.5 . 1:1(0)", "t.pkt:1:27: expected ':' here, found a blank"},
        {"0 < ipv6 1.2.3.4 > 1.2.3.5: . 1:1(0)",
         "t.pkt:1:5: these addresses are of another family than their header"},
        {"0 < gre foo: . 1:1(0)",
         "t.pkt:1:9: expected 'sum', 'key', 'seq' or ':' here, found 'foo'"},
        {"0 < gre sum 65536: . 1:1(0)",
         "t.pkt:1:13: '65536' is too large for a GRE checksum: at most 65535"},
        {"0 < mpls (label 1048576, tc 0, ttl 1): . 1:1(0)",
         "t.pkt:1:17: '1048576' is too large for an MPLS label: at most 1048575"},
        {"0 < gre: gre: gre: gre: gre: . 1:1(0)", "t.pkt:1:25: headers nest at most 4 deep"},
    });
}

}  // namespace
}  // namespace fairlead::drill
