// The whole way up and down, with a peer made of literal packets.
#include "ip/network.hpp"

#include <gmock/gmock.h>

#include "unit/ip/network_fixture.hpp"
#include "wire/arp.hpp"

namespace fairlead::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// ping -c 1 from 192.0.2.2 to 192.0.2.1, as Linux sends it, but for the shorter body.
TEST_F(NetworkTest, a_ping_written_by_hand_is_answered_to_the_bit) {
    receive({bytes({0x45, 0x00, 0x00, 0x20, 0x12, 0x34, 0x40, 0x00, 0x40, 0x01, 0xa4, 0xa5,  //
                    192,  0,    2,    2,    192,  0,    2,    1,                             //
                    0x08, 0x00, 0x48, 0x2b, 0xab, 0xcd, 0x00, 0x01, 1,    2,    3,    4})});
    EXPECT_EQ(count(Counter::IpExtInCsumErrors), 0u);
    const Frame reply = take_sent();
    ASSERT_THAT(reply, SizeIs(32));
    const auto header = wire::parse_ipv4(reply);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->source, us4);
    EXPECT_EQ(header->target, peer4);
    EXPECT_EQ(header->ttl, 64);
    EXPECT_FALSE(header->dont_fragment);
    EXPECT_EQ(part(reply, 20), bytes({0x00, 0x00, 0x50, 0x2b, 0xab, 0xcd, 0x00, 0x01, 1, 2, 3, 4}));
    EXPECT_EQ(count(Counter::IcmpInEchos), 1u);
    EXPECT_EQ(count(Counter::IcmpOutEchoReps), 1u);
}

TEST_F(NetworkTest, an_ipv6_ping_is_answered) {
    receive({icmp(peer6, us6, 128, text("abcdwxyz!"))});
    EXPECT_EQ(take_sent(), icmp(us6, peer6, 129, text("abcdwxyz!")));
    EXPECT_EQ(count(Counter::Icmp6OutEchoReplies), 1u);
}

TEST_F(NetworkTest, a_transport_gets_its_packet_without_the_ip_header_and_without_padding) {
    const Frame packet = udp(peer4, us4, 5, 6, text("hello"));
    const Got got = receive({packet + bytes({0, 0, 0, 0, 0})});
    ASSERT_THAT(got.incoming, SizeIs(1));
    EXPECT_EQ(got.payloads[0], part(packet, 20));
    EXPECT_EQ(got.incoming[0].source, peer4);
    EXPECT_EQ(got.incoming[0].destination, us4);
    EXPECT_EQ(got.incoming[0].protocol, ip::kProtocolUdp);
    EXPECT_EQ(got.incoming[0].interface, eth);
    EXPECT_TRUE(got.incoming[0].is_unicast);
    EXPECT_EQ(count(Counter::IpInDelivers), 1u);
}

TEST_F(NetworkTest, what_is_sent_has_the_header_before_it) {
    ASSERT_TRUE(send(peer4, text("hi")));
    const Frame sent = take_sent();
    const auto header = wire::parse_ipv4(sent);
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->dont_fragment);
    EXPECT_EQ(header->ttl, 64);
    EXPECT_EQ(part(sent, 20), part(udp(us4, peer4, 1000, 2000, text("hi")), 20));

    ASSERT_TRUE(send(peer6, text("hi")));
    EXPECT_EQ(take_sent(), udp(us6, peer6, 1000, 2000, text("hi")));
    EXPECT_EQ(count(Counter::IpOutRequests), 1u);
    EXPECT_EQ(count(Counter::Ip6OutRequests), 1u);
}

TEST_F(NetworkTest, a_closed_port_is_answered_with_the_packet_that_went_wrong) {
    const Frame packet = udp(peer4, us4, 5, 6, text("hello"));
    const Got got = receive({packet});
    network.send_port_unreachable(got.incoming.at(0), now);
    network.flush(now);
    const Frame error = take_sent();
    ASSERT_THAT(error, SizeIs(20 + 8 + packet.size()));
    EXPECT_EQ(part(error, 20, 2), bytes({3, 3}));
    EXPECT_EQ(part(error, 28), packet);
    EXPECT_TRUE(wire::sum_of(part(error, 20)).is_valid());
    EXPECT_EQ(wire::parse_ipv4(error)->traffic_class, 0xc0);
    EXPECT_EQ(count(Counter::IcmpOutDestUnreachs), 1u);
}

