#include "link/interface.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::Interface;

namespace {

// Takes what it is told to, and remembers it.
class Scripted final : public Device {
public:
    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant, PacketPool& pool,
                        std::span<PacketPtr> out) override {
        std::size_t n = 0;
        while (n < out.size() && inbox[queue] > 0) {
            out[n] = pool.copy(numbered(queue + 1u));
            ++n;
            --inbox[queue];
        }
        return n;
    }
    std::size_t send(std::uint16_t queue, Instant, std::span<PacketPtr> burst) override {
        last_queue = queue;
        bursts.push_back(burst.size());
        const std::size_t n = std::min(burst.size(), room);
        for (PacketPtr& p : burst.first(n)) {
            states.push_back(p->meta.checksum);
            sent.push_back(content(*p));
            p.reset();
        }
        room -= n;
        return n;
    }

    DeviceInfo info_{.name = "scripted0", .mac = kOurMac};
    std::array<std::size_t, 4> inbox{};
    std::size_t room = SIZE_MAX;
    std::vector<std::size_t> bursts{};
    std::vector<Octets> sent{};
    std::vector<ChecksumState> states{};
    std::uint16_t last_queue = 0;
};

class InterfaceTest : public ::testing::Test {
protected:
    bool transmit(std::size_t bytes = 60) {
        return interface.transmit(pool.copy(numbered(bytes)), {});
    }
    // A frame of 20 + 20 bytes of headers and payload, large or with its checksum left open.
    PacketPtr large(std::size_t payload, std::uint16_t gso_size, bool is_v6 = false) {
        const TcpFrame f{.is_v6 = is_v6, .payload = numbered(payload)};
        PacketPtr p = pool.copy(frame_of(f));
        const std::size_t transport = is_v6 ? 54 : 34;
        EXPECT_TRUE(p->own_front(transport + 20));
        p->mark_network(14);
        p->mark_transport(transport);
        p->meta.checksum = ChecksumState::Partial;
        p->meta.checksum_offset = wire::TcpHeader::kChecksumAt;
        if (gso_size != 0) {
            p->meta.gso = is_v6 ? GsoType::Tcp6 : GsoType::Tcp4;
            p->meta.gso_size = gso_size;
            p->meta.gso_segments = static_cast<std::uint16_t>((payload + gso_size - 1) / gso_size);
        }
        const Bytes ip = p->head().subspan(14);
        auto sum = is_v6 ? wire::sum_of(ip.subspan(8, 32)) : wire::sum_of(ip.subspan(12, 8));
        sum.add_u16(6);
        sum.add_u16(static_cast<std::uint16_t>(20 + payload));
        store_be(p->head(), transport + 16, sum.fold());
        return p;
    }
    void make(const DeviceFeatures& features) {
        device.info_.features = features;
        interface.refresh();
    }

    Scripted device;
    PacketPool pool;
    Counters counters;
    Interface interface{device, pool, counters, {.index = 3}};
};

TEST_F(InterfaceTest, IsWhatItsDeviceSays) {
    EXPECT_EQ(interface.index(), 3u);
    EXPECT_EQ(interface.name(), "scripted0");
    EXPECT_EQ(interface.mac(), kOurMac);
    EXPECT_EQ(interface.mtu(), 1500u);
    EXPECT_FALSE(interface.refresh());
    device.info_.mtu = 9000;
    EXPECT_TRUE(interface.refresh());
    EXPECT_EQ(interface.mtu(), 9000u);
    Interface small{device, pool, counters, {.name = "eth0", .mtu = 1280}};
    EXPECT_EQ(small.mtu(), 1280u);
    EXPECT_EQ(small.name(), "eth0");
    device.info_.mtu = 576;
    small.refresh();
    EXPECT_EQ(small.mtu(), 576u);
}

TEST_F(InterfaceTest, FramesWaitForTheFlushOrAFullBurst) {
    for (int i = 0; i < 63; ++i) EXPECT_TRUE(transmit());
    EXPECT_TRUE(device.sent.empty());
    transmit();
    EXPECT_EQ(device.sent.size(), 64u);
    transmit();
    EXPECT_EQ(interface.queued(), 1u);
    EXPECT_TRUE(interface.flush({}));
    EXPECT_EQ(device.bursts, (std::vector<std::size_t>{64, 1}));
    EXPECT_EQ(interface.counts().sent_packets, 65u);
    EXPECT_EQ(interface.counts().sent_bytes, 65u * 60);
}

