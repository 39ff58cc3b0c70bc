#include "drill/format.hpp"

#include <string>

#include <gtest/gtest.h>

#include "unit/drill/parsed.hpp"

namespace fairlead::drill {
namespace {

TEST(Format, WhatIsFormattedParsesToTheSame) {
    const Script s = parsed(R"(--tolerance_usecs=10000
--strict_segments
--quoted="a b"
--odd=a"b
`sysctl -q net.ipv4.tcp_sack=0`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+.000000001 bind(3, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("1.2.3.4")}, ...) = 0
+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)
+0 open("/tmp/a\"\x01b", O_RDWR|~O_NONBLOCK, 0644) = -1 ENOENT (No such file)
+0 recvmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0}, 0) = 30
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7>
+0~+.1 > S. 0:0(0) ack 1 win 5 <...>
* > P. 1:11(10) ack 1 <nop,nop,sack 1:2 3:4>
+.1...0.2 read(4, ..., 10) = 10
10 < [ect0, ttl 3] FP5. 1:1001(1000) ack 1 win 257 urg 8 <FO 12ab,FOEXP,md5,unknown 99 01,eol>
11~12 > [tos 0x10, flowlabel 0x1] 80 > 1234 RUEWA 1:1(0) <ECN e1b 1 ceb 2 e0b 3>
13 < [noecn] udp 53 > 1000 (100)
14 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]
15 < icmpv6 unreachable [udp (10)]
16 < icmp echo_request id 1 seq 2 (56)
17 < ipv4 1.2.3.4 > 1.2.3.5: gre sum key 1 seq 2: mpls (label 1, tc 2, [S] ttl 3) (label 1, tc 2, ttl 3): - 1:1(0)
18 `ls /`
19 %{ print(tcpi_rtt) }%
)");
    ASSERT_EQ(s.events.size(), 19u);
    const std::string text = format(s);
    const Script again = parsed(text);
    EXPECT_EQ(again, s) << text;
    EXPECT_EQ(format(again), text);
    EXPECT_NE(again.events[0], again.events[1]);
}

}  // namespace
}  // namespace fairlead::drill
