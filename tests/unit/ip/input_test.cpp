// What is dropped on the way up, under which name, and who is told.
#include <algorithm>
#include <vector>

#include <gmock/gmock.h>

#include "base/prng.hpp"
#include "unit/ip/network_fixture.hpp"
#include "wire/arp.hpp"

namespace fairlead::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class InputTest : public NetworkTest {
protected:
    // Nothing comes up, and exactly this counter moves by one.
    void expect_dropped(const Frame& packet, Counter counter) {
        const std::uint64_t before = count(counter);
        const Got got = receive({packet});
        EXPECT_THAT(got.incoming, IsEmpty()) << name_of(counter);
        EXPECT_EQ(count(counter), before + 1) << name_of(counter);
    }
    Frame damaged(Frame packet, std::size_t at, int value) const {
        packet[at] = static_cast<std::byte>(value);
        return packet;
    }
    // The same with an IPv4 header whose checksum is right again.
    Frame summed(Frame packet) const {
        const std::size_t n = std::to_integer<std::size_t>(packet[0] & std::byte{0xf}) * 4;
        store_be<std::uint16_t>(packet, 10, 0);
        store_be(MutableBytes{packet}, 10, wire::sum_of(part(packet, 0, n)).checksum());
        return packet;
    }
    Frame four(std::string_view from, std::string_view to) const {
        return udp(address(from), address(to), 5, 6, text("x"));
    }
    Frame six(std::string_view from, std::string_view to) const { return four(from, to); }
    Frame six_with(int next_header, const Frame& payload) const {
        return ipv6({.next_header = static_cast<wire::IpProtocol>(next_header),
                     .source = peer6,
                     .target = us6},
                    payload);
    }
    // Type, code and the pointer or MTU behind them of the ICMP error just sent.
    Frame take_error() {
        const Frame sent = take_sent();
        if (sent.empty()) return {};
        const std::size_t header = (sent[0] & std::byte{0xf0}) == std::byte{0x40} ? 20 : 40;
        return part(sent, header, 2) + part(sent, header + 4, 4);
    }
};

TEST_F(InputTest, broken_ipv4_headers) {
    const Frame good = four("192.0.2.2", "192.0.2.1");
    expect_dropped(part(good, 0, 19), Counter::IpInHdrErrors);
    expect_dropped(summed(damaged(good, 0, 0x44)), Counter::IpInHdrErrors);
    expect_dropped(summed(damaged(good, 0, 0x4f)), Counter::IpInHdrErrors);  // 60 bytes of 29
    expect_dropped(summed(damaged(good, 3, 19)), Counter::IpInHdrErrors);
    expect_dropped(summed(damaged(good, 3, 200)), Counter::IpExtInTruncatedPkts);
    const std::uint64_t before = count(Counter::IpInHdrErrors);
    expect_dropped(damaged(good, 8, 63), Counter::IpExtInCsumErrors);
    EXPECT_EQ(count(Counter::IpInHdrErrors), before + 1);
    expect_dropped(damaged(good, 0, 0x55), Counter::LinkInUnknownProtos);
    EXPECT_THAT(device.sent, IsEmpty());
    EXPECT_EQ(count(Counter::IpInReceives), 6u);
}

// What was found out about a pair of addresses holds until the addresses change.
TEST_F(InputTest, ipv4_addresses_are_asked_again_when_ours_have_changed) {
    const Frame packet = four("192.0.2.2", "192.0.2.9");
    expect_dropped(packet, Counter::IpInAddrErrors);
    ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.9/32"), now));
    EXPECT_THAT(receive({packet}).incoming, SizeIs(1));
    EXPECT_THAT(receive({packet}).incoming, SizeIs(1));
    expect_dropped(four("192.0.2.2", "192.0.2.8"), Counter::IpInAddrErrors);
    expect_dropped(four("224.0.0.2", "192.0.2.9"), Counter::IpInAddrErrors);

    ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.2/32"), now));  // the sender's is ours now
    expect_dropped(packet, Counter::IpInAddrErrors);
    ASSERT_TRUE(network.remove_address(eth, address("192.0.2.2")));
    EXPECT_THAT(receive({packet}).incoming, SizeIs(1));
    ASSERT_TRUE(network.remove_address(eth, address("192.0.2.9")));
    expect_dropped(packet, Counter::IpInAddrErrors);
}