TEST_F(InterfaceTest, WhatABusyDeviceLeavesIsOfferedAgainInOrder) {
    device.room = 10;
    for (std::size_t i = 1; i <= 80; ++i) EXPECT_TRUE(transmit(i));
    EXPECT_EQ(device.bursts, (std::vector<std::size_t>{64})) << "not asked again before the flush";
    EXPECT_EQ(interface.queued(), 70u);
    EXPECT_EQ(interface.counts().sent_packets, 10u);
    EXPECT_FALSE(interface.flush({}));
    device.room = 1000;
    EXPECT_TRUE(interface.flush({}));
    ASSERT_EQ(device.sent.size(), 80u);
    for (std::size_t i = 0; i < 80; ++i) EXPECT_EQ(device.sent[i].size(), i + 1);
    EXPECT_EQ(interface.counts().sent_bytes, 80u * 81 / 2);
}

TEST_F(InterfaceTest, QueueIsBoundedAndDropsAreCounted) {
    device.room = 0;
    for (std::size_t i = 0; i < Interface::kQueueFrames; ++i) EXPECT_TRUE(transmit());
    EXPECT_FALSE(transmit(61));
    EXPECT_EQ(counters[Counter::DeviceSendBusy], 1u);
    EXPECT_EQ(interface.counts().send_drops, 1u);
    device.room = 100;
    EXPECT_FALSE(interface.flush({}));
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(transmit(62)) << "round the end of the ring";
    EXPECT_FALSE(transmit());
    device.room = SIZE_MAX;
    EXPECT_TRUE(interface.flush({}));
    ASSERT_EQ(device.sent.size(), Interface::kQueueFrames + 100);
    EXPECT_EQ(device.sent.back().size(), 62u);
    EXPECT_EQ(device.sent[Interface::kQueueFrames - 1].size(), 60u);
    for (const std::size_t n : device.bursts) EXPECT_LE(n, Interface::kBurst);
}

