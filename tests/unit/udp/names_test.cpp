// Names: which socket hears what, and who may have which name.
#include "unit/udp/udp_fixture.hpp"

namespace fairlead::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(UdpTest, an_unbound_socket_gets_a_port_of_the_local_range_when_it_first_sends) {
    const Handle h = open();
    EXPECT_EQ(layer.local_name(h), Endpoint::parse("0.0.0.0:0"));
    ASSERT_TRUE(send(h, "192.0.2.2:4000", "x"));
    const Endpoint name = layer.local_name(h);
    EXPECT_EQ(name.address, IpAddress::any(Family::Inet));
    EXPECT_GE(name.port, 32768);
    EXPECT_LE(name.port, 60999);
    arrive(udp(peer4, us4, 4000, name.port, text("y")));
    EXPECT_EQ(receive(h), "y");
}

TEST_F(UdpTest, ports_run_out_with_an_error) {
    config.ip_local_port_range = {40000, 40003};
    std::vector<std::uint16_t> ports;
    for (int i = 0; i < 4; ++i) ports.push_back(layer.local_name(bound("0.0.0.0:0")).port);
    EXPECT_THAT(ports, ::testing::UnorderedElementsAre(40000, 40001, 40002, 40003));
    EXPECT_EQ(bind_error(open(), "0.0.0.0:0"), Errc::AddressInUse);
}

TEST_F(UdpTest, bind_refuses_what_linux_refuses) {
    const Handle first = bound("0.0.0.0:53");
    EXPECT_EQ(bind_error(first, "0.0.0.0:54"), Errc::InvalidArgument);
    EXPECT_EQ(bind_error(open(), "192.0.2.1:53"), Errc::AddressInUse);
    EXPECT_EQ(bind_error(open(), "0.0.0.0:53"), Errc::AddressInUse);
    EXPECT_EQ(bind_error(open(), "192.0.2.77:54"), Errc::AddressNotAvailable);
    EXPECT_EQ(bind_error(open(), "[::1]:54"), Errc::FamilyNotSupported);
    EXPECT_EQ(bind_error(open(Family::Inet6), "[fe80::1]:54"), Errc::InvalidArgument);
    // An Inet6 socket for everything takes IPv4 as well, unless it says otherwise.
    EXPECT_EQ(bind_error(open(Family::Inet6), "[::]:53"), Errc::AddressInUse);
    const Handle six = open(Family::Inet6);
    ASSERT_TRUE(layer.set_option(six, Option::V6Only, 1));
    EXPECT_EQ(bind_error(six, "[::]:53"), Errc{});
    // A broadcast address and a group are names to hear by.
    EXPECT_EQ(bind_error(open(), "192.0.2.255:60"), Errc{});
    EXPECT_EQ(bind_error(open(), "224.0.0.1:60"), Errc{});
}

TEST_F(UdpTest, a_name_is_shared_when_both_sides_agree_and_the_last_one_hears) {
    const Handle a = open();
    const Handle b = open();
    ASSERT_TRUE(layer.set_option(a, Option::ReuseAddress, 1));
    EXPECT_EQ(bind_error(a, "0.0.0.0:53"), Errc{});
    EXPECT_EQ(bind_error(b, "0.0.0.0:53"), Errc::AddressInUse);
    ASSERT_TRUE(layer.set_option(b, Option::ReuseAddress, 1));
    EXPECT_EQ(bind_error(b, "0.0.0.0:53"), Errc{});
    arrive(udp(peer4, us4, 4000, 53, text("x")));
    EXPECT_EQ(receive(a), "EAGAIN");
    EXPECT_EQ(receive(b), "x");
}

TEST_F(UdpTest, reuse_port_spreads_flows_and_keeps_each_where_it_is) {
    std::vector<Handle> group;
    for (int i = 0; i < 4; ++i) {
        group.push_back(open());
        ASSERT_TRUE(layer.set_option(group.back(), Option::ReusePort, 1));
        EXPECT_EQ(bind_error(group.back(), "0.0.0.0:53"), Errc{});
    }
    std::array<int, 4> heard{};
    for (std::uint16_t port = 1000; port < 1400; ++port) {
        arrive(udp(peer4, us4, port, 53, text("x")));
        arrive(udp(peer4, us4, port, 53, text("x")));
        int receivers = 0;
        for (std::size_t i = 0; i < group.size(); ++i) {
            if (receive(group[i]) != "x") continue;
            ++receivers;
            ++heard[i];
            EXPECT_EQ(receive(group[i]), "x");
        }
        EXPECT_EQ(receivers, 1);
    }
    EXPECT_THAT(heard, ::testing::Each(::testing::Gt(60)));
}