TEST_F(NetworkTest, an_ipv6_closed_port_is_answered_likewise) {
    const Frame packet = udp(peer6, us6, 5, 6, pattern(2000));
    const Got got = receive({packet});
    network.send_port_unreachable(got.incoming.at(0), now);
    network.flush(now);
    const Frame error = take_sent();
    ASSERT_THAT(error, SizeIs(1280));
    EXPECT_EQ(error, icmp(us6, peer6, 1, bytes({0, 0, 0, 0}) + part(packet, 0, 1232), 4));
}

TEST_F(NetworkTest, what_we_send_to_ourselves_comes_back_through_lo_at_the_next_receive) {
    for (const char* own : {"127.0.0.1", "127.8.9.10", "192.0.2.1", "::1", "2001:db8::1"}) {
        ASSERT_TRUE(send(address(own), text("to myself"))) << own;
        EXPECT_LE(network.next_deadline(), now);
        const Got got = receive_loopback();
        ASSERT_THAT(got.incoming, SizeIs(1)) << own;
        EXPECT_EQ(got.incoming[0].destination, address(own));
        EXPECT_EQ(got.incoming[0].interface, 1u);
        EXPECT_TRUE(got.incoming[0].is_unicast);
        EXPECT_EQ(part(got.payloads[0], 8), text("to myself"));
    }
    EXPECT_TRUE(device.sent.empty());
}

TEST_F(NetworkTest, a_large_packet_with_half_a_checksum_passes_lo_as_it_is) {
    const auto path = network.find_path(address("127.0.0.1"), IpAddress{}, 0).value();
    EXPECT_EQ(path.mtu, 65535u);
    PacketPtr packet = pool.copy(pattern(60000));
    packet->trim_front(20);
    store_be<std::uint8_t>(packet->push_front(20), 12, 0x50);
    packet->meta.checksum = ChecksumState::Partial;
    packet->meta.checksum_offset = 16;
    packet->meta.gso = GsoType::Tcp4;
    packet->meta.gso_size = 1448;
    packet->meta.gso_segments = 42;
    ASSERT_TRUE(network.send(
        std::move(packet),
        {.source = path.source, .destination = address("127.0.0.1"), .protocol = ip::kProtocolTcp},
        path, now));
    const Got got = receive_loopback();
    ASSERT_THAT(got.incoming, SizeIs(1));
    EXPECT_EQ(got.incoming[0].packet->size(), 60000u);
    EXPECT_EQ(got.incoming[0].packet->meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(got.incoming[0].packet->meta.gso_size, 1448);
}

TEST_F(NetworkTest, what_is_too_large_for_the_link_is_fragmented_only_where_it_may_be) {
    const Frame payload = pattern(3000);
    const auto refused = send(peer4, payload);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Errc::MessageTooLong);
    ASSERT_TRUE(send(peer4, payload, false));
    ASSERT_THAT(device.sent, SizeIs(3));
    Frame joined;
    for (std::size_t i = 0; i < 3; ++i) {
        const Frame f = take_sent();
        const auto header = wire::parse_ipv4(f);
        ASSERT_TRUE(header);
        EXPECT_LE(f.size(), 1500u);
        EXPECT_EQ(header->fragment_offset, joined.size());
        EXPECT_EQ(header->more_fragments, i < 2);
        joined = joined + part(f, 20);
    }
    EXPECT_EQ(joined, part(udp(us4, peer4, 1000, 2000, payload), 20));
    EXPECT_EQ(count(Counter::IpFragCreates), 3u);
    EXPECT_EQ(count(Counter::IpFragOKs), 1u);
}

TEST_F(NetworkTest, ipv6_fragments_carry_their_header) {
    const Frame payload = pattern(2000);
    ASSERT_TRUE(send(peer6, payload, false));
    ASSERT_THAT(device.sent, SizeIs(2));
    const Frame first = take_sent();
    const Frame second = take_sent();
    EXPECT_EQ(first.size(), 1496u);  // the largest multiple of 8 that fits in 1500
    EXPECT_EQ(first[6], std::byte{44});
    EXPECT_EQ(part(first, 40, 4), bytes({17, 0, 0, 1}));
    EXPECT_EQ(part(second, 40, 4), bytes({17, 0, 0x05, 0xa8}));  // 1448
    EXPECT_EQ(part(first, 44, 4), part(second, 44, 4));
    EXPECT_EQ(part(first, 48) + part(second, 48), part(udp(us6, peer6, 1000, 2000, payload), 40));
}

