// Addresses that an interface gives itself, and that a router gives it.
#include <gmock/gmock.h>

#include "unit/ip/network_fixture.hpp"
#include "wire/nd.hpp"

namespace fairlead::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class AutoconfigurationTest : public EthernetTest {
protected:
    AutoconfigurationTest() {
        config.ip6_dad_transmits = 1;
        config.ip6_accept_ra = 1;
    }
    // No addresses by hand.
    void SetUp() override {
        eth = network.add_interface(device, {}).value();
        ASSERT_LE(network.next_deadline(), now);
        expire_at(now);
    }
    template <typename Message>
    Frame message(const Message& nd, const IpAddress& from, const IpAddress& to,
                  std::uint8_t hop_limit = 255) {
        Frame body(wire::kMaxNdBytes);
        body.resize(wire::write_nd(body, nd));
        return ethernet(wire::multicast_mac(to), peer_mac,
                        ipv6({.next_header = wire::IpProtocol::Icmpv6,
                              .hop_limit = hop_limit,
                              .source = from,
                              .target = to},
                             with_checksum(body, from, to, wire::IpProtocol::Icmpv6, 2)));
    }
    static wire::RouterAdvertisement advertisement(std::uint16_t lifetime_s,
                                                   std::uint32_t valid_s = 0,
                                                   std::uint32_t preferred_s = 0) {
        wire::RouterAdvertisement ra{.lifetime_s = lifetime_s};
        if (valid_s != 0) {
            ra.options.prefix_room[0] = {.prefix = prefix("2001:db8:5::/64"),
                                         .on_link = true,
                                         .autonomous = true,
                                         .valid_s = valid_s,
                                         .preferred_s = preferred_s};
            ra.options.prefix_count = 1;
        }
        return ra;
    }

    const IpAddress router = address("fe80::2");
    const IpAddress all_nodes = address("ff02::1");
    const IpAddress link_local = address("fe80::ff:fe00:1");
    const IpAddress given = address("2001:db8:5:0:0:ff:fe00:1");
};

TEST_F(AutoconfigurationTest, an_address_is_asked_for_before_it_is_ours_for_sure) {
    const Frame probe = take_sent();
    ASSERT_THAT(probe, SizeIs(14 + 40 + 24));
    EXPECT_EQ(wire::parse_ethernet(probe)->target,
              (MacAddress{0x33, 0x33, 0xff, 0x00, 0x00, 0x01}));
    const auto header = wire::parse_ipv6(part(probe, 14));
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->source.is_any());
    EXPECT_EQ(header->target, address("ff02::1:ff00:1"));
    const auto asked = wire::parse_neighbor_solicitation(part(probe, 54));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->target, link_local);
    EXPECT_TRUE(network.is_local(link_local, eth));
}

TEST_F(AutoconfigurationTest, an_address_that_another_station_has_is_given_up) {
    const Frame claim = message(
        wire::NeighborAdvertisement{
            .target = link_local, .overrides = true, .options = {.target_mac = peer_mac}},
        link_local, all_nodes);
    receive({claim});
    EXPECT_FALSE(network.is_local(link_local, eth));
}

TEST_F(AutoconfigurationTest, later_it_is_only_a_nuisance) {
    now = now + 2_s;
    receive({message(
        wire::NeighborAdvertisement{
            .target = link_local, .overrides = true, .options = {.target_mac = peer_mac}},
        router, all_nodes)});
    EXPECT_TRUE(network.is_local(link_local, eth));
}

TEST_F(AutoconfigurationTest, routers_are_asked_for_three_times) {
    int asked = 0;
    (void)take_sent();  // the probe
    ASSERT_THAT(device.sent, SizeIs(1));
    while (!device.sent.empty() || network.next_deadline() != Instant::never()) {
        if (device.sent.empty()) expire_at(network.next_deadline());
        while (!device.sent.empty()) {
            const Frame f = take_sent();
            EXPECT_EQ(f[54], std::byte{133});
            EXPECT_EQ(wire::parse_ipv6(part(f, 14))->source, link_local);
            ++asked;
        }
    }
    EXPECT_EQ(asked, 3);
    EXPECT_EQ(count(Counter::Icmp6OutRouterSolicits), 3u);
}

