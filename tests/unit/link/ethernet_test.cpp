#include "link/ethernet.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::FrameDrop;
using link::FrameTarget;
using link::take_link_header;
using wire::EtherType;

namespace {

Octets frame_to(const MacAddress& target, std::initializer_list<unsigned> rest) {
    Octets frame;
    for (const auto b : target) frame.push_back(std::byte{b});
    for (const auto b : kPeerMac) frame.push_back(std::byte{b});
    for (const unsigned b : rest) frame.push_back(static_cast<std::byte>(b));
    return frame;
}

TEST(LinkHeader, ComesOffAndTellsWhatAndForWhom) {
    PacketPool pool;
    const struct {
        MacAddress target;
        FrameTarget expected;
    } cases[] = {{kOurMac, FrameTarget::Us},
                 {wire::kBroadcastMac, FrameTarget::Broadcast},
                 {{0x01, 0, 0x5e, 0, 0, 1}, FrameTarget::Multicast},
                 {{0x33, 0x33, 0, 0, 0, 1}, FrameTarget::Multicast},
                 {kOtherMac, FrameTarget::Other}};
    for (const auto& c : cases) {
        PacketPtr p = pool.copy(frame_to(c.target, {0x08, 0x06, 0xaa, 0xbb}));
        const auto info = take_link_header(*p, LinkKind::Ethernet, kOurMac);
        ASSERT_EQ(info.drop, FrameDrop::None);
        EXPECT_EQ(info.target, c.expected);
        EXPECT_EQ(info.type, EtherType::Arp);
        EXPECT_EQ(content(*p), octets({0xaa, 0xbb}));
        EXPECT_EQ(p->network_offset(), 0u);
        EXPECT_EQ(p->meta.vlan, 0);
    }
}

TEST(LinkHeader, TagGoesToTheMetadata) {
    PacketPool pool;
    PacketPtr p = pool.copy(frame_to(kOurMac, {0x81, 0x00, 0x60, 0x2a, 0x86, 0xdd, 0x60}));
    const auto info = take_link_header(*p, LinkKind::Ethernet, kOurMac);
    ASSERT_EQ(info.drop, FrameDrop::None);
    EXPECT_EQ(info.type, EtherType::Ipv6);
    EXPECT_EQ(p->meta.vlan, 0x602a);
    EXPECT_EQ(p->size(), 1u);
}

TEST(LinkHeader, MayLieInPieces) {
    PacketPool pool;
    const Octets frame = frame_to(kOurMac, {0x08, 0x00, 1, 2, 3, 4, 5});
    PacketPtr p = pool.packet();
    for (const std::byte& b : frame) {
        PacketPtr piece = pool.copy({&b, 1});
        if (!p->has_slice_room()) break;
        ASSERT_TRUE(p->append_content(*piece));
    }
    const auto info = take_link_header(*p, LinkKind::Ethernet, kOurMac);
    ASSERT_EQ(info.drop, FrameDrop::None);
    EXPECT_EQ(content(*p), octets({1, 2, 3, 4}));
}

TEST(LinkHeader, ShortFramesAndLengthsAreDropped) {
    PacketPool pool;
    const Octets whole = frame_to(kOurMac, {0x81, 0x00, 0x00, 0x2a, 0x08, 0x00});
    for (std::size_t n = 0; n < whole.size(); ++n) {
        PacketPtr p = pool.copy(Bytes{whole}.first(n));
        const auto info = take_link_header(*p, LinkKind::Ethernet, kOurMac);
        EXPECT_EQ(info.drop, FrameDrop::Truncated) << n;
    }
    PacketPtr p = pool.copy(frame_to(kOurMac, {0x05, 0xff, 0x42, 0x42}));
    EXPECT_EQ(take_link_header(*p, LinkKind::Ethernet, kOurMac).drop, FrameDrop::UnknownProtocol);
}

TEST(LinkHeader, BarePacketsTellTheirVersion) {
    PacketPool pool;
    const auto look = [&](unsigned first) {
        PacketPtr p = pool.copy(octets({first, 0}));
        return take_link_header(*p, LinkKind::Ip, {});
    };
    EXPECT_EQ(look(0x45).type, EtherType::Ipv4);
    EXPECT_EQ(look(0x60).type, EtherType::Ipv6);
    EXPECT_EQ(look(0x45).target, FrameTarget::Us);
    EXPECT_EQ(look(0x50).drop, FrameDrop::UnknownProtocol);
    PacketPtr empty = pool.packet();
    EXPECT_EQ(take_link_header(*empty, LinkKind::Ip, {}).drop, FrameDrop::Truncated);
}

TEST(LinkHeader, IsPutBeforeAPacket) {
    PacketPool pool;
    PacketPtr p = pool.copy(octets({0x45}));
    link::put_ethernet_header(*p, kPeerMac, kOurMac, EtherType::Ipv4);
    EXPECT_EQ(content(*p), octets({2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45}));
}

TEST(GroupStation, FollowsFromTheAddress) {
    // RFC 1112 §6.4: the low 23 bits; RFC 2464 §7: the low 32.
    EXPECT_EQ(link::group_station(IpAddress::v4(239, 255, 1, 2)),
              (MacAddress{0x01, 0x00, 0x5e, 0x7f, 1, 2}));
    EXPECT_EQ(link::group_station(*IpAddress::parse("ff02::1:ff00:1234")),
              (MacAddress{0x33, 0x33, 0xff, 0x00, 0x12, 0x34}));
    EXPECT_EQ(link::group_station(IpAddress::v4(0xffff'ffff)), wire::kBroadcastMac);
    EXPECT_EQ(link::group_station(IpAddress::v4(10, 0, 0, 255)), std::nullopt);
}

}  // namespace
