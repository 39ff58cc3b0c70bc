#include "link/nd.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"
#include "wire/icmpv6.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::NdContext;
using link::NdOutcome;
using link::NeighbourState;
using wire::NeighborAdvertisement;
using wire::NeighborSolicitation;

namespace {

constexpr Instant at(Duration d) { return Instant{} + d; }
const IpAddress kOurs = *IpAddress::parse("fe80::1");
const IpAddress kPeer = *IpAddress::parse("fe80::2");
const IpAddress kAllNodes = *IpAddress::parse("ff02::1");

class Nd : public ::testing::Test {
protected:
    template <typename Message>
    NdOutcome input(const Message& message, NdContext context) {
        context.interface = 2;
        context.mac = kOurMac;
        return link::nd_input(table, message, context, at(0_s));
    }
    static NeighborSolicitation solicitation(const IpAddress& target,
                                             std::optional<MacAddress> station = kPeerMac) {
        NeighborSolicitation message{.target = target};
        message.options.source_mac = station;
        return message;
    }
    static NeighborAdvertisement advertisement(std::optional<MacAddress> station = kPeerMac) {
        NeighborAdvertisement message{.target = kPeer, .is_solicited = true, .overrides = true};
        message.options.target_mac = station;
        return message;
    }
    // To us, from the peer.
    static NdContext context(bool is_target_ours) {
        return {.source = kPeer,
                .destination = kOurs,
                .hop_limit = 255,
                .is_target_ours = is_target_ours};
    }
    void ask() {
        std::uint32_t hint = 0;
        PacketPtr p = pool.copy(numbered(10));
        table.output(hint, peer, p, at(0_s));
    }
    std::optional<NeighbourState> state() const {
        const auto info = table.find(peer);
        return info ? std::optional{info->state} : std::nullopt;
    }