TEST_F(NetworkTest, fragments_in_any_order_become_one_datagram) {
    const Frame whole = part(udp(peer4, us4, 5, 6, pattern(3000)), 20);
    const auto fragment = [&](std::size_t from, std::size_t n) {
        return ipv4({.id = 9,
                     .more_fragments = from + n < whole.size(),
                     .fragment_offset = static_cast<std::uint16_t>(from),
                     .protocol = wire::IpProtocol::Udp,
                     .source = peer4,
                     .target = us4},
                    part(whole, from, n));
    };
    Got got = receive({fragment(2000, 1008), fragment(0, 1000)});
    EXPECT_TRUE(got.incoming.empty());
    got = receive({fragment(1000, 1000)});
    ASSERT_THAT(got.payloads, ElementsAre(whole));
    EXPECT_EQ(got.incoming[0].source, peer4);
    EXPECT_EQ(count(Counter::IpReasmReqds), 3u);
    EXPECT_EQ(count(Counter::IpReasmOKs), 1u);
    EXPECT_EQ(count(Counter::IpInDelivers), 1u);
    EXPECT_EQ(network.next_deadline(), Instant::never());
}

TEST_F(NetworkTest, a_large_ping_in_fragments_is_answered_in_fragments) {
    const Frame whole = part(icmp(peer6, us6, 128, pattern(5000)), 40);
    std::size_t from = 0;
    for (std::size_t n = 1232; from < whole.size(); from += n) {
        n = std::min<std::size_t>(n, whole.size() - from);
        Frame header(8);
        wire::write_ipv6_fragment(
            header,
            {.id = 5, .offset = static_cast<std::uint16_t>(from), .more = from + n < whole.size()},
            wire::IpProtocol::Icmpv6);
        receive({ip(peer6, us6, wire::IpProtocol::Fragment, header + part(whole, from, n))});
    }
    Frame answer;
    while (!device.sent.empty()) answer = answer + part(take_sent(), 48);
    EXPECT_EQ(answer, part(icmp(us6, peer6, 129, pattern(5000)), 40));
    EXPECT_EQ(count(Counter::Ip6ReasmOKs), 1u);
    EXPECT_EQ(count(Counter::Ip6FragOKs), 1u);
}

TEST_F(NetworkTest, a_datagram_that_never_gets_whole_is_given_up_and_its_sender_told) {
    const Frame first = ipv4({.id = 9,
                              .more_fragments = true,
                              .protocol = wire::IpProtocol::Udp,
                              .source = peer4,
                              .target = us4},
                             pattern(16));
    receive({first});
    EXPECT_EQ(network.next_deadline(), now + 30_s);
    expire_at(now + 30_s);
    const Frame error = take_sent();
    ASSERT_THAT(error, SizeIs(20 + 8 + 36));
    EXPECT_EQ(part(error, 20, 2), bytes({11, 1}));
    EXPECT_EQ(part(error, 28), first);
    EXPECT_EQ(count(Counter::IpReasmTimeout), 1u);
    EXPECT_EQ(count(Counter::IpReasmFails), 1u);
    EXPECT_EQ(network.next_deadline(), Instant::never());
}

TEST_F(NetworkTest, an_icmp_error_says_what_it_means_for_the_socket) {
    const Frame ours = udp(us4, peer4, 1000, 2000, text("hi"));
    const auto error_of = [&](std::uint8_t type, std::uint8_t code, const Frame& rest) {
        const Got got = receive({icmp(peer4, us4, type, rest + ours, code)});
        EXPECT_EQ(got.errors.size(), 1u);
        return got.errors.empty() ? ip::IcmpError{} : got.errors[0];
    };
    const ip::IcmpError refused = error_of(3, 3, bytes({0, 0, 0, 0}));
    EXPECT_EQ(refused.error, Errc::ConnectionRefused);
    EXPECT_TRUE(refused.is_hard);
    EXPECT_EQ(refused.source, us4);
    EXPECT_EQ(refused.destination, peer4);
    EXPECT_EQ(refused.offender, peer4);
    EXPECT_EQ(refused.protocol, ip::kProtocolUdp);
    EXPECT_EQ(refused.transport_bytes, 8);
    EXPECT_EQ(load_be<std::uint16_t>(refused.transport, 0), 1000);
    EXPECT_EQ(load_be<std::uint16_t>(refused.transport, 2), 2000);

    const ip::IcmpError large = error_of(3, 4, bytes({0, 0, 0x02, 0x58}));
    EXPECT_EQ(large.error, Errc::MessageTooLong);
    EXPECT_EQ(large.mtu, 600u);
    EXPECT_FALSE(large.is_hard);
    EXPECT_EQ(error_of(11, 0, bytes({0, 0, 0, 0})).error, Errc::HostUnreachable);
    EXPECT_EQ(count(Counter::IcmpInDestUnreachs), 2u);
    EXPECT_EQ(count(Counter::IcmpInTimeExcds), 1u);
}

