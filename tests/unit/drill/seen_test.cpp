#include "drill/seen.hpp"

#include <gtest/gtest.h>

#include "drill/inbound.hpp"
#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

Connection connection(const char* local, const char* remote) {
    Connection c;
    c.local = {*IpAddress::parse(local), 8080};
    c.remote = {*IpAddress::parse(remote), 4000};
    return c;
}

const Connection kV4 = connection("192.168.0.1", "192.0.2.1");
const Connection kV6 = connection("fd3d::1", "2001:db8::1");

TEST(Seen, WhatIsBuiltIsReadBack) {
    for (const Connection& c : {kV4, kV6}) {
        const PacketLine line = packet_of(
            "0 < [tos 0x2, ttl 7] FSRP.UEWA 5:25(20) ack 9 win 77 urg 3 <mss 1460,nop,nop,sackOK>");
        const auto& tcp = std::get<TcpBody>(line.body);
        const auto seen = read_packet({.bytes = build_tcp(c, line.ip, tcp)});
        ASSERT_TRUE(seen && *seen);
        EXPECT_EQ((*seen)->source, c.remote);
        EXPECT_EQ((*seen)->target, c.local);
        EXPECT_EQ((*seen)->tos, 2);
        EXPECT_EQ((*seen)->ttl, 7);
        EXPECT_EQ(std::get<TcpBody>((*seen)->body), tcp);
    }
}

TEST(Seen, APacketBuiltIsTheOneSummedByHand) {
    // A SYN made by hand: 192.0.2.1:4000 > 192.168.0.1:8080, seq 0, win 1, TTL 255, no options.
    const auto bytes = build_tcp(kV4, {}, tcp_of("0 < S 0:0(0) win 1"));
    EXPECT_EQ(bytes, (std::vector<std::uint8_t>{
                         0x45, 0,    0,    40,   0,    0,    0x40, 0, 255, 6, 0xf9, 0x24,  // IP
                         192,  0,    2,    1,    192,  168,  0,    1,                      //
                         0x0f, 0xa0, 0x1f, 0x90, 0,    0,    0,    0, 0,   0, 0,    0,     // TCP
                         0x50, 0x02, 0,    1,    0xfe, 0x06, 0,    0}));
}

TEST(Seen, UdpIsReadBack) {
    const auto seen = read_packet({.bytes = build_udp(kV6, {}, UdpBody{33})});
    ASSERT_TRUE(seen && *seen);
    EXPECT_EQ(std::get<UdpBody>((*seen)->body).bytes, 33);
    EXPECT_EQ((*seen)->source.port, 4000);
}

TEST(Seen, IcmpIsReadBack) {
    const auto read = [](const Connection& c, std::string_view text) {
        const auto line = packet_of("0 < " + std::string{text});
        const auto seen = read_packet({.bytes = build_packet(c, line)});
        EXPECT_TRUE(seen && *seen) << text;
        return seen && *seen ? std::get<IcmpBody>((*seen)->body) : IcmpBody{};
    };
    const IcmpBody echo = read(kV4, "icmp echo_request id 7 seq 9 (56)");
    EXPECT_EQ(echo, (IcmpBody{.type = 8, .echo_id = 7, .echo_sequence = 9, .bytes = 56}));
    EXPECT_EQ(read(kV6, "icmpv6 echo_reply id 7 seq 9 (5)"),
              (IcmpBody{.is_v6 = true, .type = 129, .echo_id = 7, .echo_sequence = 9, .bytes = 5}));
    const IcmpBody v4 = read(kV4, "icmp unreachable frag_needed mtu 1200 [5:1465(1460)]");
    EXPECT_EQ(v4.mtu, 1200u);
    EXPECT_EQ(v4.quote, (IcmpQuote{.range = {.begin = 5, .end = 1465, .bytes = 1460}}));
    EXPECT_EQ(v4.bytes, 28);
    const IcmpBody v6 = read(kV6, "icmpv6 packet_too_big mtu 1280 [udp (100)]");
    EXPECT_EQ(v6.mtu, 1280u);
    EXPECT_EQ(v6.quote, (IcmpQuote{.is_udp = true, .range = {.bytes = 100}}));
    // Without a quote an error is about an empty segment.
    EXPECT_EQ(read(kV4, "icmp unreachable").quote, IcmpQuote{});
}

