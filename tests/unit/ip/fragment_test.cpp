#include "ip/fragment.hpp"

#include <cstring>

#include <gtest/gtest.h>

#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::Frame;
using testing::part;
using testing::pattern;

Frame content(const Packet& packet) {
    Frame f(packet.size());
    packet.copy_to(0, f);
    return f;
}

// Head, two slices and a large one.
TEST(FragmentTest, every_part_of_a_packet_is_that_part) {
    PacketPool pool;
    const Frame whole = pattern(50'000);
    PacketPtr packet = pool.copy(part(whole, 100, 1000));
    PacketPtr tail = pool.copy(part(whole, 1100));
    for (const Slice& s : tail->slices()) ASSERT_TRUE(packet->append(s));
    std::memcpy(packet->push_front(100).data(), whole.data(), 100);
    ASSERT_EQ(content(*packet), whole);
    for (const std::size_t from : {0u, 50u, 99u, 100u, 1050u, 1099u, 1100u, 20'000u, 49'999u}) {
        for (const std::size_t n : {1u, 40u, 60u, 1480u, 40'000u}) {
            if (from + n > whole.size()) continue;
            const PacketPtr p = part_of(*packet, from, n, pool);
            ASSERT_NE(p, nullptr);
            EXPECT_EQ(content(*p), part(whole, from, n)) << from << " " << n;
            EXPECT_GE(p->headroom(), 14u + 40 + 8);
        }
    }
    EXPECT_EQ(content(*copy_of(*packet, pool)), whole);
}

TEST(FragmentTest, payloads_are_a_multiple_of_eight) {
    EXPECT_EQ(fragment_payload(1500, 20), 1480u);
    EXPECT_EQ(fragment_payload(1500, 48), 1448u);
    EXPECT_EQ(fragment_payload(68, 20), 48u);
}

TEST(FragmentTest, an_empty_pool_gives_nothing) {
    PacketPool pool{{.packets = 1}};
    const PacketPtr packet = pool.copy(pattern(10));
    EXPECT_EQ(part_of(*packet, 0, 5, pool), nullptr);
    EXPECT_EQ(copy_of(*packet, pool), nullptr);
}

}  // namespace
}  // namespace fairlead::ip