TEST_F(NetworkTest, an_icmp_error_about_what_we_did_not_send_is_dropped) {
    const Frame others = udp(peer4, address("198.51.100.7"), 1000, 2000, text("hi"));
    EXPECT_TRUE(receive({icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + others, 3)}).errors.empty());
    EXPECT_TRUE(
        receive({icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + pattern(40), 3)}).errors.empty());
    EXPECT_EQ(count(Counter::IcmpInErrors), 2u);
}

TEST_F(NetworkTest, a_path_mtu_is_believed_for_ten_minutes) {
    const Frame ours = udp(us6, peer6, 1000, 2000, text("hi"));
    const Got got = receive({icmp(peer6, us6, 2, bytes({0, 0, 0x05, 0x14}) + ours)});
    ASSERT_THAT(got.errors, SizeIs(1));
    EXPECT_EQ(got.errors[0].mtu, 1300u);
    const std::uint32_t before = network.generation();
    EXPECT_EQ(network.lower_path_mtu(peer6, 1300, now), 1300u);
    EXPECT_NE(network.generation(), before);
    const std::uint32_t after = network.generation();
    network.lower_path_mtu(peer6, 1350, now);
    EXPECT_EQ(network.generation(), after);
    EXPECT_EQ(network.find_path(peer6, IpAddress{}, 0)->mtu, 1300u);
    EXPECT_EQ(network.next_deadline(), now + 600_s);
    expire_at(now + 600_s);
    EXPECT_EQ(network.find_path(peer6, IpAddress{}, 0)->mtu, 1500u);
}

TEST_F(NetworkTest, errors_are_limited_by_destination) {
    for (int i = 0; i < 10; ++i) {
        const Got got = receive({udp(peer4, us4, 5, 6, text("x"))});
        network.send_port_unreachable(got.incoming.at(0), now);
    }
    network.flush(now);
    EXPECT_THAT(device.sent, SizeIs(6));
    EXPECT_EQ(count(Counter::IcmpOutRateLimitHost), 4u);
    now = now + 1_s;
    const Got got = receive({udp(peer4, us4, 5, 6, text("x"))});
    network.send_port_unreachable(got.incoming.at(0), now);
    network.flush(now);
    EXPECT_THAT(device.sent, SizeIs(7));
}

TEST_F(EthernetTest, an_arp_request_for_us_is_answered) {
    Frame arp(28);
    wire::write_arp(arp, {.sender_mac = peer_mac, .sender = peer4, .target = us4});
    Frame header(14);
    wire::write_ethernet(
        header, {.target = wire::kBroadcastMac, .source = peer_mac, .type = wire::EtherType::Arp});
    receive({header + arp});
    const Frame reply = take_sent();
    ASSERT_GE(reply.size(), 42u);
    const auto got = wire::parse_arp(part(reply, 14));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->operation, wire::ArpOperation::Reply);
    EXPECT_EQ(got->sender_mac, our_mac);
    EXPECT_EQ(got->sender, us4);
    EXPECT_EQ(got->target_mac, peer_mac);
}

TEST_F(EthernetTest, a_packet_waits_until_its_neighbour_has_answered) {
    ASSERT_TRUE(send(peer4, text("hi")));
    const Frame request = take_sent();
    const auto asked = wire::parse_arp(part(request, 14));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->target, peer4);
    EXPECT_EQ(asked->sender, us4);
    EXPECT_TRUE(device.sent.empty());

    Frame answer(28);
    wire::write_arp(answer, {.operation = wire::ArpOperation::Reply,
                             .sender_mac = peer_mac,
                             .sender = peer4,
                             .target_mac = our_mac,
                             .target = us4});
    Frame header(14);
    wire::write_ethernet(header,
                         {.target = our_mac, .source = peer_mac, .type = wire::EtherType::Arp});
    receive({header + answer});
    const Frame packet = take_sent();
    ASSERT_THAT(packet, SizeIs(14 + 20 + 8 + 2));
    EXPECT_EQ(wire::parse_ethernet(packet)->target, peer_mac);
    EXPECT_EQ(wire::parse_ethernet(packet)->source, our_mac);
    EXPECT_TRUE(wire::parse_ipv4(part(packet, 14)));
}

