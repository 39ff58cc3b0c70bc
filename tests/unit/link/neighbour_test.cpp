#include "link/neighbour.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/link/frames.hpp"

using namespace fairlead;
using namespace fairlead::test;
using link::NeighbourEvent;
using link::NeighbourKey;
using link::NeighbourNews;
using link::NeighbourState;
using link::NeighbourTable;
using link::NeighbourVerdict;

namespace {

constexpr Instant at(Duration d) { return Instant{} + d; }

NeighbourKey key(std::uint32_t host, InterfaceIndex interface = 2) {
    return {IpAddress::v4(0x0a00'0000 + host), interface};
}

class Neighbour : public ::testing::Test {
protected:
    PacketPtr packet(std::size_t bytes = 100) { return pool.copy(numbered(bytes)); }
    NeighbourVerdict send(const NeighbourKey& to, Instant now) {
        std::uint32_t hint = 0;
        PacketPtr p = packet();
        const auto verdict = table.output(hint, to, p, now).verdict;
        const bool is_callers =
            verdict == NeighbourVerdict::Ready || verdict == NeighbourVerdict::NoRoom;
        EXPECT_EQ(p != nullptr, is_callers);
        return verdict;
    }
    NeighbourState state(const NeighbourKey& k) { return table.find(k).value().state; }
    // An answer to a question: the entry must be there.
    PacketQueue answer(const NeighbourKey& k, Instant now, const MacAddress& mac = kPeerMac) {
        return table.learn(k, {.mac = mac, .is_confirmation = true, .may_override = true}, now);
    }
    PacketQueue hear(const NeighbourKey& k, Instant now, const MacAddress& mac = kPeerMac) {
        return table.learn(k, {.mac = mac, .may_create = true, .may_override = true}, now);
    }
    std::vector<NeighbourEvent> expire(Instant now) {
        std::vector<NeighbourEvent> all;
        while (auto event = table.expire(now)) all.push_back(std::move(*event));
        EXPECT_GT(table.next_deadline(), now);
        return all;
    }

    PacketPool pool;
    Config config;
    Counters counters;
    NeighbourTable table{config, counters, 7};
    const NeighbourKey peer = key(2);
};

TEST_F(Neighbour, UnknownIsAskedForAndThePacketWaits) {
    EXPECT_EQ(table.next_deadline(), Instant::never());
    EXPECT_EQ(send(peer, at(0_s)), NeighbourVerdict::Ask);
    EXPECT_EQ(send(peer, at(1_ms)), NeighbourVerdict::Waiting);
    EXPECT_EQ(state(peer), NeighbourState::Incomplete);
    EXPECT_EQ(table.find(peer)->waiting, 2u);
    EXPECT_EQ(table.next_deadline(), at(1_s));
}

TEST_F(Neighbour, AnswerReleasesWhatWaitedInOrder) {
    std::uint32_t hint = 0;
    PacketPtr first = packet(11);
    PacketPtr second = packet(12);
    table.output(hint, peer, first, at(0_s));
    table.output(hint, peer, second, at(0_s));
    PacketQueue ready = answer(peer, at(5_ms));
    ASSERT_EQ(ready.size(), 2u);
    EXPECT_EQ(ready.pop_front()->size(), 11u);
    EXPECT_EQ(ready.pop_front()->size(), 12u);
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    PacketPtr third = packet();
    const auto out = table.output(hint, peer, third, at(6_ms));
    EXPECT_EQ(out.verdict, NeighbourVerdict::Ready);
    EXPECT_EQ(out.mac, kPeerMac);
}

TEST_F(Neighbour, SilenceIsAskedThreeTimesASecondApartThenFails) {
    send(peer, at(0_s));
    send(peer, at(0_s));
    for (const Duration t : {1_s, 2_s}) {
        EXPECT_TRUE(expire(at(t) - 1_ns).empty());
        const auto due = expire(at(t));
        ASSERT_EQ(due.size(), 1u);
        EXPECT_EQ(due[0].kind, NeighbourEvent::Kind::Ask);
        EXPECT_EQ(due[0].key, peer);
        EXPECT_FALSE(due[0].station);
        EXPECT_NE(due[0].waiting, nullptr);
    }
    const auto due = expire(at(3_s));
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].kind, NeighbourEvent::Kind::Failed);
    EXPECT_EQ(due[0].packets.size(), 2u);
    EXPECT_EQ(state(peer), NeighbourState::Failed);
    EXPECT_EQ(counters[Counter::NeighbourFailed], 1u);
    EXPECT_EQ(table.next_deadline(), Instant::never());
    EXPECT_EQ(send(peer, at(4_s)), NeighbourVerdict::Ask) << "asked again at once";
}

TEST_F(Neighbour, QueueIsBoundedInPacketsAndTheOldestGoes) {
    config.neigh_unres_qlen = 3;
    std::uint32_t hint = 0;
    for (std::size_t size = 1; size <= 5; ++size) {
        PacketPtr p = packet(size);
        table.output(hint, peer, p, at(0_s));
    }
    EXPECT_EQ(counters[Counter::NeighbourQueueDrops], 2u);
    PacketQueue ready = answer(peer, at(1_ms));
    ASSERT_EQ(ready.size(), 3u);
    EXPECT_EQ(ready.pop_front()->size(), 3u);
}

TEST_F(Neighbour, QueueIsBoundedInBytes) {
    std::uint32_t hint = 0;
    for (int i = 0; i < 5; ++i) {
        PacketPtr p = packet(60000);
        table.output(hint, peer, p, at(0_s));
    }
    EXPECT_EQ(table.find(peer)->waiting, 3u) << "212992 bytes";
    EXPECT_EQ(counters[Counter::NeighbourQueueDrops], 2u);
}

TEST_F(Neighbour, QueueOfNoneDropsAtOnce) {
    config.neigh_unres_qlen = 0;
    EXPECT_EQ(send(peer, at(0_s)), NeighbourVerdict::Ask);
    EXPECT_EQ(table.find(peer)->waiting, 0u);
    EXPECT_EQ(counters[Counter::NeighbourQueueDrops], 1u);
}

// --- reachability ---

class Known : public Neighbour {
protected:
    void SetUp() override {
        send(peer, at(0_s));
        answer(peer, at(0_s));
    }
    // When the first reachable_time ends.
    Instant end_of_reach() const { return table.next_deadline(); }
};

TEST_F(Known, ReachableTimeIsHalfToOneAndAHalfOfTheBase) {
    Duration least = Duration::infinite();
    Duration most;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        NeighbourTable other{config, counters, seed};
        NeighbourTable same{config, counters, seed};
        for (NeighbourTable* t : {&other, &same}) {
            t->learn(peer, {.mac = kPeerMac, .is_confirmation = true, .may_create = true}, at(0_s));
        }
        const Duration time = other.next_deadline() - Instant{};
        EXPECT_EQ(same.next_deadline() - Instant{}, time) << "seed " << seed;
        least = std::min(least, time);
        most = std::max(most, time);
    }
    EXPECT_GE(least, 15_s);
    EXPECT_LT(least, 17_s);
    EXPECT_LT(most, 45_s);
    EXPECT_GT(most, 43_s);
}

