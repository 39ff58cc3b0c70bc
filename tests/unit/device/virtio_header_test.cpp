#include "device/virtio_header.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "device/receive_buffers.hpp"

using namespace fairlead;
using device::VirtioHeader;

namespace {

// An Ethernet frame of TCP over IPv4 with a 32-byte TCP header; what matters to the device.
PacketPtr tcp_frame(PacketPool& pool, std::size_t payload) {
    std::vector<std::byte> f(14 + 20 + 32 + payload);
    f[12] = std::byte{0x08};
    f[14] = std::byte{0x45};
    f[34 + 12] = std::byte{0x80};
    return pool.copy(f);
}

constexpr VirtioHeader kLarge{.flags = VirtioHeader::kNeedsChecksum,
                              .gso_type = VirtioHeader::kGsoTcp4,
                              .header_bytes = 66,
                              .gso_size = 1448,
                              .checksum_start = 34,
                              .checksum_offset = 16};

bool apply(VirtioHeader header, Packet& p) { return device::apply(header, LinkKind::Ethernet, p); }

TEST(VirtioHeader, ALargeSegmentIsDescribed) {
    PacketPool pool;
    PacketPtr p = tcp_frame(pool, 10 * 1448 + 1);
    ASSERT_TRUE(apply(kLarge, *p));
    EXPECT_EQ(p->meta.gso, GsoType::Tcp4);
    EXPECT_EQ(p->meta.gso_size, 1448);
    EXPECT_EQ(p->meta.gso_segments, 11);
    EXPECT_EQ(p->meta.checksum, ChecksumState::Partial);
    EXPECT_EQ(p->meta.checksum_offset, 16);
    EXPECT_EQ(p->network_offset(), 14u);
    EXPECT_EQ(p->transport_offset(), 34u);
}

TEST(VirtioHeader, WhatWeSendIsWhatWeWereTold) {
    PacketPool pool;
    PacketPtr p = tcp_frame(pool, 5000);
    ASSERT_TRUE(apply(kLarge, *p));
    const VirtioHeader back = device::virtio_header_of(*p);
    EXPECT_EQ(back.flags, kLarge.flags);
    EXPECT_EQ(back.gso_type, kLarge.gso_type);
    EXPECT_EQ(back.header_bytes, 66);
    EXPECT_EQ(back.gso_size, 1448);
    EXPECT_EQ(back.checksum_start, 34);
    EXPECT_EQ(back.checksum_offset, 16);
}

TEST(VirtioHeader, CwrIsToldToTheKernelWithALargeSegment) {
    PacketPool pool;
    std::vector<std::byte> f(14 + 20 + 20 + 4000);
    f[12] = std::byte{0x08};
    f[14] = std::byte{0x45};
    f[34 + 12] = std::byte{0x50};
    f[34 + 13] = std::byte{0x90};
    PacketPtr p = pool.copy(f);
    ASSERT_TRUE(apply(kLarge, *p));
    EXPECT_EQ(device::virtio_header_of(*p).gso_type,
              VirtioHeader::kGsoTcp4 | VirtioHeader::kGsoEcn);
}

TEST(VirtioHeader, AHeaderThatLiesIsRefused) {
    PacketPool pool;
    const auto refuses = [&](auto&& spoil, std::size_t payload = 5000) {
        PacketPtr p = tcp_frame(pool, payload);
        VirtioHeader header = kLarge;
        spoil(header);
        return !apply(header, *p);
    };
    EXPECT_FALSE(refuses([](VirtioHeader&) {}));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_start = 5064; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_start = 65535; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_offset = 65535; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_offset = 300; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.gso_size = 0; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.flags = 0; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.gso_type = 7; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.gso_type = 3; }));  // UFO: never asked for
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_start = 10; }));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_start = 2040; }, 2600));
    EXPECT_TRUE(refuses([](VirtioHeader& h) { h.checksum_start = 50; }));  // data offset 0
}

TEST(VirtioHeader, OneSegmentIsNoLargeOne) {
    PacketPool pool;
    PacketPtr p = tcp_frame(pool, 1448);
    ASSERT_TRUE(apply(kLarge, *p));
    EXPECT_EQ(p->meta.gso, GsoType::None);
    EXPECT_EQ(p->meta.gso_segments, 1);
}

TEST(VirtioHeader, AVerifiedChecksumIsPassedOn) {
    PacketPool pool;
    PacketPtr p = tcp_frame(pool, 10);
    ASSERT_TRUE(apply({.flags = VirtioHeader::kDataValid}, *p));
    EXPECT_EQ(p->meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(device::virtio_header_of(*p).flags, VirtioHeader::kDataValid);
    p = tcp_frame(pool, 10);
    ASSERT_TRUE(apply({}, *p));
    EXPECT_EQ(p->meta.checksum, ChecksumState::None);
}

TEST(VirtioHeader, RandomHeadersAreSurvivedAndWhatIsAcceptedHolds) {
    constexpr std::uint64_t kSeed = 5;
    SCOPED_TRACE(kSeed);
    Prng chance{kSeed};
    PacketPool pool;
    int accepted = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::vector<std::byte> frame(chance.between(1, 5000));
        for (std::size_t i = 0; i < frame.size() && i < 100; ++i) {
            frame[i] = static_cast<std::byte>(chance.next());
        }
        constexpr std::array<std::uint8_t, 6> kTypes{0, 1, 3, 4, 5, 0x81};
        const VirtioHeader header{.flags = static_cast<std::uint8_t>(chance.below(4)),
                                  .gso_type = kTypes[chance.below(kTypes.size())],
                                  .gso_size = static_cast<std::uint16_t>(chance.below(2000)),
                                  .checksum_start = static_cast<std::uint16_t>(chance.below(100)),
                                  .checksum_offset = static_cast<std::uint16_t>(chance.below(20))};
        PacketPtr p = pool.copy(frame);
        if (!apply(header, *p)) continue;
        ++accepted;
        if (p->meta.checksum == ChecksumState::Partial) {
            ASSERT_LE(p->transport_offset() + p->meta.checksum_offset + 2, p->size());
        }
        if (p->meta.gso != GsoType::None) {
            ASSERT_LT(p->network_offset(), p->transport_offset());
            ASSERT_GT(p->meta.gso_segments, 1);
        }
        device::virtio_header_of(*p);
    }
    EXPECT_GT(accepted, 1000);
}

TEST(ReceiveBuffers, AFrameTakesTheBuffersItFillsAndNoMore) {
    PacketPool pool;
    {
        device::ReceiveBuffers buffers;
        ASSERT_TRUE(buffers.fill(pool));
        const PacketPtr small = buffers.take(2048);
        ASSERT_NE(small, nullptr);
        EXPECT_EQ(small->size(), 2048u);
        EXPECT_EQ(small->slice_count(), 1u);
        ASSERT_TRUE(buffers.fill(pool));
        const PacketPtr large = buffers.take(65549);
        ASSERT_NE(large, nullptr);
        EXPECT_EQ(large->size(), 65549u);
        EXPECT_EQ(large->slice_count(), 3u);
        ASSERT_TRUE(buffers.fill(pool));
        EXPECT_EQ(buffers.take(2048 + 65536 + 1), nullptr);
    }
    EXPECT_EQ(pool.usage().packets, 0u);
    EXPECT_EQ(pool.usage().buffer_bytes, 0u);
}

}  // namespace
