#include "link/arp.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::ArpContext;
using link::ArpOutcome;
using link::FrameTarget;
using link::NeighbourState;
using wire::ArpOperation;
using wire::ArpPacket;

namespace {

constexpr Instant at(Duration d) { return Instant{} + d; }
const IpAddress kOurs = IpAddress::v4(10, 0, 0, 1);
const IpAddress kPeer = IpAddress::v4(10, 0, 0, 2);

class Arp : public ::testing::Test {
protected:
    static ArpPacket request(const IpAddress& sender, const IpAddress& target) {
        return {.sender_mac = kPeerMac, .sender = sender, .target = target};
    }
    static ArpPacket reply(const IpAddress& sender, const MacAddress& mac = kPeerMac) {
        return {.operation = ArpOperation::Reply,
                .sender_mac = mac,
                .sender = sender,
                .target_mac = kOurMac,
                .target = kOurs};
    }
    ArpOutcome input(const ArpPacket& arp, Instant now, FrameTarget frame = FrameTarget::Us) {
        return link::arp_input(table, arp,
                               {.interface = 2,
                                .mac = kOurMac,
                                .frame_target = frame,
                                .is_target_ours = arp.target == kOurs,
                                .is_sender_ours = arp.sender == kOurs},
                               now);
    }
    // We ask for the peer, and one packet waits.
    void ask(Instant now) {
        std::uint32_t hint = 0;
        PacketPtr p = pool.copy(numbered(10));
        table.output(hint, peer, p, now);
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

TEST_F(Arp, RequestForUsIsAnsweredAndTeaches) {
    const auto outcome = input(request(kPeer, kOurs), at(0_s), FrameTarget::Broadcast);
    ASSERT_TRUE(outcome.reply);
    EXPECT_EQ(*outcome.reply, (ArpPacket{.operation = ArpOperation::Reply,
                                         .sender_mac = kOurMac,
                                         .sender = kOurs,
                                         .target_mac = kPeerMac,
                                         .target = kPeer}));
    EXPECT_EQ(state(), NeighbourState::Stale);
}

TEST_F(Arp, RequestForOthersIsNotAnsweredAndTeachesNothingNew) {
    const auto other = IpAddress::v4(10, 0, 0, 9);
    EXPECT_FALSE(input(request(kPeer, other), at(0_s), FrameTarget::Broadcast).reply);
    EXPECT_FALSE(state());
}

TEST_F(Arp, ReplyResolvesWhatWasAskedAndOnlyThat) {
    EXPECT_TRUE(input(reply(kPeer), at(0_s)).ready.empty());
    EXPECT_FALSE(state());
    ask(at(0_s));
    EXPECT_EQ(input(reply(kPeer), at(1_ms)).ready.size(), 1u);
    EXPECT_EQ(state(), NeighbourState::Reachable);
}

TEST_F(Arp, BroadcastReplyIsNoConfirmation) {
    ask(at(0_s));
    EXPECT_EQ(input(reply(kPeer), at(1_ms), FrameTarget::Broadcast).ready.size(), 1u);
    EXPECT_EQ(state(), NeighbourState::Delay);
}

TEST_F(Arp, SecondAnswerWithinASecondDoesNotReplaceTheFirst) {
    ask(at(0_s));
    input(reply(kPeer), at(1_ms));
    input(reply(kPeer, kOtherMac), at(1_s));
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
    input(reply(kPeer, kOtherMac), at(1_s) + 2_ms);
    EXPECT_EQ(table.find(peer)->mac, kOtherMac);
}

TEST_F(Arp, AnnouncementChangesWhatWeKnowAtOnceAndNothingElse) {
    ArpPacket announcement = request(kPeer, kPeer);
    announcement.sender_mac = kOtherMac;
    input(announcement, at(0_s), FrameTarget::Broadcast);
    EXPECT_FALSE(state());
    ask(at(0_s));
    input(reply(kPeer), at(1_ms));
    input(announcement, at(2_ms), FrameTarget::Broadcast);
    EXPECT_EQ(table.find(peer)->mac, kOtherMac);
    EXPECT_EQ(state(), NeighbourState::Stale);
    // As a reply it must name itself twice.
    ArpPacket half = reply(kPeer);
    half.target = kPeer;
    input(half, at(3_ms), FrameTarget::Broadcast);
    EXPECT_EQ(table.find(peer)->mac, kOtherMac);
    half.target_mac = kPeerMac;
    input(half, at(3_ms), FrameTarget::Broadcast);
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
}

TEST_F(Arp, ProbeIsAnsweredAndTeachesNothing) {
    const auto outcome = input(request(IpAddress::v4(0), kOurs), at(0_s), FrameTarget::Broadcast);
    ASSERT_TRUE(outcome.reply);
    EXPECT_EQ(outcome.reply->target, IpAddress::v4(0));
    EXPECT_EQ(outcome.reply->target_mac, kPeerMac);
    EXPECT_EQ(table.size(), 0u);
}

TEST_F(Arp, AnotherStationWithOurAddressIsAConflict) {
    const auto outcome = input(request(kOurs, kOurs), at(0_s), FrameTarget::Broadcast);
    EXPECT_EQ(outcome.kind, ArpOutcome::Kind::Conflict);
    EXPECT_FALSE(outcome.reply);
    EXPECT_EQ(table.size(), 0u);
    ArpPacket echo = request(kOurs, kPeer);
    echo.sender_mac = kOurMac;
    EXPECT_EQ(input(echo, at(0_s)).kind, ArpOutcome::Kind::Taken) << "our own";
}

TEST_F(Arp, NonsenseIsBad) {
    ArpPacket group = request(kPeer, kOurs);
    group.sender_mac = wire::kBroadcastMac;
    const ArpPacket all[] = {group, request(IpAddress::v4(224, 0, 0, 1), kOurs),
                             request(IpAddress::v4(0xffff'ffff), kOurs),
                             request(kPeer, IpAddress::v4(127, 0, 0, 1)),
                             request(kPeer, IpAddress::v4(224, 0, 0, 1))};
    for (const ArpPacket& arp : all) {
        const auto outcome = input(arp, at(0_s));
        EXPECT_EQ(outcome.kind, ArpOutcome::Kind::Bad);
        EXPECT_FALSE(outcome.reply);
    }
    EXPECT_EQ(table.size(), 0u);
}

TEST_F(Arp, FrameIsWholeAsItTravels) {
    const auto frame =
        link::arp_frame(pool, link::arp_request(kOurMac, kOurs, kPeer), wire::kBroadcastMac);
    EXPECT_EQ(content(*frame),
              octets({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,    0,    0, 0, 0,  1, 0x08, 0x06,
                      0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01, 2, 0, 0,  0, 0,    1,
                      10,   0,    0,    1,    0,    0,    0,    0,    0, 0, 10, 0, 0,    2}));
    PacketPool empty{{.packets = 0}};
    EXPECT_EQ(link::arp_frame(empty, {}, kPeerMac), nullptr);
}

}  // namespace
