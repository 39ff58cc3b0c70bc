#include "link/loopback.hpp"

#include <gtest/gtest.h>

#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::Loopback;

namespace {

constexpr Instant at(Duration d) { return Instant{} + d; }

class Lo : public ::testing::Test {
protected:
    bool send(PacketPtr p, Instant now = {}) { return lo.send(0, now, {&p, 1}) == 1; }

    PacketPool pool;
    Loopback lo;
    std::array<PacketPtr, 4> out{};
};

TEST_F(Lo, DescribesItself) {
    EXPECT_EQ(lo.info().name, "lo");
    EXPECT_EQ(lo.info().link, LinkKind::Ip);
    EXPECT_EQ(lo.info().mtu, 65535u);
    EXPECT_TRUE(lo.info().features.checksum_out && lo.info().features.tso4 &&
                lo.info().features.tso6 && lo.info().features.uso);
}

TEST_F(Lo, WhatIsSentIsReceivedWholeAndInOrder) {
    EXPECT_EQ(lo.receive(0, {}, pool, out), 0u);
    EXPECT_EQ(lo.next_deadline(), Instant::never());
    for (std::size_t size = 1; size <= 6; ++size) {
        PacketPtr p = pool.copy(numbered(size));
        p->meta.checksum = ChecksumState::Partial;
        p->meta.gso_segments = 5;
        p->meta.cookie = 9;
        EXPECT_TRUE(send(std::move(p), at(1_s)));
    }
    EXPECT_EQ(lo.next_deadline(), at(1_s)) << "there is something to receive";
    ASSERT_EQ(lo.receive(0, at(2_s), pool, out), 4u);
    EXPECT_EQ(out[3]->size(), 4u);
    EXPECT_EQ(out[0]->meta.checksum, ChecksumState::Verified);
    EXPECT_EQ(out[0]->meta.gso_segments, 5);
    EXPECT_EQ(out[0]->meta.arrived, at(2_s));
    EXPECT_EQ(out[0]->meta.cookie, 0u);
    EXPECT_EQ(lo.receive(0, at(2_s), pool, out), 2u);
    EXPECT_EQ(lo.waiting(), 0u);
    EXPECT_EQ(lo.next_deadline(), Instant::never());
}

TEST_F(Lo, IsBoundedInPackets) {
    for (std::size_t i = 0; i < Loopback::kQueuePackets; ++i) {
        ASSERT_TRUE(send(pool.copy(numbered(1))));
    }
    PacketPtr more[2] = {pool.copy(numbered(1)), pool.copy(numbered(1))};
    EXPECT_EQ(lo.send(0, {}, more), 0u);
    EXPECT_NE(more[0], nullptr);
    for (PacketPtr& p : out) p.reset();
    lo.receive(0, {}, pool, std::span{out}.first(1));
    EXPECT_EQ(lo.send(0, {}, more), 1u);
    EXPECT_EQ(more[0], nullptr);
    EXPECT_NE(more[1], nullptr);
}

TEST_F(Lo, IsBoundedInBytes) {
    const Octets bytes = numbered(65535);
    std::size_t taken = 0;
    while (send(pool.copy(bytes))) ++taken;
    EXPECT_EQ(taken, Loopback::kQueueBytes / 65535);
    lo.receive(0, {}, pool, std::span{out}.first(1));
    EXPECT_TRUE(send(pool.copy(bytes))) << "room is given back";
}

}  // namespace