TEST_F(Known, UnusedBecomesStaleAndNeedsNoTimer) {
    const Instant end = end_of_reach();
    EXPECT_TRUE(expire(end - 1_ns).empty());
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    EXPECT_TRUE(expire(end).empty());
    EXPECT_EQ(state(peer), NeighbourState::Stale);
    EXPECT_EQ(table.next_deadline(), Instant::never());
}

TEST_F(Known, UsedWithinFiveSecondsBecomesDelay) {
    const Instant end = end_of_reach();
    send(peer, end - 5_s);
    expire(end);
    EXPECT_EQ(state(peer), NeighbourState::Delay);
    EXPECT_EQ(table.next_deadline(), end + 5_s);
}

TEST_F(Known, ConfirmationKeepsItReachable) {
    const Instant end = end_of_reach();
    table.confirm(0, peer, end - 1_s);
    expire(end);
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    EXPECT_EQ(table.next_deadline() - (end - 1_s), end - at(0_s));
}

TEST_F(Known, StaleIsUsedAtOnceThenProbedAtItsStation) {
    const Instant end = end_of_reach();
    expire(end);
    EXPECT_EQ(send(peer, end + 10_s), NeighbourVerdict::Ready);
    EXPECT_EQ(state(peer), NeighbourState::Delay);
    for (int i = 0; i < 3; ++i) {
        const auto due = expire(end + 15_s + Duration::from_s(i));
        ASSERT_EQ(due.size(), 1u) << i;
        EXPECT_EQ(due[0].kind, NeighbourEvent::Kind::Ask);
        EXPECT_EQ(due[0].station, kPeerMac);
        EXPECT_EQ(state(peer), NeighbourState::Probe);
        EXPECT_EQ(send(peer, end + 15_s + Duration::from_s(i)), NeighbourVerdict::Ready);
    }
    const auto due = expire(end + 18_s);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].kind, NeighbourEvent::Kind::Failed);
    EXPECT_TRUE(due[0].packets.empty());
    EXPECT_EQ(state(peer), NeighbourState::Failed);
}