TEST_F(UdpTest, the_closest_name_wins) {
    const Handle any = bound("0.0.0.0:53");
    const Handle connected = open();
    ASSERT_TRUE(layer.set_option(any, Option::ReuseAddress, 1));
    ASSERT_TRUE(layer.set_option(connected, Option::ReuseAddress, 1));
    EXPECT_EQ(bind_error(connected, "0.0.0.0:53"), Errc{});
    ASSERT_TRUE(layer.connect(connected, {peer4, 4000}));
    EXPECT_EQ(layer.local_name(connected), (Endpoint{us4, 53}));
    arrive(udp(peer4, us4, 4000, 53, text("mine")));
    arrive(udp(peer4, us4, 4001, 53, text("anybody's")));
    EXPECT_EQ(receive(connected), "mine");
    EXPECT_EQ(receive(connected), "EAGAIN");
    EXPECT_EQ(receive(any), "anybody's");
}

TEST_F(UdpTest, a_v6_only_socket_leaves_ipv4_alone) {
    const Handle h = open(Family::Inet6);
    ASSERT_TRUE(layer.set_option(h, Option::V6Only, 1));
    EXPECT_EQ(bind_error(h, "[::]:53"), Errc{});
    arrive(udp(peer4, us4, 4000, 53, text("four")));
    EXPECT_EQ(receive(h), "EAGAIN");
    EXPECT_EQ(count(Counter::UdpNoPorts), 1u);
    EXPECT_EQ(send(h, "192.0.2.2:9", "x").error(), Errc::NetworkUnreachable);
}

TEST_F(UdpTest, connect_filters_and_disconnect_opens_again) {
    const Handle h = bound("0.0.0.0:53");
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    EXPECT_EQ(layer.peer_name(h).value(), (Endpoint{peer4, 4000}));
    arrive(udp(address("192.0.2.9"), us4, 4000, 53, text("other")));
    EXPECT_EQ(receive(h), "EAGAIN");
    EXPECT_EQ(count(Counter::UdpNoPorts), 1u);
    ASSERT_TRUE(layer.connect(h, {IpAddress::any(Family::Inet), 0}));
    EXPECT_EQ(layer.peer_name(h).error(), Errc::NotConnected);
    EXPECT_EQ(layer.local_name(h), Endpoint::parse("0.0.0.0:53"));
    EXPECT_EQ(layer.send_to(h, text("x"), {}).error(), Errc::DestinationRequired);
    arrive(udp(address("192.0.2.9"), us4, 4000, 53, text("other")));
    EXPECT_EQ(receive(h), "other");
}

TEST_F(UdpTest, disconnect_gives_back_a_port_that_connect_took) {
    const Handle h = open();
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    EXPECT_NE(layer.local_name(h).port, 0);
    ASSERT_TRUE(layer.connect(h, {IpAddress::any(Family::Inet), 0}));
    EXPECT_EQ(layer.local_name(h), Endpoint::parse("0.0.0.0:0"));
}

TEST_F(UdpTest, a_device_bound_socket_hears_its_device_only) {
    const Handle h = bound("0.0.0.0:53");
    EXPECT_EQ(layer.set_option(h, Option::BindToDevice, 9).error(), Errc::NoSuchDevice);
    ASSERT_TRUE(layer.set_option(h, Option::BindToDevice, 1));
    arrive(udp(peer4, us4, 4000, 53, text("x")));
    EXPECT_EQ(receive(h), "EAGAIN");
    ASSERT_TRUE(layer.set_option(h, Option::BindToDevice, eth));
    arrive(udp(peer4, us4, 4000, 53, text("x")));
    EXPECT_EQ(receive(h), "x");
}

TEST_F(UdpTest, a_closed_socket_leaves_its_port_to_others) {
    const Handle h = bound("0.0.0.0:53");
    arrive(udp(peer4, us4, 4000, 53, text("unread")));
    layer.close(h);
    EXPECT_THAT(layer.woken(), IsEmpty());
    EXPECT_EQ(layer.size(), 0u);
    bound("0.0.0.0:53");
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST_F(UdpTest, ss_sees_bound_sockets) {
    const Handle h = bound("0.0.0.0:53");
    open();
    ASSERT_TRUE(layer.connect(h, {peer4, 4000}));
    std::vector<SocketRow> rows;
    SocketCursor cursor;
    EXPECT_FALSE(layer.describe(cursor, 100, rows));
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].info.local, (Endpoint{us4, 53}));
    EXPECT_EQ(rows[0].info.peer, (Endpoint{peer4, 4000}));
    EXPECT_EQ(rows[0].info.type, SocketType::Datagram);
}

}  // namespace
}  // namespace fairlead::testing
