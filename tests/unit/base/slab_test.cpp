#include "base/slab.hpp"

#include <set>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

struct Thing {
    explicit Thing(std::int64_t value_in = 0) : value{value_in} {}
    std::int64_t value;
    SlabNumber slab_number{};
    std::byte ballast[1000]{};
};

struct Line {
    SlabNumber slab_number{};
    alignas(8) std::byte rest[56]{};
};
static_assert(sizeof(Line) == kCacheLine);

TEST(Slab, AnObjectIsFoundByItsNumberAndKnowsIt) {
    Slab<Thing> slab;
    std::vector<Thing*> things;
    std::set<std::uint32_t> numbers;
    for (int i = 0; i < 1000; ++i) {
        things.push_back(slab.make(i));
        numbers.insert(slab.index_of(things.back()));
    }
    EXPECT_EQ(numbers.size(), 1000u);
    EXPECT_EQ(*numbers.rbegin(), 999u);  // small numbers
    for (int i = 0; i < 1000; ++i) {
        Thing* thing = things[static_cast<std::size_t>(i)];
        EXPECT_EQ(slab.at(slab.index_of(thing)), thing);
        EXPECT_EQ(thing->value, i);
    }
    for (Thing* thing : things) slab.destroy(thing);
    EXPECT_EQ(slab.size(), 0u);
}

TEST(Slab, TheNumberOfOneThatWentIsTheNextOnesAndOnlyTheLivingAreLive) {
    Slab<Thing> slab;
    Thing* first = slab.make(1);
    Thing* second = slab.make(2);
    const std::uint32_t number = slab.index_of(first);
    slab.destroy(first);
    EXPECT_FALSE(slab.is_live(number));
    EXPECT_TRUE(slab.is_live(slab.index_of(second)));
    std::size_t living = 0;
    for (std::uint32_t i = 0; i < slab.capacity(); ++i) living += slab.is_live(i) ? 1 : 0;
    EXPECT_EQ(living, 1u);
    EXPECT_EQ(slab.index_of(slab.make(3)), number);
    slab.destroy(slab.at(number));
    slab.destroy(second);
}

TEST(Slab, AFullOneMakesNothing) {
    Slab<Line> slab{1};  // a whole block, then no other
    std::vector<Line*> lines;
    while (Line* line = slab.make()) lines.push_back(line);
    EXPECT_EQ(lines.size(), slab.capacity());
    slab.destroy(lines.back());
    lines.back() = slab.make();
    EXPECT_NE(lines.back(), nullptr);
    for (Line* line : lines) slab.destroy(line);
}

TEST(Slab, WhatFillsWholeCacheLinesBeginsWithOneAndNothingLiesBetween) {
    Slab<Line> slab;
    Line* first = slab.make();
    Line* second = slab.make();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % kCacheLine, 0u);
    EXPECT_EQ(first + 1, second);
    slab.destroy(first);
    slab.destroy(second);
}

}  // namespace