// RFC 9293 MUST-20: the advice of a transport that sends in vain.
TEST_F(Known, DoubtHasItAskedAfterTheNextPacket) {
    table.doubt(0, peer, at(1_s));
    EXPECT_EQ(state(peer), NeighbourState::Stale);
    EXPECT_EQ(table.next_deadline(), Instant::never());
    send(peer, at(2_s));
    EXPECT_EQ(state(peer), NeighbourState::Delay);
    const auto due = expire(at(7_s));
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due[0].kind, NeighbourEvent::Kind::Ask);
    table.doubt(0, peer, at(7_s));
    EXPECT_EQ(state(peer), NeighbourState::Probe) << "it is asked already";
}

TEST_F(Known, ConfirmationDuringDelayMakesItReachable) {
    const Instant end = end_of_reach();
    expire(end);
    send(peer, end + 10_s);
    table.confirm(0, peer, end + 11_s);
    EXPECT_TRUE(expire(end + 15_s).empty());
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    EXPECT_EQ(table.next_deadline() - (end + 11_s), end - at(0_s));
}

TEST_F(Known, AnswerToAProbeMakesItReachable) {
    const Instant end = end_of_reach();
    expire(end);
    send(peer, end);
    expire(end + 5_s);
    answer(peer, end + 5_s + 1_ms);
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
}

TEST_F(Known, LatePollDoesNotCatchUp) {
    const Instant end = end_of_reach();
    send(peer, end - 1_s);
    const auto due = expire(end + 100_s);
    EXPECT_TRUE(due.empty());
    EXPECT_EQ(state(peer), NeighbourState::Stale);
}

TEST_F(Neighbour, NeverHeardIsNotTakenForConfirmedAtTheBeginningOfTime) {
    hear(peer, at(0_s));
    EXPECT_EQ(state(peer), NeighbourState::Stale);
    EXPECT_EQ(send(peer, at(0_s)), NeighbourVerdict::Ready);
    EXPECT_EQ(expire(at(5_s)).size(), 1u);
    EXPECT_EQ(state(peer), NeighbourState::Probe);
}

// --- what is heard ---

TEST_F(Neighbour, NewsOfStrangersIsKeptOnlyWhereItMayBe) {
    table.learn(peer, {.mac = kPeerMac}, at(0_s));
    EXPECT_FALSE(table.find(peer));
    table.learn(peer, {.may_create = true}, at(0_s));
    EXPECT_FALSE(table.find(peer)) << "which station?";
    hear(peer, at(0_s));
    EXPECT_EQ(state(peer), NeighbourState::Stale);
}

TEST_F(Known, StaleNewsOfTheSameStationChangesNothing) {
    hear(peer, at(1_s));
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    EXPECT_EQ(table.find(peer)->updated, at(0_s));
}

TEST_F(Known, AnotherStationWithTheRightToReplaces) {
    hear(peer, at(1_s), kOtherMac);
    EXPECT_EQ(state(peer), NeighbourState::Stale);
    EXPECT_EQ(table.find(peer)->mac, kOtherMac);
    send(peer, at(1_s));
    expire(at(6_s));
    EXPECT_EQ(state(peer), NeighbourState::Probe) << "the old one's confirmation is not its own";
}

TEST_F(Known, AnotherStationWithoutTheRightIsIgnoredOrCastsDoubt) {
    table.learn(peer, {.mac = kOtherMac, .is_confirmation = true}, at(1_s));
    EXPECT_EQ(state(peer), NeighbourState::Reachable);
    table.learn(peer, {.mac = kOtherMac, .is_confirmation = true, .may_weaken = true}, at(1_s));
    EXPECT_EQ(state(peer), NeighbourState::Stale);
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
    table.learn(peer, {.mac = kOtherMac, .is_confirmation = true, .may_weaken = true}, at(1_s));
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
}

