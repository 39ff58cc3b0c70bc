#include "sim/link.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "unit/device/large_packet.hpp"

using namespace fairlead;
using sim::Faults;

namespace {

Instant at(Duration d) { return Instant{} + d; }

class SimLink : public testing::Test {
protected:
    void send(Device& end, PacketPtr packet, Instant now) {
        std::array<PacketPtr, 1> burst{std::move(packet)};
        EXPECT_EQ(end.send(0, now, burst), 1u);
        EXPECT_EQ(burst[0], nullptr);
    }
    std::vector<PacketPtr> receive(Device& end, Instant now) {
        std::vector<PacketPtr> out(64);
        out.resize(end.receive(0, now, pool, out));
        return out;
    }
    PacketPtr frame(std::size_t bytes = 100) {
        return pool.copy(std::vector<std::byte>(bytes, std::byte{0x5a}));
    }
    sim::Link link_with(const sim::LinkOptions& options) { return {options, 7, 1, pool, recorder}; }

    PacketPool pool;
    sim::Recorder recorder;
};

TEST_F(SimLink, EachEndIsAStationOfItsOwn) {
    sim::Link link = link_with({.mtu = 9000});
    EXPECT_EQ(link.left().info().mac, (MacAddress{0x02, 0, 0, 0, 7, 1}));
    EXPECT_EQ(link.right().info().mac, (MacAddress{0x02, 0, 0, 0, 7, 2}));
    EXPECT_EQ(link.right().info().mtu, 9000u);
    EXPECT_EQ(link.left().info().name, "link7");
}

TEST_F(SimLink, AFrameArrivesAtTheOtherEndAfterTheDelay) {
    sim::Link link = link_with({.there = {.delay = 3_ms}, .back = {.delay = 8_ms}});
    send(link.left(), frame(), at(1_ms));
    EXPECT_EQ(link.right().next_deadline(), at(4_ms));
    EXPECT_EQ(link.left().next_deadline(), Instant::never());
    EXPECT_TRUE(receive(link.right(), at(3_ms)).empty());
    const auto got = receive(link.right(), at(5_ms));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0]->meta.arrived, at(4_ms));
    send(link.right(), frame(), at(5_ms));
    EXPECT_EQ(link.left().next_deadline(), at(13_ms));
}

TEST_F(SimLink, ALargeSegmentIsCutAndSummedBeforeAnythingHappensToIt) {
    sim::Link link = link_with({.there = {.loss = Faults::kAlways / 2}});
    send(link.left(), testing_network::large_packet(pool, 64'000), at(0_ms));
    EXPECT_EQ(recorder.entered(), 44u);  // 64,000 / 1460
    EXPECT_EQ(link.there().entered, 44u);
    const auto got = receive(link.right(), at(1_s));
    EXPECT_EQ(got.size() + link.there().lost, 44u);
    EXPECT_GT(got.size(), 5u);
    for (const PacketPtr& p : got) {
        EXPECT_LE(p->size(), 1514u);
        EXPECT_EQ(p->meta.checksum, ChecksumState::None);
        EXPECT_EQ(p->meta.gso, GsoType::None);
    }
}

TEST_F(SimLink, AFrameOverTheMtuIsDroppedAndCounted) {
    sim::Link link = link_with({.mtu = 1000});
    send(link.left(), frame(1014), at(0_ms));
    send(link.left(), frame(1015), at(0_ms));
    EXPECT_EQ(link.oversized(), 1u);
    EXPECT_EQ(link.there().entered, 1u);
}

TEST_F(SimLink, WhatIsOnItsWayWhenTheLinkGoesDownIsLost) {
    sim::Link link = link_with({});
    send(link.left(), frame(), at(0_ms));
    link.set_up(false);
    EXPECT_FALSE(link.left().info().is_up);
    std::array<PacketPtr, 1> burst{frame()};
    EXPECT_EQ(link.left().send(0, at(0_ms), burst), 0u);
    burst[0].reset();
    link.set_up(true);
    EXPECT_TRUE(receive(link.right(), at(1_s)).empty());
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST_F(SimLink, TheRecorderHasEveryFrameWhenItEntersAndWhenItLeaves) {
    recorder.keep(3);
    sim::Link link = link_with({.there = {.duplication = Faults::kAlways, .delay = 2_ms}});
    send(link.left(), frame(60), at(0_ms));
    receive(link.right(), at(5_ms));
    send(link.right(), frame(61), at(6_ms));
    EXPECT_EQ(recorder.entered(), 2u);
    EXPECT_EQ(recorder.left(), 2u);
    const auto list = recorder.list();
    ASSERT_EQ(list.size(), 3u);  // as many as were asked for
    EXPECT_EQ(list[0].at, at(0_ms));
    EXPECT_FALSE(list[0].has_left);
    EXPECT_TRUE(list[0].is_from_left);
    EXPECT_EQ(list[0].frame, std::vector<std::byte>(60, std::byte{0x5a}));
    EXPECT_EQ(list[1].at, at(2_ms));
    EXPECT_TRUE(list[1].has_left);
    EXPECT_EQ(list[2].link, 7u);
}

TEST_F(SimLink, OneBitOrOneNanosecondChangesTheHash) {
    const auto hash_of = [&](std::byte last, Instant when) {
        sim::Recorder own;
        std::vector<std::byte> bytes(60);
        bytes.back() = last;
        own.add(1, true, false, when, *pool.copy(bytes));
        return own.hash();
    };
    const std::uint64_t hash = hash_of(std::byte{0}, at(1_ms));
    EXPECT_EQ(hash_of(std::byte{0}, at(1_ms)), hash);
    EXPECT_NE(hash_of(std::byte{1}, at(1_ms)), hash);
    EXPECT_NE(hash_of(std::byte{0}, at(1_ms) + 1_ns), hash);
}

}  // namespace
