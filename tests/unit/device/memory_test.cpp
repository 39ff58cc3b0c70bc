#include "device/memory.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;
using device::MemoryLink;

namespace {

constexpr Instant kNow = Instant::from_ns(5);

PacketPtr frame(PacketPool& pool, std::uint8_t tag, std::size_t bytes = 60) {
    return pool.copy(std::vector<std::byte>(bytes, std::byte{tag}));
}

std::uint8_t tag_of(const Packet& p) { return std::to_integer<std::uint8_t>(p.front()[0]); }

TEST(MemoryLink, WhatOneEndSendsTheOtherReceivesInOrder) {
    PacketPool pool;
    MemoryLink wire;
    std::array<PacketPtr, 3> burst{frame(pool, 1), frame(pool, 2), frame(pool, 3)};
    const Packet* first = burst[0].get();
    EXPECT_EQ(wire.left().send(0, kNow, burst), 3u);
    for (const PacketPtr& p : burst) EXPECT_EQ(p, nullptr);
    EXPECT_EQ(wire.waiting(), 3u);

    std::array<PacketPtr, 8> out;
    EXPECT_EQ(wire.left().receive(0, kNow, pool, out), 0u);
    ASSERT_EQ(wire.right().receive(0, kNow, pool, out), 3u);
    EXPECT_EQ(out[0].get(), first);
    for (std::uint8_t i = 0; i < 3; ++i) EXPECT_EQ(tag_of(*out[i]), i + 1);
    EXPECT_EQ(out[0]->meta.arrived, kNow);
}

TEST(MemoryLink, AFullQueueRefusesAndLosesNothing) {
    PacketPool pool;
    MemoryLink wire{{.queue_frames = 2}};
    std::array<PacketPtr, 3> burst{frame(pool, 1), frame(pool, 2), frame(pool, 3)};
    EXPECT_EQ(wire.right().send(0, kNow, burst), 2u);
    ASSERT_NE(burst[2], nullptr);
    std::array<PacketPtr, 1> out;
    ASSERT_EQ(wire.left().receive(0, kNow, pool, out), 1u);
    EXPECT_EQ(wire.right().send(0, kNow, std::span{burst}.subspan(2)), 1u);
    wire.clear();
    EXPECT_EQ(wire.waiting(), 0u);
}

TEST(MemoryLink, ADownLinkTakesNothingAndLetsGoOfWhatWaits) {
    PacketPool pool;
    MemoryLink wire;
    std::array<PacketPtr, 1> burst{frame(pool, 1)};
    EXPECT_EQ(wire.left().send(0, kNow, burst), 1u);
    wire.set_up(false);
    EXPECT_FALSE(wire.right().info().is_up);
    EXPECT_EQ(pool.usage().packets, 0u);
    burst[0] = frame(pool, 2);
    EXPECT_EQ(wire.left().send(0, kNow, burst), 0u);
    wire.set_up(true);
    EXPECT_EQ(wire.left().send(0, kNow, burst), 1u);
    wire.clear();
}

TEST(MemoryLink, LargeSegmentsAndPartialChecksumsPassWholeWherePromised) {
    PacketPool pool;
    MemoryLink wire{{.features = {.checksum_out = true, .tso4 = true}}};
    std::array<PacketPtr, 1> burst{frame(pool, 1, 40000)};
    burst[0]->meta.gso = GsoType::Tcp4;
    burst[0]->meta.gso_size = 1448;
    burst[0]->meta.checksum = ChecksumState::Partial;
    burst[0]->meta.checksum_offset = 16;
    burst[0]->meta.cookie = 9;
    burst[0]->mark_transport(34);
    EXPECT_EQ(wire.left().send(0, kNow, burst), 1u);
    std::array<PacketPtr, 2> out;
    ASSERT_EQ(wire.right().receive(0, kNow, pool, out), 1u);
    EXPECT_EQ(out[0]->size(), 40000u);
    EXPECT_EQ(out[0]->meta.gso, GsoType::Tcp4);
    EXPECT_EQ(out[0]->meta.checksum, ChecksumState::Partial);
    EXPECT_EQ(out[0]->transport_offset(), 34u);
    EXPECT_EQ(out[0]->meta.cookie, 0u);
}

TEST(MemoryLink, ALargeSegmentThatWasNotPromisedIsABug) {
    PacketPool pool;
    MemoryLink wire;
    std::array<PacketPtr, 1> burst{frame(pool, 1, 4000)};
    burst[0]->meta.gso = GsoType::Tcp4;
    EXPECT_DEATH(wire.left().send(0, kNow, burst), "broken invariant");
}

TEST(MemoryLink, ACopyLiesInTheReceiversPool) {
    PacketPool ours;
    PacketPool theirs;
    MemoryLink wire{{.copy = true}};
    std::vector<std::byte> content(50000);
    for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i * 7);
    std::array<PacketPtr, 1> burst{ours.copy(content)};
    burst[0]->meta.flow_hash = 77;
    EXPECT_EQ(wire.left().send(0, kNow, burst), 1u);
    std::array<PacketPtr, 2> out;
    ASSERT_EQ(wire.right().receive(0, kNow, theirs, out), 1u);
    EXPECT_EQ(ours.usage().packets, 0u);
    EXPECT_EQ(ours.usage().buffer_bytes, 0u);
    EXPECT_EQ(theirs.usage().packets, 1u);
    std::vector<std::byte> received(out[0]->size());
    out[0]->copy_to(0, received);
    EXPECT_EQ(received, content);
    EXPECT_EQ(out[0]->meta.flow_hash, 77u);
}

TEST(MemoryLink, ACopyThatTheReceiverHasNoRoomForIsLostAndCounted) {
    PacketPool ours;
    PacketPool theirs{{.packets = 1}};
    MemoryLink wire{{.copy = true}};
    std::array<PacketPtr, 2> burst{frame(ours, 1), frame(ours, 2)};
    EXPECT_EQ(wire.left().send(0, kNow, burst), 2u);
    std::array<PacketPtr, 4> out;
    EXPECT_EQ(wire.right().receive(0, kNow, theirs, out), 1u);
    EXPECT_EQ(wire.lost(), 1u);
    EXPECT_EQ(wire.waiting(), 0u);
}

TEST(MemoryLink, TheEndsHaveNamesAndAddressesOfTheirOwn) {
    MemoryLink wire{{.link = LinkKind::Ip, .mtu = 9000}};
    EXPECT_NE(wire.left().info().name, wire.right().info().name);
    EXPECT_NE(wire.left().info().mac, wire.right().info().mac);
    EXPECT_EQ(wire.left().info().link, LinkKind::Ip);
    EXPECT_EQ(wire.right().info().mtu, 9000u);
    wire.set_mtu(1280);
    EXPECT_EQ(wire.left().info().mtu, 1280u);
}

}  // namespace