TEST_F(Known, RouterFlagIsKept) {
    table.learn(peer, {.mac = kPeerMac, .is_confirmation = true, .is_router = true}, at(1_s));
    EXPECT_TRUE(table.find(peer)->is_router);
    table.learn(peer, {.mac = kPeerMac, .is_confirmation = true}, at(1_s));
    EXPECT_TRUE(table.find(peer)->is_router) << "says nothing about it";
    table.learn(peer, {.mac = kPeerMac, .is_confirmation = true, .is_router = false}, at(1_s));
    EXPECT_FALSE(table.find(peer)->is_router);
}

TEST_F(Neighbour, NewsWithoutAStationResolvesNothing) {
    send(peer, at(0_s));
    EXPECT_TRUE(table.learn(peer, {.is_confirmation = true}, at(0_s)).empty());
    EXPECT_EQ(state(peer), NeighbourState::Incomplete);
}

TEST_F(Neighbour, UnsolicitedNewsReleasesToo) {
    send(peer, at(0_s));
    EXPECT_EQ(hear(peer, at(0_s)).size(), 1u);
    EXPECT_EQ(state(peer), NeighbourState::Delay) << "those packets are its first use";
}

TEST_F(Neighbour, PermanentIsNeverChanged) {
    PacketQueue ready;
    send(peer, at(0_s));
    EXPECT_TRUE(table.set_permanent(peer, kPeerMac, ready, at(0_s)));
    EXPECT_EQ(ready.size(), 1u);
    hear(peer, at(1_s), kOtherMac);
    EXPECT_EQ(table.find(peer)->mac, kPeerMac);
    EXPECT_EQ(send(peer, at(1000_s)), NeighbourVerdict::Ready);
    EXPECT_EQ(table.next_deadline(), Instant::never());
}

TEST_F(Neighbour, InterfaceIsPartOfTheNameAndTheZoneIsNot) {
    const IpAddress address = *IpAddress::parse("fe80::1%3");
    hear({address, 3}, at(0_s));
    EXPECT_TRUE(table.find({address.with_zone(0), 3}));
    EXPECT_FALSE(table.find({address, 4}));
}

// --- hints ---

TEST_F(Neighbour, HintIsVerified) {
    std::uint32_t hint = 0;
    PacketPtr p = packet();
    hear(key(3), at(0_s), kOtherMac);
    hear(peer, at(0_s));
    table.output(hint, peer, p, at(0_s));
    EXPECT_NE(hint, 0u);
    std::uint32_t foreign = hint;
    EXPECT_EQ(table.output(foreign, key(3), p, at(0_s)).mac, kOtherMac);
    EXPECT_NE(foreign, hint) << "it is put right";
    table.remove(peer);
    EXPECT_EQ(table.output(hint, peer, p, at(0_s)).verdict, NeighbourVerdict::Ask);
}

// --- room ---

class Full : public Neighbour {
protected:
    void SetUp() override {
        config.neigh_gc_thresh1 = 4;
        config.neigh_gc_thresh3 = 8;
    }
};

TEST_F(Full, FloodOfStrangersPushesOutNobodyInUse) {
    for (std::uint32_t i = 0; i < 4; ++i) {
        send(key(i), at(0_s));
        answer(key(i), at(0_s));
    }
    for (std::uint32_t i = 100; i < 10100; ++i) {
        hear(key(i), at(1_s));
        if (i % 3 == 0) send(key(i), at(1_s));
        if (i % 5 == 0) send(key(20000 + i), at(1_s));
        EXPECT_LE(table.size(), 8u);
    }
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(state(key(i)), NeighbourState::Reachable);
    // Those stale and once in use outlive the strangers as well.
    config.neigh_base_reachable_time_ms = 0;
    expire(at(50_s));
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(state(key(i)), NeighbourState::Stale);
    for (std::uint32_t i = 100; i < 200; ++i) hear(key(i), at(51_s));
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_TRUE(table.find(key(i)));
}

