// Datagrams and errors, both ways.
#include "unit/udp/udp_fixture.hpp"

namespace fairlead::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(UdpTest, a_datagram_reaches_the_socket_bound_to_its_port) {
    const Handle h = bound("0.0.0.0:53");
    EXPECT_EQ(layer.readiness(h), kWritable);
    arrive(udp(peer4, us4, 4000, 53, text("query")));
    EXPECT_THAT(layer.woken(), ElementsAre(h));
    EXPECT_EQ(layer.readiness(h), kWritable | kReadable);
    EXPECT_EQ(layer.bytes_to_read(h), 5u);
    EXPECT_EQ(receive(h), "query");
    EXPECT_EQ(last.from, (Endpoint{peer4, 4000}));
    EXPECT_EQ(last.to, us4);
    EXPECT_EQ(last.interface, eth);
    EXPECT_EQ(last.ttl, 64);
    EXPECT_EQ(last.arrived, now);
    EXPECT_EQ(count(Counter::UdpInDatagrams), 1u);
    EXPECT_EQ(receive(h), "EAGAIN");
}

TEST_F(UdpTest, messages_keep_their_borders_and_the_rest_of_a_long_one_is_lost) {
    const Handle h = bound("0.0.0.0:53");
    arrive(udp(peer4, us4, 4000, 53, text("first message")));
    arrive(udp(peer4, us4, 4000, 53, text("")));
    arrive(udp(peer4, us4, 4000, 53, text("third")));
    EXPECT_EQ(receive(h, 5, {.peek = true}), "first");
    EXPECT_EQ(count(Counter::UdpInDatagrams), 0u);
    EXPECT_EQ(receive(h, 5), "first");
    EXPECT_EQ(last.size, 13u);
    EXPECT_EQ(receive(h), "");
    EXPECT_EQ(last.size, 0u);
    EXPECT_EQ(receive(h), "third");
    EXPECT_EQ(receive(h), "EAGAIN");
}

TEST_F(UdpTest, what_is_sent_is_a_datagram_with_its_checksum) {
    const Handle h = bound("192.0.2.1:53");
    EXPECT_EQ(send(h, "192.0.2.2:4000", "answer").value(), 6u);
    EXPECT_EQ(part(take_sent(), 20), part(udp(us4, peer4, 53, 4000, text("answer")), 20));
    EXPECT_EQ(count(Counter::UdpOutDatagrams), 1u);
    const Handle h6 = bound("[2001:db8::1]:53", Family::Inet6);
    EXPECT_TRUE(send(h6, "[2001:db8::2]:4000", "answer"));
    EXPECT_EQ(take_sent(), udp(us6, peer6, 53, 4000, text("answer")));
    EXPECT_EQ(count(Counter::Udp6OutDatagrams), 1u);
}

TEST_F(UdpTest, two_sockets_of_this_host_talk_over_lo) {
    const Handle a = bound("127.0.0.1:1000");
    const Handle b = bound("127.0.0.1:2000");
    ASSERT_TRUE(send(a, "127.0.0.1:2000", "hello"));
    pump(1);
    EXPECT_EQ(receive(b), "hello");
    EXPECT_EQ(last.from, Endpoint::parse("127.0.0.1:1000"));
    EXPECT_EQ(last.interface, 1u);
}

TEST_F(UdpTest, a_dual_stack_socket_hears_and_answers_both_families) {
    const Handle h = bound("[::]:53", Family::Inet6);
    arrive(udp(peer4, us4, 4000, 53, text("four")));
    arrive(udp(peer6, us6, 4000, 53, text("six")));
    EXPECT_EQ(receive(h), "four");
    EXPECT_EQ(last.from.address, peer4);
    ASSERT_TRUE(layer.send_to(h, text("4"), {.to = last.from}));
    EXPECT_EQ(receive(h), "six");
    ASSERT_TRUE(layer.send_to(h, text("6"), {.to = last.from}));
    network.flush(now);
    EXPECT_EQ(part(take_sent(), 20), part(udp(us4, peer4, 53, 4000, text("4")), 20));
    EXPECT_EQ(take_sent(), udp(us6, peer6, 53, 4000, text("6")));
}

