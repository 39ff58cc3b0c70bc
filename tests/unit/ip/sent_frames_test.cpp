#include "ip/sent_frames.hpp"

#include <memory>

#include <gmock/gmock.h>

#include "link/interface.hpp"
#include "unit/ip/network_fixture.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kPayload = 2500;
constexpr std::uint16_t kSegment = 1000;

class SentFramesTest : public NetworkTest {
protected:
    // A large TCP segment of three, with the sum of the pseudo-header alone.
    PacketPtr large(const IpAddress& from, const IpAddress& to) {
        PacketPtr packet = pool.copy(pattern(kPayload));
        const MutableBytes head = packet->push_front(wire::TcpHeader::kMinBytes);
        const auto bytes = static_cast<std::uint32_t>(packet->size());
        wire::write_tcp(
            head, {.source_port = 1,
                   .target_port = 2,
                   .seq = wire::Seq32{7},
                   .flags = {.fin = true, .psh = true, .ack = true, .cwr = true},
                   .checksum = wire::pseudo_header(from, to, wire::IpProtocol::Tcp, bytes).fold()});
        packet->mark_transport(0);
        packet->meta.checksum = ChecksumState::Partial;
        packet->meta.checksum_offset = wire::TcpHeader::kChecksumAt;
        packet->meta.gso = from.is_v4() ? GsoType::Tcp4 : GsoType::Tcp6;
        packet->meta.gso_size = kSegment;
        packet->meta.gso_segments = 3;
        return packet;
    }
    std::unique_ptr<ip::SentFrames> send_large(const IpAddress& from, const IpAddress& to) {
        const ip::SourcedPath path = network.find_path(to, from, 0).value();
        auto frames = std::make_unique<ip::SentFrames>(network, path, 3, now);
        EXPECT_TRUE(network.send(large(from, to),
                                 {.source = from, .destination = to, .protocol = ip::kProtocolTcp},
                                 path, now));
        return frames;
    }
    struct GivenBack {
        Frame first{};
        Frame whole{};
    };
    // A large datagram: what it was as long as it waited. It has left afterwards.
    GivenBack send_cut(const IpAddress& from, const IpAddress& to, std::size_t payload,
                       std::uint16_t segment) {
        PacketPtr packet = pool.copy(pattern(payload));
        const MutableBytes head = packet->push_front(wire::UdpHeader::kBytes);
        const auto bytes = static_cast<std::uint32_t>(packet->size());
        wire::write_udp(
            head, {.source_port = 1,
                   .target_port = 2,
                   .total_bytes = static_cast<std::uint16_t>(bytes),
                   .checksum = wire::pseudo_header(from, to, wire::IpProtocol::Udp, bytes).fold()});
        packet->mark_transport(0);
        packet->meta.gso = GsoType::Udp;
        packet->meta.gso_size = segment;
        packet->meta.gso_segments = static_cast<std::uint16_t>((payload + segment - 1) / segment);
        packet->meta.checksum = ChecksumState::Partial;
        packet->meta.checksum_offset = wire::UdpHeader::kChecksumAt;
        const ip::SourcedPath path = network.find_path(to, from, 0).value();
        GivenBack given;
        {
            const ip::SentFrames frames{network, path, packet->meta.gso_segments, now};
            EXPECT_TRUE(network.send(
                std::move(packet),
                {.source = from, .destination = to, .protocol = ip::kProtocolUdp}, path, now));
            given = {.first = frames.first(), .whole = frames.whole()};
        }
        if (payload / segment < link::Interface::kBurst) network.flush(now);
        return given;
    }
    void take_features(const DeviceFeatures& features) {
        device.settings().features = features;
        std::size_t taken = 0;
        network.receive(eth, now, taken);
    }
    // But for what numbers it, and the sum of that.
    static Frame unnumbered(Frame f) {
        EXPECT_EQ(wire::parse_ipv4(f)->total_bytes, f.size());
        for (const std::size_t at : {4u, 5u, 10u, 11u}) f[at] = {};
        return f;
    }
};

TEST_F(SentFramesTest, WhatWasCutIsGivenBackAsADeviceThatCutsWouldHaveHadIt) {
    for (const bool is_v4 : {true, false}) {
        const IpAddress& from = is_v4 ? us4 : us6;
        const IpAddress& to = is_v4 ? peer4 : peer6;
        take_features({});
        const Frame whole = send_large(from, to)->whole();
        network.flush(now);
        EXPECT_THAT(device.sent, SizeIs(3));
        device.sent.clear();
        take_features({.checksum_out = true, .tso4 = true, .tso6 = true});
        const Frame uncut = send_large(from, to)->whole();
        network.flush(now);
        ASSERT_THAT(device.sent, SizeIs(1));
        EXPECT_EQ(take_sent(), uncut);
        EXPECT_EQ(is_v4 ? unnumbered(whole) : whole, is_v4 ? unnumbered(uncut) : uncut);
    }
}