    PacketPool pool;
    Config config;
    Counters counters;
    link::NeighbourTable table{config, counters, 1};
    const link::NeighbourKey peer{kPeer, 2};
};

TEST_F(Nd, SolicitationForUsIsAnsweredAndTeaches) {
    const auto outcome = input(solicitation(kOurs), context(true));
    ASSERT_TRUE(outcome.reply);
    const auto& reply = *outcome.reply;
    EXPECT_EQ(reply.source, kOurs);
    EXPECT_EQ(reply.destination, kPeer);
    EXPECT_EQ(reply.station, kPeerMac);
    EXPECT_EQ(reply.message.target, kOurs);
    EXPECT_TRUE(reply.message.is_solicited);
    EXPECT_TRUE(reply.message.overrides);
    EXPECT_FALSE(reply.message.is_router);
    EXPECT_EQ(reply.message.options.target_mac, kOurMac);
    EXPECT_EQ(state(), NeighbourState::Stale);
}

TEST_F(Nd, SolicitationWithoutAStationIsAnsweredTheOrdinaryWay) {
    const auto outcome = input(solicitation(kOurs, std::nullopt), context(true));
    ASSERT_TRUE(outcome.reply);
    EXPECT_FALSE(outcome.reply->station);
    EXPECT_FALSE(state());
}

TEST_F(Nd, SolicitationForOthersTeachesNothing) {
    const auto outcome = input(solicitation(kPeer), context(false));
    EXPECT_EQ(outcome.kind, NdOutcome::Kind::Taken);
    EXPECT_FALSE(outcome.reply);
    EXPECT_EQ(table.size(), 0u);
}

TEST_F(Nd, ProbeIsAnsweredToAllNodes) {
    NdContext probe = context(true);
    probe.source = IpAddress{};
    probe.destination = wire::solicited_node(kOurs);
    probe.are_we_router = true;
    const auto outcome = input(solicitation(kOurs, std::nullopt), probe);
    ASSERT_TRUE(outcome.reply);
    EXPECT_EQ(outcome.reply->destination, kAllNodes);
    EXPECT_EQ(outcome.reply->station, (MacAddress{0x33, 0x33, 0, 0, 0, 1}));
    EXPECT_FALSE(outcome.reply->message.is_solicited);
    EXPECT_TRUE(outcome.reply->message.is_router);
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(input(solicitation(kOurs), probe).kind, NdOutcome::Kind::Bad) << "names a station";
    probe.destination = kOurs;
    EXPECT_EQ(input(solicitation(kOurs, std::nullopt), probe).kind, NdOutcome::Kind::Bad);
}

TEST_F(Nd, NothingFromBehindARouterCounts) {
    NdContext far = context(true);
    far.hop_limit = 254;
    ask();
    EXPECT_EQ(input(solicitation(kOurs), far).kind, NdOutcome::Kind::Bad);
    far.is_target_ours = false;
    EXPECT_EQ(input(advertisement(), far).kind, NdOutcome::Kind::Bad);
    EXPECT_EQ(input(wire::RouterAdvertisement{}, far).kind, NdOutcome::Kind::Bad);
    EXPECT_EQ(input(wire::RouterSolicitation{}, far).kind, NdOutcome::Kind::Bad);
    EXPECT_EQ(state(), NeighbourState::Incomplete);
}

TEST_F(Nd, GroupIsNobodysStation) {
    const MacAddress group{0x33, 0x33, 0, 0, 0, 1};
    EXPECT_EQ(input(solicitation(kOurs, group), context(true)).kind, NdOutcome::Kind::Bad);
    EXPECT_EQ(input(advertisement(group), context(false)).kind, NdOutcome::Kind::Bad);
}

TEST_F(Nd, AdvertisementResolvesWhatWasAskedAndOnlyThat) {
    EXPECT_TRUE(input(advertisement(), context(false)).ready.empty());
    EXPECT_FALSE(state());
    ask();
    EXPECT_TRUE(input(advertisement(std::nullopt), context(false)).ready.empty());
    EXPECT_EQ(state(), NeighbourState::Incomplete);
    const auto outcome = input(advertisement(), context(false));
    EXPECT_EQ(outcome.ready.size(), 1u);
    EXPECT_EQ(outcome.ready_station, kPeerMac);
    EXPECT_EQ(state(), NeighbourState::Reachable);
}

TEST_F(Nd, SolicitedOverrideAndRouterFlagsMeanWhatTheySay) {
    ask();
    auto message = advertisement();
    message.is_solicited = false;
    message.is_router = true;
    input(message, context(false));
    EXPECT_EQ(state(), NeighbourState::Delay) << "not solicited: stale, and used";
    EXPECT_TRUE(table.find(peer)->is_router);
    input(advertisement(std::nullopt), context(false));
    EXPECT_EQ(state(), NeighbourState::Reachable) << "confirmed without naming the station";
    EXPECT_FALSE(table.find(peer)->is_router);

    auto other = advertisement(kOtherMac);
    other.overrides = false;
    input(other, context(false));
    EXPECT_EQ(state(), NeighbourState::Stale);
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
    input(advertisement(kOtherMac), context(false));
    EXPECT_EQ(table.find(peer)->mac, kOtherMac);
    EXPECT_EQ(state(), NeighbourState::Reachable);
}

TEST_F(Nd, SolicitedAdvertisementToAGroupIsBad) {
    NdContext group = context(false);
    group.destination = kAllNodes;
    EXPECT_EQ(input(advertisement(), group).kind, NdOutcome::Kind::Bad);
}

TEST_F(Nd, AdvertisementOfOurAddressByAnotherIsAConflict) {
    auto message = advertisement();
    message.target = kOurs;
    EXPECT_EQ(input(message, context(true)).kind, NdOutcome::Kind::Conflict);
    message.options.target_mac = kOurMac;
    EXPECT_EQ(input(message, context(true)).kind, NdOutcome::Kind::Taken) << "our own";
}

TEST_F(Nd, RoutersAndHostsTellTheirStations) {
    wire::RouterAdvertisement router;
    router.options.source_mac = kPeerMac;
    input(router, context(false));
    EXPECT_EQ(state(), NeighbourState::Stale);
    EXPECT_TRUE(table.find(peer)->is_router);
    wire::RouterSolicitation host;
    host.options.source_mac = kPeerMac;
    input(host, context(false));
    EXPECT_FALSE(table.find(peer)->is_router);

    NdContext global = context(false);
    global.source = *IpAddress::parse("2001:db8::2");
    EXPECT_EQ(input(router, global).kind, NdOutcome::Kind::Bad);
    global.source = IpAddress{};
    EXPECT_EQ(input(host, global).kind, NdOutcome::Kind::Bad);
    host.options.source_mac.reset();
    EXPECT_EQ(input(host, global).kind, NdOutcome::Kind::Taken);
}

TEST_F(Nd, SolicitationIsWholeAsItTravels) {
    NeighborSolicitation message{.target = kPeer};
    message.options.source_mac = kOurMac;
    const auto p = link::nd_packet(pool, message, kOurs, wire::solicited_node(kPeer));
    const Octets expected = octets({
        0x60, 0,    0,    0,    0, 32, 58, 255,  // IPv6, 32 bytes of ICMPv6
        0xfe, 0x80, 0,    0,    0, 0,  0,  0,   0, 0, 0, 0, 0,    0, 0, 1,  //
        0xff, 0x02, 0,    0,    0, 0,  0,  0,   0, 0, 0, 1, 0xff, 0, 0, 2,
        135,  0,    0x7a, 0x97, 0, 0,  0,  0,  // the rest adds up to 0x8568
        0xfe, 0x80, 0,    0,    0, 0,  0,  0,   0, 0, 0, 0, 0,    0, 0, 2,
        1,    1,    2,    0,    0, 0,  0,  1,
    });
    EXPECT_EQ(content(*p), expected);
    EXPECT_EQ(p->network_offset(), 0u);
    EXPECT_EQ(p->transport_offset(), 40u);
}

TEST_F(Nd, AdvertisementsAndRouterSolicitationsHaveValidChecksums) {
    wire::RouterSolicitation router;
    router.options.source_mac = kOurMac;
    const PacketPtr packets[] = {link::nd_packet(pool, advertisement(), kOurs, kPeer),
                                 link::nd_packet(pool, router, kOurs, kPeer)};
    for (const PacketPtr& p : packets) {
        const Octets bytes = content(*p);
        const auto ip = wire::parse_ipv6(bytes);
        ASSERT_TRUE(ip);
        EXPECT_EQ(ip->hop_limit, 255);
        auto sum = wire::pseudo_header(kOurs, kPeer, wire::IpProtocol::Icmpv6, ip->payload_bytes);
        sum.add(Bytes{bytes}.subspan(40));
        EXPECT_TRUE(sum.is_valid());
    }
    EXPECT_TRUE(wire::parse_neighbor_advertisement(packets[0]->head().subspan(40)));
    EXPECT_TRUE(wire::parse_router_solicitation(packets[1]->head().subspan(40)));
    PacketPool empty{{.packets = 0}};
    EXPECT_EQ(link::nd_packet(empty, router, kOurs, kPeer), nullptr);
}

}  // namespace