TEST_F(UdpTest, nobody_at_the_port_is_said_so) {
    const Frame packet = udp(peer4, us4, 4000, 53, text("x"));
    arrive(packet);
    EXPECT_EQ(count(Counter::UdpNoPorts), 1u);
    const Frame error = take_sent();
    ASSERT_THAT(error, SizeIs(20 + 8 + packet.size()));
    EXPECT_EQ(part(error, 28), packet);
}

TEST_F(UdpTest, a_connected_socket_is_told_once_that_nobody_is_there) {
    const Handle h = open();
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    ASSERT_TRUE(layer.send_to(h, text("x"), {}));
    network.flush(now);
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + take_sent(), 3));
    EXPECT_EQ(layer.readiness(h), kWritable | kError);
    EXPECT_EQ(receive(h), "ECONNREFUSED");
    EXPECT_EQ(receive(h), "EAGAIN");
    EXPECT_EQ(layer.readiness(h), kWritable);
    // The next send takes it as well, and so does SO_ERROR.
    ASSERT_TRUE(layer.send_to(h, text("x"), {}));
    network.flush(now);
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + take_sent(), 3));
    EXPECT_EQ(layer.send_to(h, text("x"), {}).error(), Errc::ConnectionRefused);
    EXPECT_TRUE(layer.send_to(h, text("x"), {}));
    EXPECT_EQ(layer.option(h, Option::Error).value(), 0);
}

TEST_F(UdpTest, an_unconnected_socket_hears_of_errors_only_when_it_asks) {
    const Handle h = bound("0.0.0.0:53");
    ASSERT_TRUE(send(h, "192.0.2.2:4000", "x"));
    const Frame sent = take_sent();
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + sent, 3));
    EXPECT_EQ(receive(h), "EAGAIN");
    ASSERT_TRUE(layer.set_option(h, Option::ReceiveError, 1));
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + sent, 3));
    EXPECT_EQ(receive(h), "ECONNREFUSED");
    arrive(icmp(peer4, us4, 11, bytes({0, 0, 0, 0}) + sent, 0));
    EXPECT_EQ(layer.option(h, Option::Error).value(), 113);
}

TEST_F(UdpTest, a_soft_error_is_no_matter_for_a_connected_socket) {
    const Handle h = open();
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    ASSERT_TRUE(layer.send_to(h, text("x"), {}));
    network.flush(now);
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0, 0}) + take_sent(), 1));
    EXPECT_EQ(receive(h), "EAGAIN");
}

TEST_F(UdpTest, a_full_receive_buffer_drops_and_counts) {
    const Handle h = bound("0.0.0.0:53");
    ASSERT_TRUE(layer.set_option(h, Option::ReceiveBuffer, 1000));
    EXPECT_EQ(layer.option(h, Option::ReceiveBuffer).value(), 2304);
    for (int i = 0; i < 10; ++i) arrive(udp(peer4, us4, 4000, 53, pattern(100)));
    // 704 bytes are charged for each: the fourth would go over the limit.
    EXPECT_EQ(count(Counter::UdpRcvbufErrors), 7u);
    EXPECT_EQ(count(Counter::UdpInErrors), 7u);
    int read = 0;
    while (receive(h) != "EAGAIN") ++read;
    EXPECT_EQ(read, 3);
    arrive(udp(peer4, us4, 4000, 53, pattern(100)));
    EXPECT_EQ(receive(h).size(), 100u);
}

TEST_F(UdpTest, large_datagrams_are_fragmented_unless_the_socket_forbids_it) {
    const Handle h = bound("192.0.2.1:53");
    const std::string large(4000, 'x');
    ASSERT_TRUE(send(h, "192.0.2.2:4000", large));
    EXPECT_THAT(device.sent, SizeIs(3));
    EXPECT_FALSE(wire::parse_ipv4(device.sent[0])->dont_fragment);
    device.sent.clear();
    ASSERT_TRUE(send(h, "192.0.2.2:4000", "small"));
    EXPECT_TRUE(wire::parse_ipv4(take_sent())->dont_fragment);
    ASSERT_TRUE(layer.set_option(h, Option::MtuDiscover, 2));
    EXPECT_EQ(send(h, "192.0.2.2:4000", large).error(), Errc::MessageTooLong);
    ASSERT_TRUE(layer.set_option(h, Option::MtuDiscover, 0));
    ASSERT_TRUE(send(h, "192.0.2.2:4000", "small"));
    EXPECT_FALSE(wire::parse_ipv4(take_sent())->dont_fragment);
    EXPECT_EQ(send(h, "192.0.2.2:4000", std::string(65508, 'x')).error(), Errc::MessageTooLong);
}