// RFC 9293 MUST-63
TEST_F(InputTest, ipv4_addresses_that_no_honest_packet_has) {
    for (const char* from :
         {"224.0.0.5", "255.255.255.255", "127.0.0.1", "0.1.2.3", "0.0.0.0", "192.0.2.1"}) {
        expect_dropped(four(from, "192.0.2.1"), Counter::IpInAddrErrors);
    }
    for (const char* to : {"127.0.0.1", "192.0.2.3", "224.0.0.9", "198.51.100.255", "10.0.0.1"}) {
        expect_dropped(four("192.0.2.2", to), Counter::IpInAddrErrors);
    }
    EXPECT_THAT(device.sent, IsEmpty());
    // A host that asks for its first address.
    EXPECT_THAT(receive({four("0.0.0.0", "255.255.255.255")}).incoming, SizeIs(1));
}

// RFC 9293 MUST-57; RFC 1122 REQ-4.2.3.10
TEST_F(InputTest, groups_and_broadcasts_come_up_as_such) {
    for (const char* to : {"255.255.255.255", "192.0.2.255", "224.0.0.1"}) {
        const Got got = receive({four("192.0.2.2", to)});
        ASSERT_THAT(got.incoming, SizeIs(1)) << to;
        EXPECT_FALSE(got.incoming[0].is_unicast);
        network.send_port_unreachable(got.incoming[0], now);
    }
    network.flush(now);
    EXPECT_THAT(device.sent, IsEmpty());
    EXPECT_EQ(count(Counter::IpExtInBcastPkts), 2u);
    EXPECT_EQ(count(Counter::IpExtInMcastPkts), 1u);
}

// RFC 9293 MUST-50
TEST_F(InputTest, ipv4_options_are_read_and_a_source_route_is_refused) {
    const auto with_options = [&](const Frame& options) {
        return ipv4({.protocol = wire::IpProtocol::Udp, .source = peer4, .target = us4},
                    part(four("192.0.2.2", "192.0.2.1"), 20), options);
    };
    const Got got = receive({with_options(bytes({1, 1, 1, 0}))});
    ASSERT_THAT(got.incoming, SizeIs(1));
    EXPECT_EQ(got.payloads[0], part(four("192.0.2.2", "192.0.2.1"), 20));
    expect_dropped(with_options(bytes({131, 3, 4, 0})), Counter::IpInHdrErrors);
    EXPECT_THAT(device.sent, IsEmpty());
    expect_dropped(with_options(bytes({1, 7, 9, 0})), Counter::IpInHdrErrors);
    EXPECT_EQ(take_error(), bytes({12, 0, 21, 0, 0, 0}));
    EXPECT_EQ(count(Counter::IcmpOutParmProbs), 1u);
}

TEST_F(InputTest, a_protocol_nobody_speaks_is_answered) {
    const Frame packet = ip(peer4, us4, static_cast<wire::IpProtocol>(132), text("sctp"));
    expect_dropped(packet, Counter::IpInUnknownProtos);
    EXPECT_EQ(take_error(), bytes({3, 2, 0, 0, 0, 0}));
    expect_dropped(six_with(132, text("sctp")), Counter::Ip6InUnknownProtos);
    EXPECT_EQ(take_error(), bytes({4, 1, 0, 0, 0, 6}));
}

