#include "tcp/position.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace fairlead::tcp {
namespace {

using wire::Seq32;

constexpr std::int64_t k4GiB = std::int64_t{1} << 32;

// The stream that begins one short of the wrap: SYN is 0xffffffff, the first byte is 0.
constexpr SeqSpace kAtTheEdge{Seq32{0xffff'ffffu}};
static_assert(kAtTheEdge.to_wire(Position{0}) == Seq32{0xffff'ffffu});
static_assert(kAtTheEdge.to_wire(Position{1}) == Seq32{0});
static_assert(kAtTheEdge.from_wire(Seq32{0}, Position{0}) == Position{1});
static_assert(kAtTheEdge.from_wire(Seq32{0xffff'ffffu}, Position{1}) == Position{0});
static_assert(kAtTheEdge.from_wire(Seq32{0xffff'fffeu}, Position{0}) == Position{-1},
              "below the SYN: an old duplicate, and not four gigabytes ahead");

// The fifth gigabyte is as near to its neighbours as the first.
constexpr SeqSpace kSome{Seq32{0x1234'5678u}};
static_assert(kSome.to_wire(Position{k4GiB + 7}) == kSome.to_wire(Position{7}));
static_assert(kSome.from_wire(kSome.to_wire(Position{7}), Position{k4GiB}) == Position{k4GiB + 7});
static_assert(kSome.from_wire(kSome.to_wire(Position{k4GiB - 1}), Position{k4GiB}) ==
              Position{k4GiB - 1});

// What is meant is the nearest: half of the space before, half of it behind.
static_assert(kSome.from_wire(kSome.to_wire(Position{0x7fff'ffff}), Position{0}) ==
              Position{0x7fff'ffff});
static_assert(kSome.from_wire(kSome.to_wire(Position{0x8000'0000}), Position{0}) ==
              Position{-0x8000'0000LL});

TEST(PositionRoom, WrappingAndUnwrappingNearAPlaceGivesItBack) {
    const std::uint64_t seed = 42;
    SCOPED_TRACE(seed);
    Prng random{seed};
    for (int i = 0; i < 10'000; ++i) {
        const SeqSpace space{Seq32{random.next_u32()}};
        const Position near{static_cast<std::int64_t>(random.below(1ull << 45))};
        const Position there =
            near + (static_cast<std::int64_t>(random.below(1ull << 31)) - (1ll << 30));
        ASSERT_EQ(space.from_wire(space.to_wire(there), near), there);
    }
}

}  // namespace
}  // namespace fairlead::tcp