TEST_F(UdpTest, a_path_mtu_that_icmp_lowered_decides_what_fits) {
    const Handle h = open();
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    ASSERT_TRUE(layer.set_option(h, Option::MtuDiscover, 2));
    const Frame payload = pattern(1400);
    ASSERT_TRUE(layer.send_to(h, payload, {}));
    network.flush(now);
    arrive(icmp(peer4, us4, 3, bytes({0, 0, 0x05, 0x00}) + take_sent(), 4));
    EXPECT_EQ(layer.send_to(h, payload, {}).error(), Errc::MessageTooLong);  // the pending error
    EXPECT_EQ(layer.send_to(h, payload, {}).error(), Errc::MessageTooLong);  // the size
    EXPECT_TRUE(layer.send_to(h, pattern(1280 - 28), {}));
}

TEST_F(UdpTest, broadcasts_need_permission_and_reach_every_listener) {
    const Handle a = bound("0.0.0.0:53");
    EXPECT_EQ(send(a, "192.0.2.255:9", "x").error(), Errc::AccessDenied);
    EXPECT_EQ(layer.connect(a, *Endpoint::parse("192.0.2.255:9")).error(), Errc::AccessDenied);
    ASSERT_TRUE(layer.set_option(a, Option::Broadcast, 1));
    EXPECT_TRUE(send(a, "192.0.2.255:9", "x"));

    ASSERT_TRUE(layer.set_option(a, Option::ReuseAddress, 1));
    const Handle b = open();
    ASSERT_TRUE(layer.set_option(b, Option::ReuseAddress, 1));
    EXPECT_EQ(bind_error(b, "192.0.2.255:53"), Errc{});
    const Handle unicast = open();
    ASSERT_TRUE(layer.set_option(unicast, Option::ReuseAddress, 1));
    EXPECT_EQ(bind_error(unicast, "192.0.2.1:53"), Errc{});
    arrive(udp(peer4, address("192.0.2.255"), 4000, 53, text("to all")));
    EXPECT_EQ(receive(a), "to all");
    EXPECT_EQ(receive(b), "to all");
    EXPECT_EQ(receive(unicast), "EAGAIN");
    device.sent.clear();
    arrive(udp(peer4, address("192.0.2.255"), 4000, 54, text("nobody hears")));
    EXPECT_EQ(count(Counter::UdpIgnoredMulti), 1u);
    EXPECT_THAT(device.sent, IsEmpty());
}

TEST_F(UdpTest, packet_info_chooses_the_source) {
    ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.8/24"), now));
    const Handle h = bound("0.0.0.0:53");
    const Endpoint to{peer4, 4000};
    ASSERT_TRUE(layer.send_to(h, text("x"), {.to = to, .source = address("192.0.2.8")}));
    network.flush(now);
    EXPECT_EQ(wire::parse_ipv4(take_sent())->source, address("192.0.2.8"));
    EXPECT_EQ(layer.send_to(h, text("x"), {.to = to, .source = peer4}).error(),
              Errc::InvalidArgument);
}

TEST_F(UdpTest, ttl_and_tos_of_the_socket_travel) {
    const Handle h = bound("0.0.0.0:53");
    ASSERT_TRUE(layer.set_option(h, Option::Ttl, 3));
    ASSERT_TRUE(layer.set_option(h, Option::Tos, 0x28));
    EXPECT_EQ(layer.set_option(h, Option::Ttl, 256).error(), Errc::InvalidArgument);
    ASSERT_TRUE(send(h, "192.0.2.2:4000", "x"));
    const auto header = wire::parse_ipv4(take_sent());
    EXPECT_EQ(header->ttl, 3);
    EXPECT_EQ(header->traffic_class, 0x28);
    EXPECT_EQ(layer.set_option(h, Option::NoDelay, 1).error(), Errc::NoSuchOption);
}