TEST_F(Full, VictimsAreTakenInOrder) {
    config.neigh_base_reachable_time_ms = 1000;
    config.neigh_gc_thresh1 = 100;  // no sweep
    send(key(1), at(0_s));          // idle, long
    answer(key(1), at(0_s));
    expire(at(10_s));
    send(key(2), at(65_s));  // failed at 68 s
    expire(at(66_s));
    expire(at(67_s));
    expire(at(68_s));
    send(key(3), at(68_s));  // idle, not long
    answer(key(3), at(68_s));
    expire(at(69_s) + 999_ms);
    ASSERT_EQ(state(key(3)), NeighbourState::Delay);
    table.confirm(0, key(3), at(68_s));
    expire(at(75_s));
    hear(key(4), at(69_s));  // never used
    send(key(5), at(70_s));  // unanswered
    send(key(6), at(70_s));
    answer(key(6), at(70_s));
    PacketQueue none;
    table.set_permanent(key(7), kPeerMac, none, at(70_s));
    table.set_permanent(key(8), kPeerMac, none, at(70_s));
    ASSERT_EQ(table.size(), 8u);
    for (const std::uint32_t victim : {2u, 4u, 1u, 5u}) {
        ASSERT_TRUE(table.find(key(victim))) << victim;
        ASSERT_TRUE(table.set_permanent(key(100 + victim), kPeerMac, none, at(70_s)));
        EXPECT_FALSE(table.find(key(victim))) << victim;
        EXPECT_EQ(table.size(), 8u);
    }
    EXPECT_EQ(counters[Counter::NeighbourQueueDrops], 1u) << "what waited for the unanswered";
}

TEST_F(Full, NoRoomWhereAllAreInUse) {
    PacketQueue none;
    for (std::uint32_t i = 0; i < 8; ++i) {
        ASSERT_TRUE(table.set_permanent(key(i), kPeerMac, none, at(0_s)));
    }
    EXPECT_EQ(send(key(8), at(0_s)), NeighbourVerdict::NoRoom);
    hear(key(8), at(0_s));
    EXPECT_FALSE(table.find(key(8)));
    EXPECT_FALSE(table.set_permanent(key(8), kPeerMac, none, at(0_s)));
    table.remove(key(3));
    EXPECT_EQ(send(key(8), at(0_s)), NeighbourVerdict::Ask);
}

TEST_F(Full, OldOnesLeaveAsOthersComeButNotBelowTheFirstThreshold) {
    for (std::uint32_t i = 0; i < 3; ++i) hear(key(i), at(0_s));
    hear(key(3), at(1000_s));
    EXPECT_EQ(table.size(), 4u);
    hear(key(4), at(1000_s));
    EXPECT_EQ(table.size(), 4u);
    EXPECT_FALSE(table.find(key(0)));
}

TEST_F(Neighbour, RemovingAnInterfaceRemovesItsNeighbours) {
    for (std::uint32_t i = 0; i < 50; ++i) {
        send(key(i, 1 + i % 2), at(0_s));
    }
    table.remove_all(1);
    EXPECT_EQ(table.size(), 25u);
    EXPECT_EQ(table.snapshot().size(), 25u);
    EXPECT_EQ(expire(at(1_s)).size(), 25u);
    table.remove_all(2);
    EXPECT_EQ(table.next_deadline(), Instant::never());
    EXPECT_EQ(pool.usage().packets, 0u);
}

// Thousands of entries in every state against the invariants of the table.
TEST_F(Full, RandomLifeKeepsTheTableWhole) {
    config.neigh_gc_thresh1 = 16;
    config.neigh_gc_thresh3 = 64;
    config.neigh_base_reachable_time_ms = 3000;
    constexpr std::uint64_t kSeed = 20;
    SCOPED_TRACE("seed 20");
    Prng chance{kSeed};
    NeighbourTable own{config, counters, kSeed};
    Instant now;
    for (int i = 0; i < 50000; ++i) {
        now = now + Duration::from_ms(static_cast<std::int64_t>(chance.below(100)));
        const NeighbourKey who = key(static_cast<std::uint32_t>(chance.below(120)));
        std::uint32_t hint = static_cast<std::uint32_t>(chance.below(70));
        PacketPtr p = packet(10);
        switch (chance.below(8)) {
            case 0: own.learn(who, {.mac = kPeerMac, .may_create = true}, now); break;
            case 1: own.learn(who, {.mac = kPeerMac, .is_confirmation = true}, now); break;
            case 2: own.confirm(hint, who, now); break;
            case 3: own.remove(who); break;
            default: own.output(hint, who, p, now); break;
        }
        while (auto event = own.expire(now)) {
            EXPECT_EQ(
                event->kind == NeighbourEvent::Kind::Ask,
                event->packets.empty() && own.find(event->key)->state != NeighbourState::Failed);
        }
        ASSERT_GT(own.next_deadline(), now);
        ASSERT_LE(own.size(), 64u);
        if (i % 500 == 0) {
            const auto all = own.snapshot();
            ASSERT_EQ(all.size(), own.size());
            for (const auto& one : all) ASSERT_TRUE(own.find(one.key));
        }
    }
}

}  // namespace
