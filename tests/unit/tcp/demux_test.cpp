#include "tcp/demux.hpp"

#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "tcp/flow.hpp"

namespace fairlead::tcp {
namespace {

struct Entry {
    std::uint32_t hash = 0;
    Ref ref{};
};

TEST(DemuxRoom, FindsWhatWasInsertedAndNothingElse) {
    Demux d;
    const Ref one{Kind::Connection, 1};
    const Ref two{Kind::TimeWait, 1};
    d.insert(7, one);
    d.insert(7, two);
    EXPECT_EQ(d.find(7, [&](Ref r) { return r == one; }), one);
    EXPECT_EQ(d.find(7, [&](Ref r) { return r == two; }), two);
    EXPECT_EQ(d.find(7, [](Ref) { return false; }), Ref{});
    EXPECT_EQ(d.find(8, [](Ref) { return true; }), Ref{}) << "another hash in the same cluster";
    EXPECT_EQ(one.kind(), Kind::Connection);
    EXPECT_EQ(two.index(), 1u);
}

TEST(DemuxRoom, ARequestBecomesAConnectionInItsPlace) {
    Demux d;
    const Ref request{Kind::Request, 5};
    const Ref connection{Kind::Connection, 9};
    d.insert(3, request);
    d.replace(3, request, connection);
    EXPECT_EQ(d.find(3, [](Ref) { return true; }), connection);
    EXPECT_EQ(d.size(), 1u);
}

// One long cluster over the end of the table: all that is behind a hole is found when it is closed.
TEST(DemuxRoom, AClusterOverTheEndOfTheTableSurvivesEveryErasure) {
    for (std::uint32_t erased = 0; erased < 60; ++erased) {
        Demux d;
        std::vector<Entry> all;
        for (std::uint32_t i = 0; i < 60; ++i) {
            all.push_back({.hash = 230 + i / 3, .ref = {Kind::Connection, i}});
            d.insert(all.back().hash, all.back().ref);
        }
        d.erase(all[erased].hash, all[erased].ref);
        for (std::uint32_t i = 0; i < 60; ++i) {
            const Ref found = d.find(all[i].hash, [&](Ref r) { return r == all[i].ref; });
            ASSERT_EQ(found == Ref{}, i == erased) << erased << ' ' << i;
        }
    }
}

// Random insertions, replacements and erasures beside std::unordered_map, with hashes so poor that
// clusters are long.
TEST(DemuxRoom, AgreesWithAMap) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        const std::uint64_t spread = std::uint64_t{1} << random.between(2, 32);
        Demux d;
        std::unordered_map<std::uint32_t, Entry> model;  // by number
        std::vector<std::uint32_t> alive;
        std::uint32_t next = 0;
        for (int step = 0; step < 3000; ++step) {
            const bool grows = step < 2000;
            if (alive.empty() || random.chance(grows ? 3 : 1, 4)) {
                const auto hash = static_cast<std::uint32_t>(random.below(spread));
                const Entry e{.hash = hash, .ref = {Kind::Connection, next}};
                d.insert(hash, e.ref);
                model[next] = e;
                alive.push_back(next++);
            } else {
                const std::size_t at = random.below(alive.size());
                const std::uint32_t number = alive[at];
                Entry& e = model[number];
                if (random.chance(1, 4)) {
                    const Ref to{Kind::TimeWait, number};
                    if (e.ref == to) continue;
                    d.replace(e.hash, e.ref, to);
                    e.ref = to;
                } else {
                    d.erase(e.hash, e.ref);
                    model.erase(number);
                    alive[at] = alive.back();
                    alive.pop_back();
                }
            }
            ASSERT_EQ(d.size(), model.size());
        }
        for (const std::uint32_t number : alive) {
            const Entry& e = model[number];
            ASSERT_EQ(d.find(e.hash, [&](Ref r) { return r == e.ref; }), e.ref);
        }
        for (std::uint32_t number = 0; number < next; ++number) {
            if (model.contains(number)) continue;
            for (const Kind kind : {Kind::Connection, Kind::TimeWait}) {
                const Ref gone{kind, number};
                for (const std::uint32_t hash : {0u, 1u, 2u, 3u}) {
                    ASSERT_EQ(d.find(hash, [&](Ref r) { return r == gone; }), Ref{});
                }
            }
        }
    }
}

TEST(FlowRoom, TheHashDependsOnEveryPartOfTheNameAndOnTheSecret) {
    const FlowKey key{.local = *Endpoint::parse("10.0.0.1:80"),
                      .remote = *Endpoint::parse("10.0.0.2:40000")};
    const SipKey secret{.k0 = 0x0123'4567'89ab'cdefu, .k1 = 0xfedc'ba98'7654'3210u};
    const std::uint32_t h = hash_of(key, secret);
    EXPECT_EQ(hash_of(key, secret), h);
    std::vector<FlowKey> others(4, key);
    others[0].local = *Endpoint::parse("10.0.0.1:81");
    others[1].local = *Endpoint::parse("10.0.0.3:80");
    others[2].remote = *Endpoint::parse("10.0.0.2:40001");
    others[3].remote = *Endpoint::parse("10.0.0.4:40000");
    for (const FlowKey& other : others) {
        EXPECT_NE(hash_of(other, secret), h);
        EXPECT_FALSE(other == key);
    }
    EXPECT_NE(hash_of(key, {.k0 = secret.k0 + 1, .k1 = secret.k1}), h);
    EXPECT_NE(hash_of(key, {.k0 = secret.k0, .k1 = secret.k1 + 1}), h);
    const FlowKey v6{.local = *Endpoint::parse("[2001:db8::1]:80"),
                     .remote = *Endpoint::parse("[2001:db8::2]:40000")};
    FlowKey other_net = v6;
    other_net.remote = *Endpoint::parse("[2001:db9::2]:40000");
    EXPECT_NE(hash_of(v6, secret), hash_of(other_net, secret));
}

// 64 Ki ports of one peer, as a client that opens many connections uses them.
TEST(FlowRoom, NeighbouringPortsSpreadOverTheTable) {
    const SipKey secret{.k0 = 11, .k1 = 0x8000'0000'0000'0001u};
    std::vector<int> slots(1024);
    FlowKey key{.local = *Endpoint::parse("10.0.0.1:80"), .remote = *Endpoint::parse("10.0.0.2:0")};
    for (std::uint32_t port = 0; port < 65536; ++port) {
        key.remote.port = static_cast<std::uint16_t>(port);
        ++slots[hash_of(key, secret) & 1023];
    }
    for (const int n : slots) {
        EXPECT_GT(n, 16);
        EXPECT_LT(n, 144);  // 64 on average
    }
}

}  // namespace
}  // namespace fairlead::tcp
