// The way to an address: routes, sources, and what is refused.
#include <gmock/gmock.h>

#include "unit/ip/network_fixture.hpp"

namespace fairlead::testing {
namespace {

class PathTest : public NetworkTest {
protected:
    void SetUp() override {
        NetworkTest::SetUp();
        other = network.add_interface(second, {}).value();
        ASSERT_TRUE(network.add_address(other, prefix("198.51.100.1/24"), now));
        ASSERT_TRUE(network.add_address(other, prefix("2001:db8:2::1/64"), now));
    }
    Result<ip::SourcedPath> path(std::string_view to, std::string_view from = {},
                                 InterfaceIndex by = 0) const {
        return network.find_path(address(to), from.empty() ? IpAddress{} : address(from), by);
    }
    Errc add_route_error(const Route& route) {
        const auto done = network.add_route(route);
        return done ? Errc{} : done.error();
    }

    FakeDevice second{LinkKind::Ip, "eth1"};
    InterfaceIndex other = 0;
};

TEST_F(PathTest, a_neighbour_is_reached_by_its_subnets_interface) {
    const auto p = path("198.51.100.9");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->interface, other);
    EXPECT_EQ(p->next_hop, address("198.51.100.9"));
    EXPECT_EQ(p->source, address("198.51.100.1"));
    EXPECT_EQ(p->mtu, 1500u);
    EXPECT_EQ(p->generation, network.generation());
    EXPECT_FALSE(p->is_loopback);
    EXPECT_EQ(path("2001:db8:2::9")->source, address("2001:db8:2::1"));
}

TEST_F(PathTest, what_is_far_goes_by_the_gateway) {
    EXPECT_EQ(path("203.0.113.1").error(), Errc::NetworkUnreachable);
    ASSERT_TRUE(
        network.add_route({.destination = prefix("0.0.0.0/0"), .gateway = address("192.0.2.254")}));
    const auto p = path("203.0.113.1");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->interface, eth);
    EXPECT_EQ(p->next_hop, address("192.0.2.254"));
    EXPECT_EQ(p->source, us4);
    ASSERT_TRUE(network.remove_route(prefix("0.0.0.0/0")));
    EXPECT_EQ(path("203.0.113.1").error(), Errc::NetworkUnreachable);
}

TEST_F(PathTest, a_route_may_say_source_and_mtu) {
    ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.77/24"), now));
    ASSERT_TRUE(network.add_route({.destination = prefix("203.0.113.0/24"),
                                   .gateway = address("192.0.2.254"),
                                   .mtu = 1400,
                                   .source = address("192.0.2.77")}));
    EXPECT_EQ(path("203.0.113.1")->source, address("192.0.2.77"));
    EXPECT_EQ(path("203.0.113.1")->mtu, 1400u);
    EXPECT_EQ(path("203.0.113.1", "192.0.2.1")->source, us4);
}

TEST_F(PathTest, a_gateway_that_makes_no_sense_is_refused) {
    const Prefix far = prefix("203.0.113.0/24");
    EXPECT_EQ(add_route_error({.destination = far, .gateway = address("10.0.0.1")}),
              Errc::NetworkUnreachable);
    EXPECT_EQ(add_route_error({.destination = far, .gateway = us4}), Errc::InvalidArgument);
    EXPECT_EQ(add_route_error({.destination = far, .gateway = peer6}), Errc::InvalidArgument);
    EXPECT_EQ(add_route_error({.destination = far}), Errc::NoSuchDevice);
    EXPECT_EQ(add_route_error({.destination = far, .interface = 9}), Errc::NoSuchDevice);
    EXPECT_EQ(add_route_error({.destination = prefix("::/0"), .gateway = address("fe80::1")}),
              Errc::InvalidArgument);
    EXPECT_EQ(add_route_error({.destination = far, .interface = eth}), Errc{});
    EXPECT_EQ(add_route_error({.destination = far, .interface = eth}), Errc::Exists);
}

