#include "link/queueing_device.hpp"

#include <array>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "unit/device/large_packet.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::MemoryLink;
using link::QueueingDevice;

namespace {

Instant at(Duration d) { return Instant{} + d; }

struct Worn {
    explicit Worn(const link::DisciplineOptions& options, std::uint64_t rate = 0)
        : queueing{link.left(), options, rate} {}

    std::size_t far_end() {
        std::array<PacketPtr, 64> burst;
        return link.right().receive(0, {}, pool, burst);
    }
    void send(int packets, Instant now) {
        for (int i = 0; i < packets; ++i) {
            PacketPtr p = large_packet(pool, 1436);  // 1490 bytes
            EXPECT_EQ(queueing.send(0, now, {&p, 1}), 1u);
        }
    }
    PacketPool pool;
    MemoryLink link{{.features = {.checksum_out = true}, .queue_frames = 4}};
    QueueingDevice queueing;
};

TEST(QueueingDevice, WhatTheDeviceHasNoRoomForWaitsAndWhatDoesNotFitIsDropped) {
    Worn w{{.limit = 5}};
    w.send(12, {});
    // Four are with the device, one is chosen, five wait.
    EXPECT_EQ(w.queueing.counts().packets, 5u);
    EXPECT_EQ(w.queueing.counts().dropped_full, 2u);
    EXPECT_EQ(w.far_end(), 4u);
    const Instant then = w.queueing.next_deadline();
    EXPECT_GT(then, Instant{});
    EXPECT_LT(then, at(1_ms));
    std::array<PacketPtr, 1> none;
    EXPECT_EQ(w.queueing.receive(0, then, w.pool, none), 0u);
    EXPECT_EQ(w.far_end(), 4u);
    EXPECT_EQ(w.queueing.receive(0, w.queueing.next_deadline(), w.pool, none), 0u);
    EXPECT_EQ(w.far_end(), 2u);
    EXPECT_EQ(w.queueing.next_deadline(), Instant::never());
}

TEST(QueueingDevice, ARateSpacesThePackets) {
    Worn w{{}, 11'920'000};  // one a millisecond
    w.send(3, at(1_s));
    EXPECT_EQ(w.far_end(), 1u);
    EXPECT_EQ(w.queueing.next_deadline(), at(1001_ms));
    std::array<PacketPtr, 1> none;
    EXPECT_EQ(w.queueing.receive(0, at(1001_ms), w.pool, none), 0u);
    EXPECT_EQ(w.far_end(), 1u);
    EXPECT_EQ(w.queueing.next_deadline(), at(1002_ms));
}

TEST(QueueingDevice, SaysWhenTheNextDeparts) {
    Worn w{link::discipline_named("fq")};
    for (const Duration departs : {2_ms, 3_ms}) {
        PacketPtr p = large_packet(w.pool, 1436);
        p->meta.departs = at(1_s + departs);
        EXPECT_EQ(w.queueing.send(0, at(1_s), {&p, 1}), 1u);
    }
    EXPECT_EQ(w.far_end(), 0u);
    EXPECT_EQ(w.queueing.next_deadline(), at(1002_ms));
    std::array<PacketPtr, 1> none;
    EXPECT_EQ(w.queueing.receive(0, at(1002_ms), w.pool, none), 0u);
    EXPECT_EQ(w.far_end(), 1u);
    EXPECT_EQ(w.queueing.next_deadline(), at(1003_ms));
    EXPECT_EQ(w.queueing.receive(0, at(1003_ms), w.pool, none), 0u);
    EXPECT_EQ(w.far_end(), 1u);
    EXPECT_EQ(w.queueing.next_deadline(), Instant::never());
}

}  // namespace