TEST(Seen, AnIcmpErrorIsTheOneMadeByHand) {
    // 192.0.2.1 tells 192.168.0.1 of its segment 192.168.0.1:8080 > 192.0.2.1:4000, seq 5.
    const auto bytes =
        build_packet(kV4, packet_of("0 < icmp unreachable frag_needed mtu 1200 [5:15(10)]"));
    EXPECT_EQ(bytes, (std::vector<std::uint8_t>{
                         0x45, 0,    0,    56,   0,   0,   0x40, 0,    255, 1, 0xf9, 0x19,  // IP
                         192,  0,    2,    1,    192, 168, 0,    1,                         //
                         3,    4,    0xc9, 0x16, 0,   0,   0x04, 0xb0,                      // ICMP
                         0x45, 0,    0,    50,   0,   0,   0x40, 0,    255, 6, 0xf9, 0x1a,  // quote
                         192,  168,  0,    1,    192, 0,   2,    1,                         //
                         0x1f, 0x90, 0x0f, 0xa0, 0,   0,   0,    5}));
}

TEST(Seen, EveryFalseByteOfAnIcmpErrorIsReadInBounds) {
    for (const auto& [c, text] :
         {std::pair{kV4, "0 < icmp unreachable frag_needed [5:15(10)]"},
          std::pair{kV6, "0 < icmpv6 packet_too_big mtu 1280 [5:15(10)]"}}) {
        const auto whole = build_packet(c, packet_of(text));
        const std::size_t begin = c.local.address.is_v4() ? 20 : 40;
        int quotes = 0;
        for (std::size_t n = begin; n < whole.size(); ++n) {
            for (int value = 0; value < 256; ++value) {
                auto bytes = whole;
                bytes[n] = static_cast<std::uint8_t>(value);
                const auto seen = read_packet({.bytes = bytes});
                ASSERT_TRUE(seen && *seen);
                quotes += std::get<IcmpBody>((*seen)->body).quote ? 1 : 0;
            }
        }
        EXPECT_GT(quotes, 0);
    }
}

TEST(Seen, APayloadThatIsNotZerosIsAFault) {
    auto bytes = build_tcp(kV4, {}, tcp_of("0 < . 1:11(10) ack 1 win 1"));
    bytes.back() = 1;
    EXPECT_EQ(read_packet({.bytes = bytes}).error(),
              "its payload is not the zeros that were written");
}

TEST(Seen, BrokenHeadersAreFaults) {
    const auto whole = build_tcp(kV4, {}, tcp_of("0 < . 1:11(10) ack 1 win 1"));
    auto bytes = whole;
    bytes[10] ^= 1;
    EXPECT_EQ(read_packet({.bytes = bytes}).error(),
              "its IPv4 header is malformed, or its checksum wrong");
    bytes = whole;
    bytes.push_back(0);
    EXPECT_EQ(read_packet({.bytes = bytes}).error(), "its IPv4 total length is wrong");
    bytes = whole;
    bytes[32] = 0x40;  // a data offset below the header
    EXPECT_EQ(read_packet({.bytes = bytes}).error(), "its TCP header is malformed");
    EXPECT_EQ(read_packet({}).error(), "it is empty");
}

TEST(Seen, EveryCutOfAPacketIsAFault) {
    for (const Connection& c : {kV4, kV6}) {
        const auto whole = build_tcp(c, {}, tcp_of("0 < . 1:11(10) ack 1 win 1 <mss 5>"));
        for (std::size_t n = 0; n < whole.size(); ++n) {
            EXPECT_FALSE(read_packet(
                {.bytes = {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}}))
                << n;
        }
    }
}

}  // namespace
}  // namespace fairlead::drill
