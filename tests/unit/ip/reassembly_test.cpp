#include "ip/reassembly.hpp"

#include <algorithm>

#include <gmock/gmock.h>

#include "base/prng.hpp"
#include "unit/ip/packets.hpp"

namespace fairlead::ip {
namespace {

using testing::address;
using testing::operator+;
using testing::Frame;
using testing::part;
using testing::pattern;

class ReassemblyTest : public ::testing::Test {
protected:
    // Bytes [from, from + n) of the datagram behind a header of four bytes, as a packet.
    PieceFate add(std::size_t from, std::size_t n, bool more, std::uint8_t tos = 0,
                  std::uint32_t id = 1) {
        const Frame frame = testing::text("head") + part(datagram, from, n) + testing::text("pad");
        const FragmentPiece piece{.key = {.source = address("192.0.2.1"),
                                          .destination = address("192.0.2.2"),
                                          .id = id,
                                          .protocol = 17},
                                  .header_bytes = 4,
                                  .payload_bytes = static_cast<std::uint32_t>(n),
                                  .offset = static_cast<std::uint32_t>(from),
                                  .more = more,
                                  .tos = tos};
        return room.add(pool.copy(frame), piece, now, whole);
    }
    Frame payload() const {
        Frame f(whole.payload->size());
        whole.payload->copy_to(0, f);
        return f;
    }