TEST_F(InterfaceTest, DownMeansNothingLeavesAndNothingStays) {
    transmit();
    device.info_.is_up = false;
    EXPECT_TRUE(interface.refresh());
    EXPECT_EQ(interface.queued(), 0u);
    EXPECT_FALSE(transmit());
    EXPECT_EQ(interface.counts().send_drops, 2u);
    EXPECT_TRUE(device.sent.empty());
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST_F(InterfaceTest, PlainDeviceGetsSegmentsWithWholeChecksums) {
    for (const bool is_v6 : {false, true}) {
        device.sent.clear();
        EXPECT_TRUE(interface.transmit(large(3500, 1000, is_v6), {}));
        interface.flush({});
        ASSERT_EQ(device.sent.size(), 4u);
        const Octets payload = numbered(3500);
        for (std::size_t i = 0; i < 4; ++i) {
            const auto begin = payload.begin() + static_cast<std::ptrdiff_t>(1000 * i);
            const TcpFrame f{.is_v6 = is_v6,
                             .sequence = static_cast<std::uint32_t>(1000 * i),
                             .payload = {begin, begin + (i == 3 ? 500 : 1000)},
                             .id = static_cast<std::uint16_t>(i)};
            EXPECT_EQ(device.sent[i], frame_of(f)) << i;
        }
    }
    EXPECT_EQ(interface.counts().sent_packets, 8u);
}

TEST_F(InterfaceTest, DeviceThatSumsGetsSegmentsWithoutChecksums) {
    make({.checksum_out = true});
    EXPECT_TRUE(interface.transmit(large(2000, 1000), {}));
    EXPECT_TRUE(interface.transmit(large(500, 0), {}));
    interface.flush({});
    EXPECT_EQ(device.states, std::vector<ChecksumState>(3, ChecksumState::Partial));
}

TEST_F(InterfaceTest, DeviceThatSplitsGetsTheWhole) {
    make({.checksum_out = true, .tso4 = true});
    interface.transmit(large(3000, 1000), {});
    interface.transmit(large(3000, 1000, true), {});
    interface.flush({});
    ASSERT_EQ(device.sent.size(), 4u) << "one of IPv4, three of IPv6";
    EXPECT_EQ(device.sent[0].size(), 54u + 3000);
    EXPECT_EQ(interface.counts().sent_packets, 6u) << "counted as on the wire";
    device.sent.clear();
    make({.tso4 = true});
    interface.transmit(large(3000, 1000), {});
    interface.flush({});
    EXPECT_EQ(device.sent.size(), 3u) << "splitting without summing is no use";
}

TEST_F(InterfaceTest, PartialChecksumIsCompletedForAPlainDevice) {
    interface.transmit(large(700, 0), {});
    interface.flush({});
    EXPECT_EQ(device.sent.at(0), frame_of({.payload = numbered(700)}));
}

TEST_F(InterfaceTest, SegmentsThatDoNotFitAreDroppedOneByOne) {
    device.room = 0;
    for (std::size_t i = 0; i + 2 < Interface::kQueueFrames; ++i) transmit();
    EXPECT_FALSE(interface.transmit(large(4000, 1000), {}));
    EXPECT_EQ(interface.counts().send_drops, 2u);
    EXPECT_EQ(interface.queued(), Interface::kQueueFrames);
}

TEST_F(InterfaceTest, MalformedLargePacketIsDropped) {
    PacketPtr p = large(3000, 1000);
    p->mark_transport(3000);
    EXPECT_FALSE(interface.transmit(std::move(p), {}));
    EXPECT_EQ(interface.counts().send_drops, 1u);
}

TEST_F(InterfaceTest, QueuesTakeTurns) {
    device.info_.queues = 3;
    interface.refresh();
    device.inbox = {5, 1, 100, 0};
    std::array<PacketPtr, 8> out;
    EXPECT_EQ(interface.receive({}, out), 8u);
    EXPECT_EQ(out[0]->size(), 1u);
    EXPECT_EQ(out[5]->size(), 2u);
    EXPECT_EQ(out[6]->size(), 3u);
    EXPECT_EQ(out[0]->meta.interface, 3u);
    device.inbox = {5, 1, 100, 0};
    EXPECT_EQ(interface.receive({}, out), 8u);
    EXPECT_EQ(out[0]->size(), 1u);
    // The third filled the burst; the next one begins with the one after it.
    EXPECT_EQ(interface.counts().received_packets, 16u);
    EXPECT_EQ(interface.counts().received_bytes, 2u * (5 + 2 + 6));
}

TEST_F(InterfaceTest, BusyQueueDoesNotStarveTheOthers) {
    device.info_.queues = 2;
    interface.refresh();
    std::array<PacketPtr, 4> out;
    std::size_t from_second = 0;
    for (int i = 0; i < 10; ++i) {
        device.inbox = {100, 100, 0, 0};
        const std::size_t n = interface.receive({}, out);
        for (const PacketPtr& p : std::span{out}.first(n)) from_second += p->size() == 2;
    }
    EXPECT_EQ(from_second, 20u);
}

TEST_F(InterfaceTest, QueuesOfOthersAreLeftAlone) {
    device.info_.queues = 4;
    Interface second{device, pool, counters, {.index = 4, .first_queue = 1, .queue_count = 2}};
    device.inbox = {1, 1, 1, 1};
    std::array<PacketPtr, 8> out;
    EXPECT_EQ(second.receive({}, out), 2u);
    EXPECT_EQ(device.inbox, (std::array<std::size_t, 4>{1, 0, 0, 1}));
    second.transmit(pool.copy(numbered(60)), {});
    second.flush({});
    EXPECT_EQ(device.last_queue, 1u);
}

// Of each flow, from the first frame that was refused until the last has left.
TEST_F(InterfaceTest, CountsWhatWaitsForABusyDevice) {
    const auto transmit_of = [&](std::uint32_t flow, std::size_t bytes) {
        PacketPtr frame = pool.copy(numbered(bytes));
        frame->meta.flow_hash = flow;
        EXPECT_TRUE(interface.transmit(std::move(frame), {}));
    };
    constexpr std::uint32_t kOne = 1;
    constexpr std::uint32_t kOther = 2;
    transmit_of(kOne, 100);
    EXPECT_EQ(interface.backlog(kOne), 0u) << "the device has not been asked";
    device.room = 0;
    EXPECT_FALSE(interface.flush({}));
    EXPECT_EQ(interface.backlog(kOne), 100u);
    transmit_of(kOne, 200);
    transmit_of(kOther, 70);
    EXPECT_EQ(interface.backlog(kOne), 300u);
    EXPECT_EQ(interface.backlog(kOther), 70u);
    device.room = 1;
    EXPECT_FALSE(interface.flush({}));
    EXPECT_EQ(interface.backlog(kOne), 200u);
    device.room = 5;
    EXPECT_TRUE(interface.flush({}));
    EXPECT_EQ(interface.backlog(kOne), 0u);
    transmit_of(kOne, 100);
    EXPECT_EQ(interface.backlog(kOne), 0u);
}

}  // namespace
