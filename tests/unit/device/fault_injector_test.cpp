#include "device/fault_injector.hpp"

#include <array>

#include <gtest/gtest.h>

#include "device/memory.hpp"
#include "unit/device/large_packet.hpp"

using namespace fairlead;
using namespace fairlead::testing_network;
using device::FaultInjector;
using device::Faults;
using device::MemoryLink;

namespace {

Instant at(Duration d) { return Instant{} + d; }

constexpr DeviceFeatures kAll{.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};

struct Path {
    explicit Path(const device::MemoryLinkOptions& options) : link{options} {}
    PacketPool pool;
    MemoryLink link;
    FaultInjector bad{link.left(), pool, 42};

    std::vector<PacketPtr> far_end(Instant now) { return take(link.right(), now); }
    std::vector<PacketPtr> near_end(Instant now) { return take(bad, now); }
    std::vector<PacketPtr> take(Device& d, Instant now) {
        std::vector<PacketPtr> all;
        std::array<PacketPtr, 16> burst;
        while (const std::size_t n = d.receive(0, now, pool, burst)) {
            for (std::size_t i = 0; i < n; ++i) all.push_back(std::move(burst[i]));
        }
        return all;
    }
    bool send(PacketPtr p, Instant now = {}) { return bad.send(0, now, {&p, 1}) == 1; }
};

TEST(FaultInjector, ASoundPathPassesLargeSegmentsWhole) {
    Path path{{.features = kAll}};
    ASSERT_TRUE(path.send(large_packet(path.pool, 20000)));
    const auto got = path.far_end({});
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0]->size(), 20054u);
    EXPECT_EQ(got[0]->meta.gso, GsoType::Tcp4);
}

TEST(FaultInjector, FaultsActOnWireSizedFramesBothWays) {
    Path path{{.features = kAll}};
    path.bad.set_outgoing({.loss = 1});
    path.bad.set_incoming({.loss = 1});
    ASSERT_TRUE(path.send(large_packet(path.pool, 14600)));
    const auto out = path.far_end({});
    ASSERT_EQ(out.size(), 10u);
    for (const PacketPtr& p : out) {
        EXPECT_EQ(p->size(), 1514u);
        EXPECT_EQ(p->meta.gso, GsoType::None);
        EXPECT_EQ(p->meta.checksum, ChecksumState::Partial);
    }
    EXPECT_EQ(path.bad.outgoing().entered, 10u);

    PacketPtr large = large_packet(path.pool, 14601);
    ASSERT_EQ(path.link.right().send(0, {}, {&large, 1}), 1u);
    EXPECT_EQ(path.near_end({}).size(), 11u);
    EXPECT_EQ(path.bad.incoming().entered, 11u);
}

TEST(FaultInjector, ADeviceWithoutOffloadsGetsWireSizedSummedFrames) {
    Path path{{}};
    EXPECT_TRUE(path.bad.info().features.tso4 && path.bad.info().features.checksum_out);
    ASSERT_TRUE(path.send(large_packet(path.pool, 3000)));
    ASSERT_TRUE(path.send(large_packet(path.pool, 100)));
    const auto out = path.far_end({});
    ASSERT_EQ(out.size(), 4u);
    for (const PacketPtr& p : out) {
        EXPECT_EQ(p->meta.checksum, ChecksumState::None);
        EXPECT_TRUE(is_summed_right(*p));
    }
}

TEST(FaultInjector, ACorruptedFrameHasAWrongChecksumAtTheOtherEnd) {
    Path path{{.features = kAll}};
    path.bad.set_outgoing({.corruption = Faults::kAlways});
    int wrong = 0;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(path.send(large_packet(path.pool, 1000)));
    for (const PacketPtr& p : path.far_end({})) {
        EXPECT_EQ(p->meta.checksum, ChecksumState::None);
        wrong += is_summed_right(*p) ? 0 : 1;
    }
    // All but those whose flipped bit lies in the 34 bytes of Ethernet and IP before it.
    EXPECT_GE(wrong, 40);
}

TEST(FaultInjector, DelayedFramesLeaveAtTheirTimeAndNotBefore) {
    Path path{{.features = kAll}};
    path.bad.set_outgoing({.delay = 20_ms});
    ASSERT_TRUE(path.send(large_packet(path.pool, 100), at(1_ms)));
    EXPECT_EQ(path.bad.next_deadline(), at(21_ms));
    path.bad.receive(0, at(20_ms), path.pool, {});
    EXPECT_TRUE(path.far_end({}).empty());
    path.bad.receive(0, at(21_ms), path.pool, {});
    EXPECT_EQ(path.far_end({}).size(), 1u);
    EXPECT_EQ(path.bad.next_deadline(), Instant::never());

    path.bad.set_incoming({.delay = 20_ms});
    PacketPtr p = large_packet(path.pool, 100);
    ASSERT_EQ(path.link.right().send(0, {}, {&p, 1}), 1u);
    EXPECT_TRUE(path.near_end(at(30_ms)).empty());
    EXPECT_EQ(path.bad.next_deadline(), at(50_ms));
    const auto got = path.near_end(at(60_ms));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0]->meta.arrived, at(50_ms));
}

TEST(FaultInjector, AFullDeviceBehindIsTriedAgainAndNothingIsLost) {
    Path path{{.features = kAll, .queue_frames = 4}};
    path.bad.set_outgoing({.loss = 1});
    ASSERT_TRUE(path.send(large_packet(path.pool, 14600), at(1_ms)));
    // Six frames wait inside, and nothing more is taken meanwhile.
    PacketPtr more = large_packet(path.pool, 100);
    EXPECT_EQ(path.bad.send(0, at(1_ms), {&more, 1}), 0u);
    EXPECT_NE(more, nullptr);
    EXPECT_GT(path.bad.next_deadline(), at(1_ms));
    EXPECT_LT(path.bad.next_deadline(), at(2_ms));
    std::size_t seen = 0;
    for (int i = 0; i < 3; ++i) {
        seen += path.far_end({}).size();
        path.bad.receive(0, at(2_ms), path.pool, {});
    }
    EXPECT_EQ(seen, 10u);
    EXPECT_EQ(path.bad.send(0, at(2_ms), {&more, 1}), 1u);
    path.link.clear();
}

TEST(FaultInjector, WhatWaitsInsideCanBeLetGo) {
    Path path{{.features = kAll}};
    path.bad.set_outgoing({.delay = 1_s});
    ASSERT_TRUE(path.send(large_packet(path.pool, 5000)));
    EXPECT_GT(path.pool.usage().packets, 0u);
    path.bad.clear();
    EXPECT_EQ(path.pool.usage().packets, 0u);
    EXPECT_EQ(path.bad.next_deadline(), Instant::never());
}

}  // namespace
