#include "link/deadline_heap.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/prng.hpp"

using namespace fairlead;
using link::DeadlineHeap;

namespace {

TEST(DeadlineHeap, KnowsTheEarliest) {
    DeadlineHeap heap;
    EXPECT_EQ(heap.next(), Instant::never());
    heap.set(5, Instant::from_ns(50));
    heap.set(3, Instant::from_ns(30));
    heap.set(4, Instant::from_ns(30));
    EXPECT_EQ(heap.first(), 3u);
    heap.set(3, Instant::from_ns(70));
    EXPECT_EQ(heap.first(), 4u);
    heap.clear(4);
    heap.clear(4);
    heap.clear(1000);
    EXPECT_EQ(heap.first(), 5u);
    EXPECT_EQ(heap.next(), Instant::from_ns(50));
}

TEST(DeadlineHeap, AgreesWithASortedMap) {
    SCOPED_TRACE("seed 11");
    Prng chance{11};
    DeadlineHeap heap;
    std::map<std::uint32_t, Instant> all;
    for (int i = 0; i < 20000; ++i) {
        const auto id = static_cast<std::uint32_t>(chance.below(60));
        if (chance.chance(1, 3)) {
            heap.clear(id);
            all.erase(id);
        } else {
            const auto when = Instant::from_ns(static_cast<std::int64_t>(chance.below(40)));
            heap.set(id, when);
            all[id] = when;
        }
        ASSERT_EQ(heap.empty(), all.empty());
        if (all.empty()) continue;
        const auto first = std::ranges::min_element(
            all, {}, [](const auto& one) { return std::pair{one.second, one.first}; });
        ASSERT_EQ(heap.next(), first->second);
        ASSERT_EQ(heap.first(), first->first);
    }
}

}  // namespace