TEST_F(UdpTest, shutdown_stops_both_ways) {
    const Handle h = bound("0.0.0.0:53");
    EXPECT_EQ(layer.shutdown(h, Shutdown::Both).error(), Errc::NotConnected);
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    ASSERT_TRUE(layer.shutdown(h, Shutdown::Both));
    EXPECT_EQ(layer.send_to(h, text("x"), {}).error(), Errc::BrokenPipe);
    EXPECT_EQ(receive(h), "");
    EXPECT_EQ(layer.readiness(h), kWritable | kReadable | kReadHangup | kHangup);
}

TEST_F(UdpTest, a_large_packet_of_several_datagrams_is_taken_apart) {
    const Handle h = bound("0.0.0.0:53");
    PacketPtr packet = pool.copy(part(udp(peer4, us4, 4000, 53, pattern(2500)), 20));
    packet->meta.gso = GsoType::Udp;
    packet->meta.gso_size = 1000;
    packet->meta.gso_segments = 3;
    ip::Incoming incoming{.packet = std::move(packet),
                          .source = peer4,
                          .destination = us4,
                          .interface = eth,
                          .protocol = ip::kProtocolUdp};
    layer.input({&incoming, 1});
    EXPECT_EQ(receive(h, 5000).size(), 1000u);
    EXPECT_EQ(receive(h, 5000).size(), 1000u);
    EXPECT_EQ(receive(h, 5000).size(), 500u);
    EXPECT_EQ(receive(h), "EAGAIN");
}

TEST_F(UdpTest, a_small_datagram_does_not_hold_a_large_buffer) {
    const Handle h = bound("0.0.0.0:53");
    PacketPtr packet = pool.packet();
    Slice large = pool.large_buffer();
    const Frame whole = part(udp(peer4, us4, 4000, 53, text("small")), 20);
    std::memcpy(large.mutable_bytes().data(), whole.data(), whole.size());
    large.trim_back(static_cast<std::uint32_t>(large.size() - whole.size()));
    ASSERT_TRUE(packet->append(std::move(large)));
    ip::Incoming incoming{.packet = std::move(packet),
                          .source = peer4,
                          .destination = us4,
                          .interface = eth,
                          .protocol = ip::kProtocolUdp};
    layer.input({&incoming, 1});
    EXPECT_EQ(pool.usage().buffer_bytes, PacketPool::kSmallBytes);
    EXPECT_EQ(receive(h), "small");
}

TEST_F(UdpTest, bad_datagrams_are_dropped_under_their_names) {
    bound("[::]:53", Family::Inet6);
    const auto damaged = [&](const Frame& packet, std::size_t at, int value) {
        Frame f = packet;
        f[at] = static_cast<std::byte>(value);
        return f;
    };
    const Frame four = udp(peer4, us4, 4000, 53, text("hello"));
    arrive(damaged(four, 30, 0x55));
    EXPECT_EQ(count(Counter::UdpInCsumErrors), 1u);
    EXPECT_EQ(count(Counter::UdpInErrors), 1u);
    arrive(damaged(four, 25, 200));  // longer than it is
    arrive(damaged(four, 25, 7));    // shorter than its header
    EXPECT_EQ(count(Counter::UdpInErrors), 3u);
    arrive(ip(peer4, us4, wire::IpProtocol::Udp, bytes({1, 2, 3})));
    EXPECT_EQ(count(Counter::UdpInErrors), 4u);

    Frame without = udp(peer4, us4, 4000, 53, text("unsummed"));
    without[26] = without[27] = std::byte{0};
    arrive(without);
    EXPECT_EQ(receive(0), "unsummed");
    Frame six = udp(peer6, us6, 4000, 53, text("unsummed"));
    six[46] = six[47] = std::byte{0};
    arrive(six);
    EXPECT_EQ(count(Counter::Udp6InCsumErrors), 1u);
    EXPECT_EQ(receive(0), "EAGAIN");
}

}  // namespace
}  // namespace fairlead::testing
