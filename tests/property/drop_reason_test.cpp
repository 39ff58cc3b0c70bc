// Each reason to drop a packet is provoked once, and its counter, under Linux's name, moves by one.
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "property/stranger.hpp"

using namespace fairlead;
using namespace fairlead::testing;

namespace {

using Make = std::function<Frame(const Stranger&)>;

struct Reason {
    const char* name;
    Counter counter;
    Make frame;
};
void PrintTo(const Reason& r, std::ostream* out) { *out << r.name; }

// --- frames, sound but for one thing ---
Frame on_wire(const Stranger& w, const Frame& packet) {
    return ethernet(w.our_mac, w.peer_mac, packet);
}
Frame changed(Frame f, std::size_t at, int value) {
    f[at] = static_cast<std::byte>(value);
    return f;
}
Frame of_type(const Stranger& w, std::uint16_t type, const Frame& body) {
    Frame f(14);
    wire::write_ethernet(
        f, {.target = w.our_mac, .source = w.peer_mac, .type = static_cast<wire::EtherType>(type)});
    return f + body;
}
Frame arp(const Stranger& w) {
    Frame body(wire::ArpPacket::kBytes);
    wire::write_arp(body, {.sender_mac = w.peer_mac, .sender = w.peer4, .target = w.us4});
    return of_type(w, 0x0806, body);
}
Frame datagram(const Stranger& w, Family f, std::uint16_t port = 53) {
    return on_wire(w, udp(w.peer(f), w.us(f), 1000, port, text("datagram")));
}
Frame echo(const Stranger& w, Family f) {
    return on_wire(w, icmp(w.peer(f), w.us(f), f == Family::Inet ? 8 : 128, bytes({0, 1, 0, 1})));
}
Frame stray(const Stranger& w, Family f) {
    Said s;
    s.flags.ack = true;
    return on_wire(
        w, Stranger::segment(
               {.stack_address = w.us(f), .own_address = w.peer(f), .stack_port = 9, .own_port = 9},
               s));
}
Frame fragment(const Stranger& w, std::uint16_t offset, std::size_t size, bool more) {
    return on_wire(w, ipv4({.id = 3,
                            .more_fragments = more,
                            .fragment_offset = offset,
                            .protocol = wire::IpProtocol::Udp,
                            .source = w.peer4,
                            .target = w.us4},
                           Frame(size)));
}
Frame with(const Stranger& w, const char* from, const char* to) {
    return on_wire(w, udp(address(from), address(to), 1, 53, text("x")));
}

constexpr std::size_t kIp = 14;
constexpr auto k4 = Family::Inet;
constexpr auto k6 = Family::Inet6;

const Reason kReasons[] = {
    {"LinkTruncated", Counter::LinkInTruncated, [](auto&) { return Frame(13); }},
    {"LinkUnknownProtocol", Counter::LinkInUnknownProtos,
     [](auto& w) { return of_type(w, 0x88b5, Frame(46)); }},
    {"ArpTruncated", Counter::ArpInErrors, [](auto& w) { return part(arp(w), 0, 14 + 27); }},
    {"ArpOfAnotherHardware", Counter::ArpInErrors, [](auto& w) { return changed(arp(w), 15, 6); }},
    {"ArpOfAnotherProtocol", Counter::ArpInErrors,
     [](auto& w) { return changed(arp(w), 16, 0x86); }},
    {"ArpOfAnotherLength", Counter::ArpInErrors, [](auto& w) { return changed(arp(w), 18, 8); }},
    {"ArpOfUnknownOperation", Counter::ArpInErrors, [](auto& w) { return changed(arp(w), 21, 9); }},
    {"Ip4Truncated", Counter::IpInHdrErrors,
     [](auto& w) { return part(datagram(w, k4), 0, kIp + 19); }},
    {"Ip4OfAnotherVersion", Counter::IpInHdrErrors,
     [](auto& w) { return changed(datagram(w, k4), kIp, 0x55); }},
    {"Ip4HeaderTooShort", Counter::IpInHdrErrors,
     [](auto& w) { return changed(datagram(w, k4), kIp, 0x44); }},
    {"Ip4Checksum", Counter::IpExtInCsumErrors,
     [](auto& w) { return changed(datagram(w, k4), kIp + 8, 63); }},
    {"Ip4LengthLies", Counter::IpExtInTruncatedPkts,
     [](auto& w) { return part(datagram(w, k4), 0, kIp + 30); }},
    {"Ip4ForAnother", Counter::IpInAddrErrors,
     [](auto& w) { return with(w, "192.0.2.2", "198.51.100.1"); }},
    {"Ip4FromOurselves", Counter::IpInAddrErrors,
     [](auto& w) { return with(w, "192.0.2.1", "192.0.2.1"); }},
    {"Ip4FromLoopback", Counter::IpInAddrErrors,
     [](auto& w) { return with(w, "127.0.0.1", "192.0.2.1"); }},
    {"Ip4UnknownProtocol", Counter::IpInUnknownProtos,
     [](auto& w) {
         return on_wire(w, ip(w.peer4, w.us4, static_cast<wire::IpProtocol>(253), Frame(8)));
     }},
    {"Ip4FragmentTooLong", Counter::IpReasmFails,
     [](auto& w) { return fragment(w, 65528, 16, false); }},
    {"Ip4FragmentOfNothing", Counter::IpReasmFails,
     [](auto& w) { return fragment(w, 0, 7, true); }},
    {"Ip6Truncated", Counter::Ip6InHdrErrors,
     [](auto& w) { return part(datagram(w, k6), 0, kIp + 39); }},
    {"Ip6OfAnotherVersion", Counter::Ip6InHdrErrors,
     [](auto& w) { return changed(datagram(w, k6), kIp, 0x70); }},
    {"Ip6LengthLies", Counter::Ip6InTruncatedPkts,
     [](auto& w) { return part(datagram(w, k6), 0, kIp + 50); }},
    {"Ip6ForAnother", Counter::Ip6InAddrErrors,
     [](auto& w) { return with(w, "2001:db8::2", "2001:db8:9::1"); }},
    {"Ip6FromAGroup", Counter::Ip6InHdrErrors,
     [](auto& w) { return with(w, "ff02::1", "2001:db8::1"); }},
    {"Ip6FromLoopback", Counter::Ip6InHdrErrors,
     [](auto& w) { return with(w, "::1", "2001:db8::1"); }},
    {"Ip6ExtensionRunsOver", Counter::Ip6InHdrErrors,
     [](auto& w) {
         return on_wire(w, ip(w.peer6, w.us6, static_cast<wire::IpProtocol>(60),
                              bytes({17, 9, 1, 4, 0, 0, 0, 0})));
     }},
    {"IcmpTruncated", Counter::IcmpInErrors,
     [](auto& w) {
         return on_wire(w, ip(w.peer4, w.us4, wire::IpProtocol::Icmp, bytes({8, 0, 0xf7, 0xff})));
     }},
    {"IcmpChecksum", Counter::IcmpInCsumErrors,
     [](auto& w) { return changed(echo(w, k4), kIp + 20 + 4, 9); }},
    {"Icmp6Checksum", Counter::Icmp6InCsumErrors,
     [](auto& w) { return changed(echo(w, k6), kIp + 40 + 4, 9); }},
    {"UdpChecksum", Counter::UdpInCsumErrors,
     [](auto& w) { return changed(datagram(w, k4), kIp + 20 + 8, 0); }},
    {"UdpLengthLies", Counter::UdpInErrors,
     [](auto& w) { return changed(datagram(w, k4), kIp + 20 + 4, 9); }},
    {"UdpNobodyThere", Counter::UdpNoPorts, [](auto& w) { return datagram(w, k4, 54); }},
    {"Udp6Checksum", Counter::Udp6InCsumErrors,
     [](auto& w) { return changed(datagram(w, k6), kIp + 40 + 8, 0); }},
    {"Udp6NobodyThere", Counter::Udp6NoPorts, [](auto& w) { return datagram(w, k6, 54); }},
    {"TcpTruncated", Counter::TcpInErrs,
     [](auto& w) { return on_wire(w, ip(w.peer4, w.us4, wire::IpProtocol::Tcp, Frame(19))); }},
    {"TcpOffsetLies", Counter::TcpInErrs,
     [](auto& w) { return changed(stray(w, k4), kIp + 20 + 12, 0x40); }},
    {"TcpOffsetOverTheEnd", Counter::TcpInErrs,
     [](auto& w) { return changed(stray(w, k6), kIp + 40 + 12, 0xf0); }},
    {"TcpChecksum", Counter::TcpInCsumErrors,
     [](auto& w) { return changed(stray(w, k4), kIp + 20 + 4, 1); }},
    {"TcpNobodyThere", Counter::TcpOutRsts, [](auto& w) { return stray(w, k4); }},
};

class DropReason : public ::testing::TestWithParam<Reason> {};

INSTANTIATE_TEST_SUITE_P(All, DropReason, ::testing::ValuesIn(kReasons),
                         [](const auto& p) { return std::string{p.param.name}; });

TEST_P(DropReason, IsCountedOnceUnderItsName) {
    Stranger world;
    const SocketId s = *world.stack.socket(Family::Inet6, SocketType::Datagram);
    ASSERT_TRUE(world.stack.bind(s, {IpAddress::any(Family::Inet6), 53}));
    const std::uint64_t before = world.count(GetParam().counter);
    world.raw(GetParam().frame(world));
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.count(GetParam().counter), before + 1) << name_of(GetParam().counter);
    EXPECT_EQ(*world.stack.readiness(s) & kReadable, 0u);
}

}  // namespace
