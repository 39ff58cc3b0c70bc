#include "link/congestion_mark.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;

namespace {

constexpr std::uint8_t kNotCapable = 0x28;  // a DSCP beside it, which stays
constexpr std::uint8_t kCapable1 = 0x29;
constexpr std::uint8_t kCapable0 = 0x2a;
constexpr std::uint8_t kCongestion = 0x2b;

PacketPtr frame(PacketPool& pool, std::uint8_t traffic_class, bool is_v6,
                LinkKind link = LinkKind::Ethernet) {
    return pool.copy(frame_of({.is_v6 = is_v6,
                               .has_link_header = link == LinkKind::Ethernet,
                               .payload = Octets(100, std::byte{7}),
                               .traffic_class = traffic_class}));
}

TEST(CongestionMark, IsForFramesWhoseSenderUnderstandsIt) {
    PacketPool pool;
    for (const bool is_v6 : {false, true}) {
        for (const LinkKind link : {LinkKind::Ethernet, LinkKind::Ip}) {
            EXPECT_FALSE(
                link::is_congestion_markable(*frame(pool, kNotCapable, is_v6, link), link));
            for (const std::uint8_t other : {kCapable0, kCapable1, kCongestion}) {
                EXPECT_TRUE(link::is_congestion_markable(*frame(pool, other, is_v6, link), link));
            }
        }
    }
}

TEST(CongestionMark, MakesTheFrameThatASenderWouldHaveMade) {
    PacketPool pool;
    for (const bool is_v6 : {false, true}) {
        for (const LinkKind link : {LinkKind::Ethernet, LinkKind::Ip}) {
            for (const std::uint8_t before : {kCapable0, kCapable1, kCongestion}) {
                const PacketPtr marked = frame(pool, before, is_v6, link);
                ASSERT_TRUE(link::mark_congestion(*marked, link));
                EXPECT_EQ(content(*marked), content(*frame(pool, kCongestion, is_v6, link)));
            }
        }
    }
}

TEST(CongestionMark, LeavesATwinOfTheFrameAsItWas) {
    PacketPool pool;
    const PacketPtr one = frame(pool, kCapable0, false);
    const PacketPtr twin = pool.clone(*one);
    const Octets before = content(*twin);
    ASSERT_TRUE(link::mark_congestion(*one, LinkKind::Ethernet));
    EXPECT_EQ(content(*twin), before);
}

TEST(CongestionMark, LeavesWhatIsNoIpPacketAlone) {
    PacketPool pool;
    Octets arp(60, std::byte{0xff});
    arp[12] = std::byte{0x08};
    arp[13] = std::byte{0x06};
    for (const std::size_t bytes : {0u, 13u, 14u, 33u, 60u}) {
        const PacketPtr packet = pool.copy(Bytes{arp}.first(bytes));
        EXPECT_FALSE(link::is_congestion_markable(*packet, LinkKind::Ethernet)) << bytes;
        EXPECT_FALSE(link::mark_congestion(*packet, LinkKind::Ethernet)) << bytes;
    }
}

}  // namespace
