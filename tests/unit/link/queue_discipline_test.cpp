#include "link/queue_discipline.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace fairlead::link {
namespace {

constexpr SipKey kKey{1, 2};
Instant at(Duration d) { return Instant{} + d; }

struct QueueRoom : testing::Test {
    // An IPv4 packet of UDP; flows differ in their source port.
    PacketPtr packet(std::uint16_t flow, std::size_t bytes = 1000, unsigned ecn = 0) {
        std::vector<std::byte> b(bytes);
        b[0] = std::byte{0x45};
        b[1] = static_cast<std::byte>(ecn);
        b[9] = std::byte{17};
        store_be<std::uint32_t>(b, 12, 0x0a000001);
        store_be<std::uint32_t>(b, 16, 0x0a000002);
        store_be<std::uint16_t>(b, 20, flow);
        store_be<std::uint16_t>(b, 22, 53);
        return pool.copy(b);
    }
    static std::uint16_t flow_of(const Packet& p) { return load_be<std::uint16_t>(p.front(), 20); }
    std::string order(QueueDiscipline& q, Instant now = {}) {
        std::string out;
        while (PacketPtr p = q.leave(now)) out += static_cast<char>('a' + flow_of(*p));
        return out;
    }
    PacketPool pool;
};

TEST_F(QueueRoom, PfifoKeepsTheOrderAndDropsWhatIsTooMuch) {
    QueueDiscipline q{{.limit = 3}, LinkKind::Ip, kKey};
    for (const int flow : {2, 0, 1, 0, 0}) q.enter(packet(static_cast<std::uint16_t>(flow)), {});
    EXPECT_EQ(q.counts().packets, 3u);
    EXPECT_EQ(q.counts().bytes, 3000u);
    EXPECT_EQ(q.counts().dropped_full, 2u);
    EXPECT_EQ(order(q), "cab");
    EXPECT_EQ(q.counts().sent, 3u);
    EXPECT_TRUE(q.is_empty());
    EXPECT_EQ(q.counts().bytes, 0u);
}

TEST_F(QueueRoom, FlowsTakeTurns) {
    QueueDiscipline q{
        {.kind = DisciplineKind::Fq, .limit = 100, .quantum = 1000}, LinkKind::Ip, kKey};
    for (int i = 0; i < 4; ++i) q.enter(packet(0), {});
    for (int i = 0; i < 4; ++i) q.enter(packet(1), {});
    EXPECT_EQ(order(q), "abababab");
}

TEST_F(QueueRoom, TurnsAreOfBytesAndNotOfPackets) {
    QueueDiscipline q{
        {.kind = DisciplineKind::Fq, .limit = 100, .quantum = 1000}, LinkKind::Ip, kKey};
    for (int i = 0; i < 2; ++i) q.enter(packet(0, 1000), {});
    for (int i = 0; i < 8; ++i) q.enter(packet(1, 250), {});
    EXPECT_EQ(order(q), "abbbbabbbb");
}

TEST_F(QueueRoom, ANewFlowGoesBeforeTheOldOnes) {
    QueueDiscipline q{
        {.kind = DisciplineKind::Fq, .limit = 100, .quantum = 1000}, LinkKind::Ip, kKey};
    for (int i = 0; i < 5; ++i) q.enter(packet(0), {});
    EXPECT_EQ(flow_of(*q.leave({})), 0);
    EXPECT_EQ(flow_of(*q.leave({})), 0) << "it is an old one now";
    q.enter(packet(1), {});
    EXPECT_EQ(order(q), "baaa");
    EXPECT_EQ(q.counts().new_flows, 2u);
}

TEST_F(QueueRoom, AFlowHasItsOwnLimit) {
    QueueDiscipline q{
        {.kind = DisciplineKind::Fq, .limit = 1000, .flow_limit = 10}, LinkKind::Ip, kKey};
    for (int i = 0; i < 50; ++i) q.enter(packet(0), {});
    q.enter(packet(1), {});
    EXPECT_EQ(q.counts().packets, 11u);
    EXPECT_EQ(q.counts().dropped_full, 40u);
}

// RFC 8290 §4.1.1
TEST_F(QueueRoom, WhenAllIsFullTheFattestFlowLoses) {
    QueueDiscipline q{{.kind = DisciplineKind::FqCodel, .limit = 100}, LinkKind::Ip, kKey};
    q.enter(packet(1), {});
    for (int i = 0; i < 150; ++i) q.enter(packet(0), {});
    EXPECT_LE(q.counts().packets, 100u);
    EXPECT_EQ(q.counts().dropped_full + q.counts().packets, 151u);
    std::map<std::uint16_t, int> left;
    while (PacketPtr p = q.leave({})) ++left[flow_of(*p)];
    EXPECT_EQ(left[1], 1);
}

// A queue that stays above 5 ms for 100 ms: marked where it may be, else dropped.
TEST_F(QueueRoom, CodelActsOnAFlowThatWaitsTooLongAndOnNoOther) {
    for (const bool is_markable : {false, true}) {
        QueueDiscipline q{{.kind = DisciplineKind::FqCodel, .limit = 10'000, .quantum = 1000},
                          LinkKind::Ip,
                          kKey};
        std::uint64_t marked = 0;
        for (int ms = 0; ms < 1000; ++ms) {
            const Instant now = at(Duration::from_ms(ms));
            // Two of the greedy flow for one that leaves; the other sends one now and then.
            q.enter(packet(0, 1000, is_markable ? 2 : 0), now);
            q.enter(packet(0, 1000, is_markable ? 2 : 0), now);
            if (ms % 20 == 0) q.enter(packet(1), now);
            const PacketPtr p = q.leave(now);
            ASSERT_NE(p, nullptr);
            marked += p->front()[1] == std::byte{3} ? 1 : 0;
        }
        EXPECT_EQ(q.counts().marked, marked);
        EXPECT_EQ(q.counts().dropped_full, 0u);
        if (is_markable) {
            EXPECT_GT(q.counts().marked, 10u);
            EXPECT_EQ(q.counts().dropped_late, 0u);
        } else {
            EXPECT_GT(q.counts().dropped_late, 10u);
            EXPECT_EQ(q.counts().marked, 0u);
        }
        std::map<std::uint16_t, int> left;
        while (PacketPtr p = q.leave(at(1000_ms))) ++left[flow_of(*p)];
        EXPECT_LE(left[1], 1) << "the sparse flow never waits";
    }
}

TEST_F(QueueRoom, WhatIsNoIpPacketHasAPlaceToo) {
    QueueDiscipline q{{.kind = DisciplineKind::FqCodel}, LinkKind::Ethernet, kKey};
    q.enter(pool.copy(std::vector<std::byte>(3)), {});
    q.enter(pool.copy(std::vector<std::byte>(60)), {});
    EXPECT_NE(q.leave({}), nullptr);
    EXPECT_NE(q.leave({}), nullptr);
    EXPECT_EQ(q.leave({}), nullptr);
}

// sch_fq: the first of a flow waits for its time, and nothing of the flow passes it.
TEST_F(QueueRoom, FqLetsNothingGoBeforeItDeparts) {
    QueueDiscipline q{discipline_named("fq"), LinkKind::Ip, kKey};
    const auto enter = [&](std::uint16_t flow, Duration departs) {
        PacketPtr p = packet(flow);
        p->meta.departs = Instant{} + departs;
        q.enter(std::move(p), at(1_ms));
    };
    enter(0, 5_ms);
    enter(0, 0_ms);  // at once, but it is behind
    enter(1, 3_ms);
    enter(2, 1_ms);
    EXPECT_TRUE(q.is_ready());
    EXPECT_EQ(order(q, at(1_ms)), "c");
    EXPECT_FALSE(q.is_ready());
    EXPECT_EQ(q.counts().throttled, 2u);
    EXPECT_EQ(q.next_departure(), at(3_ms));
    EXPECT_EQ(order(q, at(4_ms)), "b");
    EXPECT_EQ(q.next_departure(), at(5_ms));
    EXPECT_EQ(order(q, at(4999_us)), "");
    EXPECT_EQ(order(q, at(5_ms)), "aa");
    EXPECT_EQ(q.next_departure(), Instant::never());
    EXPECT_TRUE(q.is_empty());
}

TEST_F(QueueRoom, WhatComesToAFlowThatWaitsDoesNotWakeIt) {
    QueueDiscipline q{discipline_named("fq"), LinkKind::Ip, kKey};
    PacketPtr first = packet(0);
    first->meta.departs = at(5_ms);
    q.enter(std::move(first), {});
    EXPECT_EQ(q.leave({}), nullptr);
    q.enter(packet(0), {});
    EXPECT_FALSE(q.is_ready());
    EXPECT_EQ(q.next_departure(), at(5_ms));
    EXPECT_EQ(order(q, at(5_ms)), "aa");
}

TEST_F(QueueRoom, WhatDepartsInTheFarFutureIsDropped) {
    QueueDiscipline q{discipline_named("fq"), LinkKind::Ip, kKey};
    for (const Duration departs : {10_s, 10'001_ms}) {
        PacketPtr p = packet(0);
        p->meta.departs = at(departs);
        q.enter(std::move(p), {});
    }
    EXPECT_EQ(q.counts().beyond_horizon, 1u);
    EXPECT_EQ(q.counts().packets, 1u);
}

TEST_F(QueueRoom, OnlyFqLooksAtDepartures) {
    for (const char* name : {"pfifo", "fq_codel"}) {
        QueueDiscipline q{discipline_named(name), LinkKind::Ip, kKey};
        PacketPtr p = packet(0);
        p->meta.departs = at(5_s);
        q.enter(std::move(p), {});
        EXPECT_EQ(order(q), "a") << name;
        EXPECT_EQ(name_of(q.options().kind), name);
    }
}

TEST_F(QueueRoom, TheLimitsAreThoseOfLinux) {
    EXPECT_EQ(discipline_named("pfifo").limit, 1000u);
    EXPECT_EQ(discipline_named("fq").limit, 10'000u);
    EXPECT_EQ(discipline_named("fq").flow_limit, 100u);
    EXPECT_EQ(discipline_named("fq").quantum, 3028u);
    EXPECT_EQ(discipline_named("fq_codel").limit, 10'240u);
    EXPECT_EQ(discipline_named("fq_codel").quantum, 1514u);
}

}  // namespace
}  // namespace fairlead::link