// What Linux 6.18 answered to an IPv6 socket that is bound to one family and sends to the other.
TEST_F(PathTest, a_source_of_the_other_family_leads_nowhere) {
    EXPECT_EQ(path("192.0.2.7", "2001:db8::7").error(), Errc::NetworkUnreachable);
    EXPECT_EQ(path("2001:db8::7", "192.0.2.7").error(), Errc::FamilyNotSupported);
    EXPECT_EQ(path("127.0.0.1", "::1").error(), Errc::NetworkUnreachable);
}

TEST_F(PathTest, who_names_the_interface_is_believed) {
    const auto p = path("203.0.113.1", {}, other);
    ASSERT_TRUE(p);
    EXPECT_EQ(p->interface, other);
    EXPECT_EQ(p->next_hop, address("203.0.113.1"));
    EXPECT_EQ(p->source, address("198.51.100.1"));
    EXPECT_EQ(path("203.0.113.1", {}, 9).error(), Errc::NoSuchDevice);
    EXPECT_EQ(path("fe80::5").error(), Errc::NetworkUnreachable);
    EXPECT_EQ(network.find_path(address("fe80::5").with_zone(eth), IpAddress{}, other).error(),
              Errc::InvalidArgument);
}

TEST_F(PathTest, a_link_that_is_down_leads_nowhere) {
    second.settings().is_up = false;
    const std::uint32_t before = network.generation();
    std::size_t frames = 0;
    (void)network.receive(other, now, frames);
    EXPECT_NE(network.generation(), before);
    EXPECT_EQ(path("198.51.100.9").error(), Errc::NetworkDown);
}

TEST_F(PathTest, an_address_that_goes_takes_its_route_and_every_path_with_it) {
    const std::uint32_t before = network.generation();
    ASSERT_TRUE(network.remove_address(other, address("198.51.100.1")));
    EXPECT_NE(network.generation(), before);
    EXPECT_EQ(path("198.51.100.9").error(), Errc::NetworkUnreachable);
    EXPECT_FALSE(network.is_local(address("198.51.100.1")));
    EXPECT_EQ(network.remove_address(other, address("198.51.100.1")).error(),
              Errc::AddressNotAvailable);
    ASSERT_TRUE(network.add_address(eth, prefix("192.0.2.5/24"), now));
    ASSERT_TRUE(network.remove_address(eth, us4));
    EXPECT_EQ(path("192.0.2.9")->source, address("192.0.2.5"));
}

TEST_F(PathTest, this_host_is_reached_by_lo) {
    for (const char* own : {"127.0.0.1", "192.0.2.1", "198.51.100.1", "::1", "2001:db8:2::1"}) {
        const auto p = path(own);
        ASSERT_TRUE(p) << own;
        EXPECT_TRUE(p->is_loopback);
        EXPECT_EQ(p->interface, 1u);
        EXPECT_EQ(p->source, address(own));
        EXPECT_EQ(p->mtu, 65535u);
    }
    EXPECT_EQ(path("127.9.9.9")->source, address("127.0.0.1"));
    EXPECT_EQ(path("192.0.2.1", "198.51.100.1")->source, address("198.51.100.1"));
}

TEST_F(PathTest, names_of_interfaces_are_unique) {
    EXPECT_EQ(network.interface_by_name("lo"), InterfaceIndex{1});
    EXPECT_EQ(network.interface_by_name("eth1"), other);
    EXPECT_EQ(network.interface_by_name("eth7").error(), Errc::NoSuchDevice);
    FakeDevice again{LinkKind::Ip, "eth1"};
    EXPECT_EQ(network.add_interface(again, {}).error(), Errc::Exists);
    FakeDevice named{LinkKind::Ip, "eth1"};
    const auto index = network.add_interface(named, {.name = "eth2", .mtu = 1280});
    ASSERT_TRUE(index);
    EXPECT_EQ(network.interface_count(), 4u);
    EXPECT_EQ(network.find_path(address("10.0.0.1"), us4, *index)->mtu, 1280u);
    EXPECT_EQ(network.add_address(9, prefix("10.0.0.1/8"), now).error(), Errc::NoSuchDevice);
}

}  // namespace
}  // namespace fairlead::testing