TEST_F(EthernetTest, neighbour_discovery_resolves_likewise) {
    ASSERT_TRUE(send(peer6, text("hi")));
    const Frame asked = take_sent();
    EXPECT_EQ(wire::parse_ethernet(asked)->target,
              (MacAddress{0x33, 0x33, 0xff, 0x00, 0x00, 0x02}));
    const auto header = wire::parse_ipv6(part(asked, 14));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->source, us6);
    EXPECT_EQ(header->hop_limit, 255);
    EXPECT_EQ(counters[Counter::Ip6OutMcastPkts], 1u);
    EXPECT_EQ(counters[Counter::Ip6OutMcastOctets], asked.size() - 14);

    const Frame target = [&] {
        Frame t(16);
        wire::store_v6(t, 0, peer6);
        return t;
    }();
    const Frame advertisement = bytes({0x60, 0, 0, 0}) + target + bytes({2, 1, 2, 0, 0, 0, 0, 2});
    receive({ethernet(our_mac, peer_mac,
                      ipv6({.next_header = wire::IpProtocol::Icmpv6,
                            .hop_limit = 255,
                            .source = peer6,
                            .target = us6},
                           icmp_message(peer6, us6, advertisement, 136)))});
    const Frame packet = take_sent();
    ASSERT_THAT(packet, SizeIs(14 + 40 + 8 + 2));
    EXPECT_EQ(wire::parse_ethernet(packet)->target, peer_mac);
    EXPECT_EQ(part(packet, 14), udp(us6, peer6, 1000, 2000, text("hi")));
}

TEST_F(EthernetTest, a_neighbour_that_never_answers_is_a_host_unreachable) {
    ASSERT_TRUE(send(peer4, text("hi")));
    Got got;
    for (int i = 0; i < 10 && got.errors.empty(); ++i) got = expire_at(network.next_deadline());
    ASSERT_THAT(got.errors, SizeIs(1));
    EXPECT_EQ(got.errors[0].error, Errc::HostUnreachable);
    EXPECT_EQ(got.errors[0].destination, peer4);
    EXPECT_EQ(load_be<std::uint16_t>(got.errors[0].transport, 2), 2000);
    EXPECT_THAT(device.sent, SizeIs(3));
    EXPECT_EQ(now, Instant::from_ns(1'000'000'000) + 3_s);
}

TEST_F(EthernetTest, an_interface_with_a_station_has_a_link_local_address_from_the_start) {
    const IpAddress own = address("fe80::ff:fe00:1").with_zone(eth);
    EXPECT_TRUE(network.is_local(own));
    EXPECT_TRUE(network.is_local(own.with_zone(0), eth));
    EXPECT_FALSE(network.is_local(own.with_zone(1)));
    const auto path = network.find_path(address("fe80::5").with_zone(eth), IpAddress{}, 0);
    ASSERT_TRUE(path);
    EXPECT_EQ(path->source, own);
    EXPECT_EQ(path->interface, eth);

    // What is said to it from here belongs to its link.
    ASSERT_TRUE(send(own, text("x")));
    const Got got = receive_loopback();
    ASSERT_THAT(got.incoming, SizeIs(1));
    EXPECT_EQ(got.incoming[0].destination, own);
    EXPECT_EQ(got.incoming[0].interface, eth);
}

TEST_F(EthernetTest, broadcasts_and_groups_need_no_neighbour) {
    ASSERT_TRUE(send(address("192.0.2.255"), text("all")));
    const Frame directed = take_sent();
    EXPECT_EQ(wire::parse_ethernet(directed)->target, wire::kBroadcastMac);
    EXPECT_EQ(wire::parse_ipv4(part(directed, 14))->target, address("192.0.2.255"));
    const auto everybody = network.find_path(address("255.255.255.255"), IpAddress{}, eth);
    ASSERT_TRUE(everybody);
    EXPECT_TRUE(everybody->is_group);
    const auto group = network.find_path(address("ff02::1").with_zone(eth), IpAddress{}, 0);
    ASSERT_TRUE(group);
    EXPECT_TRUE(group->is_group);
}

TEST_F(EthernetTest, a_frame_for_another_station_is_not_looked_at) {
    receive({ethernet({2, 9, 9, 9, 9, 9}, peer_mac, udp(peer4, us4, 5, 6, text("x")))});
    EXPECT_EQ(count(Counter::IpInReceives), 0u);
}

}  // namespace
}  // namespace fairlead::testing
