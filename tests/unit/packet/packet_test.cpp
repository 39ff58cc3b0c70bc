#include "fairlead/packet.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

std::vector<std::byte> numbered(std::size_t n) {
    std::vector<std::byte> v(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<std::byte>(i * 7);
    return v;
}

std::vector<std::byte> content(const Packet& p) {
    std::vector<std::byte> v(p.size());
    p.copy_to(0, v);
    return v;
}

TEST(Packet, HeadersGoBeforeAndComeOff) {
    PacketPool pool;
    const auto bytes = numbered(3000);
    PacketPtr p = pool.copy(bytes);
    p->mark_transport(0);
    const MutableBytes header = p->push_front(20);
    std::ranges::fill(header, std::byte{0xee});
    EXPECT_EQ(p->size(), 3020u);
    EXPECT_EQ(p->front().size(), 20u);
    EXPECT_EQ(p->transport_offset(), 20u);
    p->trim_front(20);
    EXPECT_EQ(content(*p), bytes);
    p->trim_front(2500);
    p->trim_back(100);
    EXPECT_EQ(content(*p), std::vector<std::byte>(bytes.begin() + 2500, bytes.end() - 100));
}

TEST(Packet, PullMakesTheFirstBytesContiguous) {
    PacketPool pool;
    const auto bytes = numbered(100);
    PacketPtr p = pool.packet();
    for (std::size_t at = 0; at < 100; at += 10) {
        PacketPtr piece = pool.copy(Bytes{bytes}.subspan(at, 10));
        ASSERT_TRUE(p->append_content(*piece));
    }
    EXPECT_EQ(p->front().size(), 10u);
    ASSERT_TRUE(p->pull(54));
    EXPECT_GE(p->front().size(), 54u);
    EXPECT_EQ(content(*p), bytes);
    EXPECT_FALSE(p->pull(101));
}

TEST(Packet, OwnedFrontIsWrittenWithoutASharer) {
    PacketPool pool;
    const auto bytes = numbered(3000);
    PacketPtr p = pool.copy(bytes);
    const PacketPtr sharer = pool.clone(*p);
    p->mark_transport(34);
    ASSERT_TRUE(p->own_front(54));
    EXPECT_EQ(p->transport_offset(), 34u);
    EXPECT_EQ(content(*p), bytes);
    EXPECT_EQ(p->head().size(), 54u);
    std::ranges::fill(p->head(), std::byte{0xee});
    EXPECT_EQ(content(*sharer), bytes);
    ASSERT_TRUE(p->own_front(60)) << "more than is there already";
    EXPECT_EQ(p->size(), 3000u);
    EXPECT_FALSE(sharer->own_front(161)) << "over the headroom";
    EXPECT_FALSE(pool.copy(numbered(10))->own_front(11)) << "longer than the packet";
}

TEST(Packet, TouchingSlicesJoin) {
    PacketPool pool;
    Slice whole = pool.large_buffer();
    PacketPtr p = pool.packet();
    for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(p->append(whole.part(i * 10, 10)));
    EXPECT_EQ(p->slice_count(), 1u);
    EXPECT_EQ(p->size(), 1000u);
}

TEST(PacketPool, SteadyTrafficAsksNothingOfTheHeap) {
    PacketPool pool;
    {
        PacketPtr p = pool.copy(numbered(1500));
    }
    const std::size_t before = pool.usage().slabs;
    for (int i = 0; i < 1000; ++i) {
        PacketPtr p = pool.copy(numbered(1500));
        PacketPtr q = pool.clone(*p);
        EXPECT_EQ(q->slices().front().buffer()->references(), 2u);
    }
    EXPECT_EQ(pool.usage().slabs, before);
    EXPECT_EQ(pool.usage().packets, 0u);
    EXPECT_EQ(pool.usage().buffer_bytes, 0u);
}

TEST(PacketPool, RefusesBeyondItsLimits) {
    PacketPool pool{{.packets = 2, .buffer_bytes = 4096}};
    PacketPtr a = pool.copy(numbered(10));
    PacketPtr b = pool.copy(numbered(10));
    EXPECT_TRUE(a && b);
    EXPECT_FALSE(pool.packet());
    b.reset();
    EXPECT_TRUE(pool.copy(numbered(10)));
    EXPECT_EQ(pool.usage().refused, 1u);
}

}  // namespace