TEST_F(SentFramesTest, TheFrameWithAByteIsFoundAmongSeveral) {
    const auto frames = send_large(us4, peer4);
    const std::vector<Frame> found{frames->with_byte(0), frames->with_byte(kSegment - 1),
                                   frames->with_byte(kSegment), frames->with_byte(kPayload - 1)};
    EXPECT_THAT(frames->with_byte(kPayload), IsEmpty());
    network.flush(now);
    ASSERT_THAT(device.sent, SizeIs(3));
    EXPECT_EQ(found[0], device.sent[0]);
    EXPECT_EQ(found[1], device.sent[0]);
    EXPECT_EQ(found[2], device.sent[1]);
    EXPECT_EQ(found[3], device.sent[2]);
    EXPECT_THAT(frames->first(), IsEmpty());  // it has left
}

TEST_F(SentFramesTest, OfADatagramInFragmentsTheFirstIsGiven) {
    const ip::SourcedPath path = network.find_path(peer4, us4, 0).value();
    const ip::SentFrames frames{network, path, 3, now};
    ASSERT_TRUE(network.send(
        datagram(us4, peer4, pattern(3000)),
        {.source = us4, .destination = peer4, .protocol = ip::kProtocolUdp, .dont_fragment = false},
        path, now));
    const Frame first = frames.first();
    network.flush(now);
    ASSERT_THAT(device.sent, SizeIs(3));
    EXPECT_EQ(first, device.sent[0]);
}

// As a device that cuts datagrams would have had it: UDP has the length of all, and the sum of that.
TEST_F(SentFramesTest, ADatagramThatWasCutIsGivenBackWhole) {
    for (const bool is_v4 : {true, false}) {
        const IpAddress& from = is_v4 ? us4 : us6;
        const IpAddress& to = is_v4 ? peer4 : peer6;
        take_features({});
        const Frame whole = send_cut(from, to, kPayload, kSegment).whole;
        EXPECT_THAT(device.sent, SizeIs(3));
        device.sent.clear();
        take_features({.checksum_out = true, .uso = true});
        const Frame uncut = send_cut(from, to, kPayload, kSegment).whole;
        ASSERT_THAT(device.sent, SizeIs(1));
        EXPECT_EQ(take_sent(), uncut);
        EXPECT_EQ(is_v4 ? unnumbered(whole) : whole, is_v4 ? unnumbered(uncut) : uncut);
    }
}

// They would leave in the middle of the send, a burst at a time.
TEST_F(SentFramesTest, MoreThanABurstIsHeldUntilItWasLookedAt) {
    const GivenBack given = send_cut(us4, peer4, 128 * std::size_t{20}, 20);
    ASSERT_THAT(device.sent, SizeIs(128));  // without a flush of ours
    EXPECT_EQ(given.first, device.sent[0]);
    EXPECT_EQ(given.whole.size(), device.sent[0].size() + 127 * std::size_t{20});
}

TEST_F(SentFramesTest, WhereTheyLeaveAndWhatTheirHeaderSaysIsTold) {
    for (const bool is_v4 : {true, false}) {
        const IpAddress& from = is_v4 ? us4 : us6;
        const IpAddress& to = is_v4 ? peer4 : peer6;
        const ip::SourcedPath path = network.find_path(to, from, 0).value();
        const ip::SentFrames frames{network, path, 1, now};
        ErrorMessage message;
        frames.describe(message);
        EXPECT_EQ(message.interface, 0u);
        ASSERT_TRUE(network.send(datagram(from, to, text("hi")),
                                 {.source = from,
                                  .destination = to,
                                  .protocol = ip::kProtocolUdp,
                                  .ttl = 9,
                                  .tos = 0xb8},
                                 path, now));
        frames.describe(message);
        EXPECT_EQ(message.interface, eth);
        EXPECT_EQ(message.to.address, to);
        EXPECT_EQ(message.ttl, 9);
        EXPECT_EQ(message.tos, 0xb8);
    }
    network.flush(now);
}

TEST_F(SentFramesTest, MoreThanTheQueueTakesIsNotLookedAt) {
    const ip::SourcedPath path = network.find_path(peer4, us4, 0).value();
    const ip::SentFrames frames{network, path, link::Interface::kQueueFrames + 1, now};
    ASSERT_TRUE(network.send(datagram(us4, peer4, text("hi")),
                             {.source = us4, .destination = peer4, .protocol = ip::kProtocolUdp},
                             path, now));
    EXPECT_THAT(frames.first(), IsEmpty());
    network.flush(now);
}

}  // namespace
}  // namespace fairlead::testing