    Frame datagram = pattern(65535);
    Instant now = Instant::from_ns(7);
    Config config{};
    PacketPool pool{};
    WholeDatagram whole{};
    Reassembly room{config, pool, AddressHash{1, 2}};
};

TEST_F(ReassemblyTest, pieces_in_order_become_the_datagram) {
    EXPECT_EQ(add(0, 8, true), PieceFate::Kept);
    EXPECT_EQ(add(8, 16, true), PieceFate::Kept);
    EXPECT_EQ(add(24, 5, false), PieceFate::Whole);
    EXPECT_EQ(payload(), part(datagram, 0, 29));
    EXPECT_EQ(whole.first->size(), 4u + 8 + 3);  // as it came
    EXPECT_EQ(room.datagrams(), 0u);
    EXPECT_EQ(room.bytes(), 0u);
}

// Linux's ip_frag_too_far(): each piece of the host counts, and its own last one begins the count.
TEST_F(ReassemblyTest, what_too_many_later_pieces_of_its_host_passed_begins_anew) {
    config.ipfrag_max_dist = 10;
    EXPECT_EQ(add(0, 8, true), PieceFate::Kept);
    for (std::uint32_t id = 2; id < 11; ++id) EXPECT_EQ(add(0, 8, true, 0, id), PieceFate::Kept);
    EXPECT_EQ(add(8, 8, true), PieceFate::Kept);
    EXPECT_FALSE(room.has_begun_anew()) << "ten, itself included";
    for (std::uint32_t id = 2; id < 12; ++id) EXPECT_EQ(add(8, 8, true, 0, id), PieceFate::Kept);
    EXPECT_EQ(add(16, 8, false), PieceFate::Kept) << "the first two are gone";
    EXPECT_TRUE(room.has_begun_anew());
    EXPECT_EQ(add(0, 8, true), PieceFate::Kept);
    EXPECT_FALSE(room.has_begun_anew());
    EXPECT_EQ(add(8, 8, true), PieceFate::Whole);
    EXPECT_EQ(payload(), part(datagram, 0, 24));
}

TEST_F(ReassemblyTest, nothing_is_too_late_where_the_limit_is_zero) {
    config.ipfrag_max_dist = 0;
    EXPECT_EQ(add(0, 8, true), PieceFate::Kept);
    for (std::uint32_t id = 2; id < 300; ++id) EXPECT_EQ(add(0, 8, true, 0, id), PieceFate::Kept);
    EXPECT_EQ(add(8, 8, false), PieceFate::Whole);
}

TEST_F(ReassemblyTest, any_order_will_do) {
    constexpr std::uint64_t kSeed = 99;
    Prng prng{kSeed};
    for (int round = 0; round < 200; ++round) {
        const std::size_t size = 1 + prng.next() % 65535;
        const std::size_t step = 8 * (1 + prng.next() % 200);
        std::vector<std::size_t> from;
        for (std::size_t at = 0; at < size; at += step) from.push_back(at);
        for (std::size_t i = from.size(); i > 1; --i) {
            std::swap(from[i - 1], from[prng.next() % i]);
        }
        config.ipfrag_high_thresh = 1 << 30;
        for (std::size_t i = 0; i < from.size(); ++i) {
            const std::size_t n = std::min(step, size - from[i]);
            const PieceFate fate = add(from[i], n, from[i] + n < size);
            ASSERT_EQ(fate, i + 1 < from.size() ? PieceFate::Kept : PieceFate::Whole)
                << "seed " << kSeed << " round " << round;
        }
        ASSERT_EQ(payload(), part(datagram, 0, size)) << "seed " << kSeed << " round " << round;
    }
}

TEST_F(ReassemblyTest, a_duplicate_is_dropped_and_no_more) {
    EXPECT_EQ(add(0, 16, true), PieceFate::Kept);
    EXPECT_EQ(add(0, 16, true), PieceFate::Duplicate);
    EXPECT_EQ(add(8, 8, true), PieceFate::Duplicate);
    EXPECT_EQ(add(16, 8, false), PieceFate::Whole);
    EXPECT_EQ(payload(), part(datagram, 0, 24));
}

TEST_F(ReassemblyTest, an_overlap_ends_the_datagram) {
    for (const auto& [from, n] : {std::pair{8, 16}, std::pair{16, 16}, std::pair{0, 32}}) {
        EXPECT_EQ(add(0, 8, true), PieceFate::Kept);
        EXPECT_EQ(add(16, 8, true), PieceFate::Kept);
        EXPECT_EQ(add(static_cast<std::size_t>(from), static_cast<std::size_t>(n), true),
                  PieceFate::Overlap)
            << from;
        EXPECT_EQ(room.datagrams(), 0u);
        EXPECT_EQ(pool.usage().packets, 0u);
    }
}

TEST_F(ReassemblyTest, lies_about_the_end_are_malformed) {
    add(8, 8, false);
    EXPECT_EQ(add(16, 8, true), PieceFate::Malformed);  // behind the end
    add(8, 8, false);
    EXPECT_EQ(add(0, 8, false), PieceFate::Malformed);  // another end
    add(24, 8, true);
    EXPECT_EQ(add(8, 8, false), PieceFate::Malformed);  // an end before what was seen
    EXPECT_EQ(add(8, 0, true), PieceFate::Malformed);   // nothing
    EXPECT_EQ(add(8, 7, true), PieceFate::Malformed);   // nothing, in units of eight
    EXPECT_EQ(room.datagrams(), 0u);
}

TEST_F(ReassemblyTest, more_than_a_datagram_can_hold_is_malformed) {
    datagram = pattern(65535 + 16);
    EXPECT_EQ(add(65528, 7, false), PieceFate::Kept);
    EXPECT_EQ(add(65528, 8, false, 0, 2), PieceFate::Malformed);
}

TEST_F(ReassemblyTest, a_piece_that_is_not_last_counts_in_units_of_eight) {
    EXPECT_EQ(add(0, 13, true), PieceFate::Kept);
    EXPECT_EQ(add(8, 4, false), PieceFate::Whole);
    EXPECT_EQ(payload(), part(datagram, 0, 12));
}

TEST_F(ReassemblyTest, datagrams_are_told_apart_by_their_key) {
    EXPECT_EQ(add(0, 8, true, 0, 1), PieceFate::Kept);
    EXPECT_EQ(add(8, 8, false, 0, 2), PieceFate::Kept);
    EXPECT_EQ(room.datagrams(), 2u);
    EXPECT_EQ(add(8, 3, false, 0, 1), PieceFate::Whole);
    EXPECT_EQ(add(0, 8, true, 0, 2), PieceFate::Whole);
}

TEST_F(ReassemblyTest, memory_is_bounded_by_what_pieces_hold_and_not_by_what_they_say) {
    config.ipfrag_high_thresh = 100'000;
    std::uint32_t id = 0;
    while (add(8, 8, true, 0, ++id) == PieceFate::Kept) ASSERT_LT(id, 1000u);
    EXPECT_LT(room.bytes(), 110'000u);
    EXPECT_GT(pool.usage().buffer_bytes, 60'000u);
    EXPECT_LE(pool.usage().buffer_bytes, room.bytes());
    // A datagram that is whole gives its room back.
    now = now + 30_s;
    while (room.expire(now)) {
    }
    EXPECT_EQ(room.bytes(), 0u);
    EXPECT_EQ(add(8, 8, true), PieceFate::Kept);
}

TEST_F(ReassemblyTest, what_is_not_whole_in_time_comes_out_with_its_first_piece) {
    add(0, 8, true, 0, 1);
    now = now + 1_s;
    add(8, 8, true, 0, 2);
    EXPECT_EQ(room.next_deadline(), now + 29_s);
    EXPECT_FALSE(room.expire(now + 28_s));
    auto expired = room.expire(now + 29_s);
    ASSERT_TRUE(expired);
    EXPECT_EQ(expired->key.id, 1u);
    ASSERT_NE(expired->first, nullptr);
    EXPECT_EQ(expired->first->size(), 4u + 8 + 3);
    EXPECT_FALSE(room.expire(now + 29_s));
    EXPECT_EQ(room.next_deadline(), now + 30_s);
    expired = room.expire(now + 30_s);
    ASSERT_TRUE(expired);
    EXPECT_EQ(expired->first, nullptr);
    EXPECT_EQ(room.next_deadline(), Instant::never());
}

TEST_F(ReassemblyTest, congestion_on_a_piece_is_congestion_on_the_whole) {
    add(0, 8, true, 0x2a);
    EXPECT_EQ(add(8, 8, false, 0x2b), PieceFate::Whole);
    EXPECT_EQ(whole.tos, 0x2b);
    add(0, 8, true, 0x2a);
    EXPECT_EQ(add(8, 8, false, 0x28), PieceFate::NoRoom);  // capable and not: nobody sends that
}

TEST(EcnOfWholeTest, the_table_of_linux) {
    EXPECT_EQ(ecn_of_whole(0b0001, 0), 0);
    EXPECT_EQ(ecn_of_whole(0b0010, 1), 1);
    EXPECT_EQ(ecn_of_whole(0b0110, 2), 2);
    EXPECT_EQ(ecn_of_whole(0b1110, 2), 3);
    EXPECT_EQ(ecn_of_whole(0b1000, 3), 3);
    EXPECT_EQ(ecn_of_whole(0b1001, 0), std::nullopt);
    EXPECT_EQ(ecn_of_whole(0b0011, 0), std::nullopt);
}

TEST_F(ReassemblyTest, an_empty_pool_is_no_disaster) {
    PacketPool small{{.packets = 1}};
    Reassembly poor{config, small, AddressHash{1, 2}};
    const FragmentPiece piece{.key = {.id = 1}, .payload_bytes = 8, .more = true};
    EXPECT_EQ(poor.add(small.copy(part(datagram, 0, 8)), piece, now, whole), PieceFate::NoRoom);
    EXPECT_EQ(poor.datagrams(), 0u);
    EXPECT_EQ(small.usage().packets, 0u);
}

}  // namespace
}  // namespace fairlead::ip
