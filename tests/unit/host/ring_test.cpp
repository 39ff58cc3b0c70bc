#include "host/ring.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::host {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

TEST(Arena, LiesInMemoryAsBothSidesTakeItTo) {
    EXPECT_EQ(sizeof(Slot), 320u);
    EXPECT_EQ(offsetof(Slot, host), 64u);
    EXPECT_EQ(offsetof(Slot, both), 128u);
    EXPECT_EQ(offsetof(Slot, locks), 192u);
    EXPECT_EQ(offsetof(ArenaHeader, dirty), 64u);
    EXPECT_EQ(kSlotsAt, 4096u);
    EXPECT_EQ(kRingsAt, 4096u + 16384 * 320);
    EXPECT_EQ(ArenaView::rings_offset(1) - ArenaView::rings_offset(0), 1048576u);
}

TEST(Arena, ADirtySlotIsABitAndABitAboveIt) {
    std::vector<std::byte> memory(sizeof(ArenaHeader) + kLine);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    const ArenaView view{memory.data() + (kLine - address % kLine) % kLine};
    view.mark_dirty(0);
    view.mark_dirty(8191);
    view.mark_dirty(65);
    EXPECT_EQ(view.header().dirty[0].load(), 1u);
    EXPECT_EQ(view.header().dirty[1].load(), 2u);
    EXPECT_EQ(view.header().dirty[127].load(), std::uint64_t{1} << 63);
    EXPECT_EQ(view.header().dirty_sum[0].load(), 3u);
    EXPECT_EQ(view.header().dirty_sum[1].load(), std::uint64_t{1} << 63);
}

TEST(Ring, ARangeThatWrapsLiesInTwoPieces) {
    std::vector<std::byte> ring(kRingBytes);
    const auto whole = ring_pieces(ring.data(), 10, 5);
    EXPECT_EQ(whole[0].data(), ring.data() + 10);
    EXPECT_EQ(whole[0].size(), 5u);
    EXPECT_TRUE(whole[1].empty());
    const auto cut = ring_pieces(ring.data(), kRingBytes - 2, 5);
    EXPECT_EQ(cut[0].size(), 2u);
    EXPECT_EQ(cut[1].data(), ring.data());
    EXPECT_EQ(cut[1].size(), 3u);
    // The index itself has wrapped.
    EXPECT_EQ(ring_pieces(ring.data(), 0xffff'ffff, 3)[0].data(), ring.data() + kRingBytes - 1);
}

TEST(Ring, WhatIsPutAcrossTheEndIsFoundThere) {
    std::vector<std::byte> ring(kRingBytes);
    ring_put(ring.data(), 0xffff'fffd, bytes_of("across"));
    std::string got(6, '\0');
    ring_get(ring.data(), 0xffff'fffd, std::as_writable_bytes(std::span{got}));
    EXPECT_EQ(got, "across");
    EXPECT_EQ(ring[0], std::byte{'o'});
}

// Each byte of a ring that doubles as soon as it may is where its index says, whichever size its reader
// has seen; tried with an index that wraps.
TEST(Ring, DoublingMovesNoByteThatIsInIt) {
    std::vector<std::byte> memory(kMostRingBytes);
    for (const std::uint32_t first : {0u, 70'000u, kRingBytes, 0xfffa'0000u}) {
        for (const std::uint32_t behind : {kRingBytes, kRingBytes / 2, 1u}) {
            std::uint32_t tail = first;
            for (std::uint32_t doublings = 0; doublings < kMostDoublings; ++doublings) {
                const Ring small{memory.data(), doublings};
                const Ring large{memory.data(), doublings + 1};
                const std::uint32_t left = until_doubling(tail, small.bytes);
                ASSERT_LT(left, 2 * small.bytes);
                tail += left;
                // The oldest and the newest byte, and one between.
                for (const std::uint32_t back : {behind, behind / 2 + 1, 1u}) {
                    EXPECT_EQ(ring_pieces(small, tail - back, 1)[0].data(),
                              ring_pieces(large, tail - back, 1)[0].data());
                }
                // What comes next lies behind all of that.
                EXPECT_EQ(ring_pieces(large, tail, 1)[0].data(), memory.data() + small.bytes);
            }
        }
    }
    EXPECT_EQ((Ring{nullptr, 0xffff'ffff}.bytes), kMostRingBytes);
}

TEST(RingIndices, AWriterDoublesAsFarAsItWasGrantedAndNeverBack) {
    RingIndices ring{};
    EXPECT_FALSE(ring.accept_doublings(1, 0));
    EXPECT_TRUE(ring.accept_doublings(1, 1));
    EXPECT_EQ(ring.room(), 2 * kRingBytes);
    EXPECT_TRUE(ring.accept_tail(2 * kRingBytes));
    EXPECT_FALSE(ring.accept_doublings(0, 2));
    EXPECT_FALSE(ring.accept_doublings(0xffff'ffff, 2));
    EXPECT_EQ(ring.room(), 0u);
}

TEST(RingIndices, AWriterMayGoOnAndNeitherBackNorTooFar) {
    RingIndices ring{.head = 0xffff'fff0, .tail = 0xffff'fff0};
    EXPECT_TRUE(ring.accept_tail(0x10));
    EXPECT_EQ(ring.used(), 32u);
    EXPECT_FALSE(ring.accept_tail(0x0f));
    EXPECT_FALSE(ring.accept_tail(0xffff'ffef));
    EXPECT_FALSE(ring.accept_tail(0xffff'fff0 + kRingBytes + 1));
    EXPECT_EQ(ring.tail, 0x10u);
    EXPECT_TRUE(ring.accept_tail(0xffff'fff0 + kRingBytes));
    EXPECT_EQ(ring.room(), 0u);
}

TEST(RingIndices, AReaderMayTakeWhatIsThereAndNoMore) {
    RingIndices ring{.head = 5, .tail = 10};
    EXPECT_TRUE(ring.accept_head(7));
    EXPECT_FALSE(ring.accept_head(6));
    EXPECT_FALSE(ring.accept_head(11));
    EXPECT_FALSE(ring.accept_head(0x8000'0000));
    EXPECT_EQ(ring.head, 7u);
    EXPECT_TRUE(ring.accept_head(10));
}

TEST(Record, TakesWholeUnitsAndIsNoLargerThanWhatIsThere) {
    EXPECT_EQ(record_bytes({}), 16u);
    EXPECT_EQ(record_bytes({.payload = 1}), 32u);
    EXPECT_EQ(record_bytes({.payload = 16, .name = 16, .control = 0}), 48u);
    EXPECT_TRUE(is_possible({.payload = 16}, 32));
    EXPECT_FALSE(is_possible({.payload = 17}, 32));
    EXPECT_FALSE(is_possible({.payload = 0xffff'ffff}, kRingBytes));
    EXPECT_FALSE(is_possible({.payload = 65536}, kRingBytes));
    EXPECT_FALSE(is_possible({.name = 129}, kRingBytes));
    EXPECT_FALSE(is_possible({.control = 0xffff}, kRingBytes));
    // So that one fits, however much there is to it, when half of a ring is free.
    EXPECT_LT(kLargestRecord, kRingBytes);
}

}  // namespace
}  // namespace fairlead::host