TEST_F(InputTest, broken_icmp) {
    const Frame good = icmp(peer4, us4, 8, text("abcd"));
    expect_dropped(damaged(good, 24, 0), Counter::IcmpInCsumErrors);
    expect_dropped(ip(peer4, us4, wire::IpProtocol::Icmp, bytes({8, 0, 0xf7, 0xff})),
                   Counter::IcmpInErrors);
    receive({icmp(peer4, us4, 77, text("abcd"))});
    EXPECT_EQ(count(Counter::IcmpInMsgs), 3u);
    EXPECT_EQ(count(Counter::IcmpInErrors), 2u);
    const Frame good6 = icmp(peer6, us6, 128, text("abcd"));
    expect_dropped(damaged(good6, 44, 0), Counter::Icmp6InCsumErrors);
    EXPECT_EQ(count(Counter::Icmp6InErrors), 1u);
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(InputTest, echo_is_answered_only_where_the_settings_say_so) {
    receive({icmp(peer4, address("192.0.2.255"), 8, text("abcd"))});
    EXPECT_THAT(device.sent, IsEmpty());
    config.icmp_echo_ignore_broadcasts = 0;
    receive({icmp(peer4, address("192.0.2.255"), 8, text("abcd"))});
    EXPECT_EQ(wire::parse_ipv4(take_sent())->source, us4);
    config.icmp_echo_ignore_all = 1;
    receive({icmp(peer4, us4, 8, text("abcd")), icmp(peer6, us6, 128, text("abcd"))});
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(InputTest, an_error_is_never_answered_with_one) {
    // An ICMP error of a protocol's, from a host that is us no longer: nothing to say.
    const auto later = [&](wire::IpProtocol protocol, const Frame& payload) {
        return ipv4({.fragment_offset = 8, .protocol = protocol, .source = peer4, .target = us4},
                    payload);
    };
    receive({later(static_cast<wire::IpProtocol>(132), pattern(8))});
    expire_at(now + 40_s);
    EXPECT_THAT(device.sent, IsEmpty());
    EXPECT_EQ(count(Counter::IpReasmTimeout), 1u);

    const Frame first = ipv4({.more_fragments = true,
                              .protocol = wire::IpProtocol::Icmp,
                              .source = peer4,
                              .target = us4},
                             bytes({3, 3, 0, 0, 0, 0, 0, 0}));
    receive({first});
    expire_at(now + 40_s);
    EXPECT_THAT(device.sent, IsEmpty());
    Frame echo = first;
    echo[20] = std::byte{8};
    receive({echo});
    expire_at(now + 40_s);
    EXPECT_EQ(take_error(), bytes({11, 1, 0, 0, 0, 0}));
}

TEST_F(InputTest, fragments_that_overlap_are_counted) {
    const auto fragment = [&](std::uint16_t from, bool more, const Frame& payload) {
        return ipv4({.id = 5,
                     .more_fragments = more,
                     .fragment_offset = from,
                     .protocol = wire::IpProtocol::Udp,
                     .source = peer4,
                     .target = us4},
                    payload);
    };
    receive({fragment(0, true, pattern(16)), fragment(8, true, pattern(16))});
    EXPECT_EQ(count(Counter::IpExtReasmOverlaps), 1u);
    EXPECT_EQ(count(Counter::IpReasmFails), 1u);
    // The longest that the offset can say: beyond what a datagram may hold.
    receive({fragment(65528, false, pattern(100))});
    EXPECT_EQ(count(Counter::IpReasmFails), 2u);
    config.ipfrag_high_thresh = 0;
    receive({fragment(0, true, pattern(16)), fragment(32, true, pattern(16))});
    EXPECT_EQ(count(Counter::IpReasmFails), 3u);
}

TEST_F(InputTest, broken_ipv6_headers) {
    const Frame good = six("2001:db8::2", "2001:db8::1");
    expect_dropped(part(good, 0, 39), Counter::Ip6InHdrErrors);
    expect_dropped(damaged(good, 5, 200), Counter::Ip6InTruncatedPkts);
    Frame mapped = good;
    std::fill(mapped.begin() + 8, mapped.begin() + 18, std::byte{0});
    mapped[18] = mapped[19] = std::byte{0xff};
    expect_dropped(mapped, Counter::Ip6InHdrErrors);
    EXPECT_THAT(receive({good + pattern(7)}).payloads, ::testing::ElementsAre(part(good, 40)));
}

TEST_F(InputTest, ipv6_addresses_that_no_honest_packet_has) {
    for (const char* from : {"ff02::1", "::1"}) {
        expect_dropped(six(from, "2001:db8::1"), Counter::Ip6InHdrErrors);
    }
    for (const char* to : {"::1", "::", "ff01::1"}) {
        expect_dropped(six("2001:db8::2", to), Counter::Ip6InHdrErrors);
    }
    for (const char* to : {"2001:db8::3", "fe80::1", "ff02::2", "ff05::1:3"}) {
        expect_dropped(six("2001:db8::2", to), Counter::Ip6InAddrErrors);
    }
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(InputTest, extension_headers_are_walked_to_the_transport) {
    const Frame datagram = part(six("2001:db8::2", "2001:db8::1"), 40);
    const Frame padding = bytes({17, 0, 1, 4, 0, 0, 0, 0});
    Frame hop = padding;
    hop[0] = std::byte{60};
    EXPECT_THAT(receive({six_with(0, hop + padding + datagram)}).payloads,
                ::testing::ElementsAre(datagram));
    // A routing header that is used up, and a fragment that is alone.
    EXPECT_THAT(receive({six_with(43, bytes({44, 0, 0, 0, 0, 0, 0, 0}) +
                                          bytes({17, 0, 0, 0, 9, 9, 9, 9}) + datagram)})
                    .payloads,
                ::testing::ElementsAre(datagram));
    receive({six_with(59, text("nothing here"))});
    EXPECT_EQ(count(Counter::Ip6InDelivers), 3u);
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(InputTest, extension_headers_that_are_wrong_are_reported_as_rfc_8200_says) {
    const auto option = [](int type) { return bytes({17, 0, type, 4, 0, 0, 0, 0}); };
    expect_dropped(six_with(60, option(0x40)), Counter::Ip6InHdrErrors);
    EXPECT_THAT(device.sent, IsEmpty());
    expect_dropped(six_with(60, option(0x80)), Counter::Ip6InHdrErrors);
    EXPECT_EQ(take_error(), bytes({4, 2, 0, 0, 0, 42}));
    expect_dropped(six_with(60, option(0xc0)), Counter::Ip6InHdrErrors);
    EXPECT_EQ(take_error(), bytes({4, 2, 0, 0, 0, 42}));
    expect_dropped(six_with(43, bytes({17, 0, 0, 1, 0, 0, 0, 0})), Counter::Ip6InHdrErrors);
    EXPECT_EQ(take_error(), bytes({4, 0, 0, 0, 0, 42}));
    // A length that runs over the end: nobody is told, nothing is read.
    expect_dropped(six_with(60, bytes({17, 200, 1, 4, 0, 0, 0, 0})), Counter::Ip6InHdrErrors);
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(InputTest, a_fragment_of_fragments_goes_nowhere) {
    const Frame inner = bytes({17, 0, 0, 1, 0, 0, 0, 8}) + pattern(8);
    const auto outer = [&](int offset_and_more, const Frame& payload) {
        return six_with(44, bytes({44, 0, 0, offset_and_more, 0, 0, 0, 7}) + payload);
    };
    receive({outer(1, part(inner, 0, 8)), outer(8, part(inner, 8))});
    EXPECT_EQ(count(Counter::Ip6ReasmOKs), 1u);
    EXPECT_EQ(count(Counter::Ip6InHdrErrors), 1u);
    EXPECT_EQ(network.next_deadline(), Instant::never());
}

TEST_F(InputTest, ipv6_fragments_keep_rfc_8200_and_5722) {
    const auto fragment = [&](std::uint16_t from, bool more, const Frame& payload) {
        Frame header(8);
        wire::write_ipv6_fragment(header, {.id = 3, .offset = from, .more = more},
                                  wire::IpProtocol::Udp);
        return six_with(44, header + payload);
    };
    expect_dropped(fragment(0, true, pattern(9)), Counter::Ip6InHdrErrors);
    EXPECT_EQ(take_error(), bytes({4, 0, 0, 0, 0, 4}));
    expect_dropped(fragment(65528, false, pattern(100)), Counter::Ip6InHdrErrors);
    EXPECT_EQ(take_error(), bytes({4, 0, 0, 0, 0, 42}));
    receive({fragment(0, true, pattern(16))});
    expect_dropped(fragment(8, true, pattern(16)), Counter::Ip6ReasmFails);
    receive({fragment(0, true, pattern(16))});
    expire_at(now + 60_s);
    EXPECT_EQ(take_error(), bytes({3, 1, 0, 0, 0, 0}));
    EXPECT_EQ(count(Counter::Ip6ReasmTimeout), 1u);
}

TEST_F(InputTest, marks_of_congestion_are_counted) {
    for (int ecn = 0; ecn < 4; ++ecn) {
        receive({ipv4({.traffic_class = static_cast<std::uint8_t>(ecn),
                       .protocol = wire::IpProtocol::Udp,
                       .source = peer4,
                       .target = us4},
                      part(four("192.0.2.2", "192.0.2.1"), 20))});
    }
    EXPECT_EQ(count(Counter::IpExtInNoECTPkts), 1u);
    EXPECT_EQ(count(Counter::IpExtInECT1Pkts), 1u);
    EXPECT_EQ(count(Counter::IpExtInECT0Pkts), 1u);
    EXPECT_EQ(count(Counter::IpExtInCEPkts), 1u);
}

// Whatever comes, nothing is read out of bounds (the sanitizers see to that), nothing stays behind
// that time does not clear, and every packet is accounted for.
class GarbageTest : public EthernetTest {
protected:
    void feed(std::uint64_t seed, const std::vector<Frame>& seeds) {
        SCOPED_TRACE(seed);
        Prng prng{seed};
        for (int i = 0; i < 20'000; ++i) {
            Frame frame = seeds[prng.next() % seeds.size()];
            for (std::uint64_t n = prng.next() % 4; n > 0; --n) {
                // Mostly in the headers, where it hurts.
                const std::size_t reach = prng.next() % 2 == 0 ? 60 : frame.size();
                frame[prng.next() % std::min(reach, frame.size())] =
                    static_cast<std::byte>(prng.next());
            }
            if (prng.next() % 8 == 0) frame.resize(prng.next() % (frame.size() + 20) + 1);
            const bool is_v4 = frame.size() > 34 && frame[12] == std::byte{8};
            if (is_v4 && prng.next() % 2 == 0) {
                store_be<std::uint16_t>(frame, 24, 0);
                store_be(MutableBytes{frame}, 24, wire::sum_of(part(frame, 14, 20)).checksum());
            }
            device.inbox.push_back(std::move(frame));
            std::size_t frames = 0;
            now = now + Duration::from_us(static_cast<std::int64_t>(prng.next() % 3000));
            const auto events = network.receive(eth, now, frames);
            for (const ip::Incoming& in : events.incoming) network.send_port_unreachable(in, now);
            network.flush(now);
            (void)network.receive(1, now, frames);
            if (network.next_deadline() <= now) (void)network.expire(now);
            device.sent.clear();
        }
        for (int i = 0; i < 1000 && network.next_deadline() < now + 100_s; ++i) {
            now = std::max(now, network.next_deadline());
            (void)network.expire(now);
            network.flush(now);
            device.sent.clear();
        }
        std::size_t frames = 0;
        (void)network.receive(1, now, frames);
        (void)network.expire(now);
        EXPECT_EQ(pool.usage().packets, 0u);
        EXPECT_EQ(pool.usage().buffer_bytes, 0u);
    }

    std::vector<Frame> well_formed() {
        std::vector<Frame> packets;
        const Frame payload = pattern(100);
        packets.push_back(udp(peer4, us4, 5, 6, payload));
        packets.push_back(udp(peer6, us6, 5, 6, payload));
        packets.push_back(icmp(peer4, us4, 8, payload));
        packets.push_back(icmp(peer6, us6, 128, payload));
        packets.push_back(icmp(peer4, us4, 3, pattern(4) + udp(us4, peer4, 5, 6, payload), 3));
        packets.push_back(icmp(peer6, us6, 2, pattern(4) + udp(us6, peer6, 5, 6, payload)));
        packets.push_back(ipv4({.id = 1,
                                .more_fragments = true,
                                .protocol = wire::IpProtocol::Udp,
                                .source = peer4,
                                .target = us4},
                               pattern(64)));
        packets.push_back(ipv4({.id = 1,
                                .fragment_offset = 64,
                                .protocol = wire::IpProtocol::Udp,
                                .source = peer4,
                                .target = us4},
                               pattern(64)));
        for (const int next : {0, 43, 44, 60}) {
            packets.push_back(ipv6({.next_header = static_cast<wire::IpProtocol>(next),
                                    .source = peer6,
                                    .target = us6},
                                   bytes({17, 0, 0, 1, 0, 0, 0, 0}) + payload));
        }
        for (const int type : {133, 134, 135, 136, 137}) {
            Frame target(16);
            wire::store_v6(target, 0, us6);
            packets.push_back(
                ipv6({.next_header = wire::IpProtocol::Icmpv6,
                      .hop_limit = 255,
                      .source = address("fe80::2"),
                      .target = us6},
                     icmp_message(address("fe80::2"), us6,
                                  bytes({64, 0, 7, 8}) + target + bytes({1, 1, 2, 0, 0, 0, 0, 2}) +
                                      bytes({3, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0}) +
                                      target,
                                  static_cast<std::uint8_t>(type))));
        }
        std::vector<Frame> frames;
        for (const Frame& p : packets) frames.push_back(ethernet(our_mac, peer_mac, p));
        Frame arp(28);
        wire::write_arp(arp, {.sender_mac = peer_mac, .sender = peer4, .target = us4});
        Frame header(14);
        wire::write_ethernet(
            header,
            {.target = wire::kBroadcastMac, .source = peer_mac, .type = wire::EtherType::Arp});
        frames.push_back(header + arp);
        return frames;
    }
};

TEST_F(GarbageTest, damaged_packets_do_no_damage) {
    config.ip6_accept_ra = 1;
    config.icmp_ratelimit = 0;
    feed(4711, well_formed());
    // It was not all dropped at the door.
    EXPECT_GT(count(Counter::IpInDelivers), 1000u);
    EXPECT_GT(count(Counter::Ip6InDelivers), 1000u);
    EXPECT_GT(count(Counter::IpReasmOKs), 10u);
    EXPECT_GT(count(Counter::IcmpOutMsgs), 1000u);
}

TEST_F(GarbageTest, noise_does_no_damage) {
    Prng prng{815};
    std::vector<Frame> noise;
    for (int i = 0; i < 200; ++i) {
        Frame f(1 + prng.next() % 300);
        for (std::byte& b : f) b = static_cast<std::byte>(prng.next());
        noise.push_back(std::move(f));
    }
    feed(815, noise);
}

}  // namespace
}  // namespace fairlead::testing