TEST_F(AutoconfigurationTest, a_router_becomes_the_way_to_everywhere_while_it_lives) {
    receive({message(advertisement(1800), router, all_nodes)});
    expire_at(now + 100_s);
    EXPECT_EQ(count(Counter::Icmp6OutRouterSolicits), 1u);
    const auto p = network.find_path(address("2001:db8:77::1"), link_local.with_zone(eth), 0);
    ASSERT_TRUE(p);
    EXPECT_EQ(p->next_hop, router);
    EXPECT_EQ(p->interface, eth);
    EXPECT_EQ(network.next_deadline(), now + 1700_s);
    expire_at(now + 1700_s);
    EXPECT_FALSE(network.find_path(address("2001:db8:77::1"), link_local.with_zone(eth), 0));
}

TEST_F(AutoconfigurationTest, a_router_may_take_itself_back) {
    receive({message(advertisement(1800), router, all_nodes)});
    receive({message(advertisement(0), router, all_nodes)});
    EXPECT_FALSE(network.find_path(address("2001:db8:77::1"), link_local.with_zone(eth), 0));
}

TEST_F(AutoconfigurationTest, a_prefix_gives_an_address_for_its_lifetime) {
    receive({message(advertisement(1800, 3600, 600), router, all_nodes)});
    EXPECT_TRUE(network.is_local(given));
    EXPECT_EQ(network.find_path(address("2001:db8:77::1"), IpAddress{}, 0)->source, given);
    EXPECT_EQ(network.find_path(address("2001:db8:5::9"), IpAddress{}, 0)->next_hop,
              address("2001:db8:5::9"));
    now = now + 1000_s;
    receive({message(advertisement(1800, 3600, 600), router, all_nodes)});
    for (int i = 0; i < 20 && network.is_local(given); ++i) expire_at(network.next_deadline());
    EXPECT_EQ(now, Instant::from_ns(1'000'000'000) + 4600_s);
    // The subnet's route went with it, the router's long before.
    EXPECT_FALSE(network.find_path(address("2001:db8:5::9"), link_local.with_zone(eth), 0));
}

// RFC 4862 §5.5.3 (e): two hours at least.
TEST_F(AutoconfigurationTest, nobody_can_end_an_addresss_life_at_once) {
    receive({message(advertisement(0, 86400, 600), router, all_nodes)});
    receive({message(advertisement(0, 10, 0), router, all_nodes)});
    expire_at(now + 7199_s);
    EXPECT_TRUE(network.is_local(given));
    expire_at(now + 1_s);
    EXPECT_FALSE(network.is_local(given));
}

TEST_F(AutoconfigurationTest, only_a_router_on_the_link_is_believed) {
    receive({message(advertisement(1800, 3600, 600), router, all_nodes, 64)});
    receive({message(advertisement(1800, 3600, 600), address("2001:db8::9"), all_nodes)});
    EXPECT_FALSE(network.is_local(given));
    EXPECT_EQ(count(Counter::Icmp6InErrors), 2u);
    config.ip6_accept_ra = 0;
    receive({message(advertisement(1800, 3600, 600), router, all_nodes)});
    EXPECT_FALSE(network.is_local(given));
}

TEST_F(AutoconfigurationTest, a_flood_of_prefixes_gives_a_bounded_number_of_addresses) {
    for (int i = 0; i < 100; ++i) {
        wire::RouterAdvertisement ra = advertisement(1800, 3600, 600);
        ra.options.prefix_room[0].prefix = prefix("2001:db8:" + std::to_string(1000 + i) + "::/64");
        receive({message(ra, router, all_nodes)});
    }
    int given_addresses = 0;
    for (int i = 0; i < 100; ++i) {
        if (network.is_local(address("2001:db8:" + std::to_string(1000 + i) + ":0:0:ff:fe00:1"))) {
            ++given_addresses;
        }
    }
    EXPECT_EQ(given_addresses, 16);
}

TEST_F(AutoconfigurationTest, a_link_without_stations_is_left_alone) {
    FakeDevice tun{LinkKind::Ip, "tun0"};
    device.sent.clear();
    const InterfaceIndex index = network.add_interface(tun, {}).value();
    ASSERT_TRUE(network.add_address(index, prefix("2001:db8:8::1/64"), now));
    expire_at(now);
    EXPECT_THAT(tun.sent, IsEmpty());
}

}  // namespace
}  // namespace fairlead::testing
