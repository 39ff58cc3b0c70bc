#include "ip/path_cache.hpp"

#include <gtest/gtest.h>

namespace fairlead::ip {
namespace {

constexpr IpAddress kTo = IpAddress::v4(10, 0, 0, 9);
constexpr IpAddress kFrom = IpAddress::v4(10, 0, 0, 1);

SourcedPath path_by(InterfaceIndex interface, std::uint32_t generation) {
    SourcedPath path{};
    path.next_hop = kTo;
    path.interface = interface;
    path.generation = generation;
    return path;
}

TEST(PathCache, AnswersTheVeryQuestionThatWasKept) {
    PathCache cache{AddressHash{1, 2}};
    EXPECT_EQ(cache.find(kTo, kFrom, 0, 1), nullptr);
    cache.keep(kTo, kFrom, 0, path_by(2, 1));
    ASSERT_NE(cache.find(kTo, kFrom, 0, 1), nullptr);
    EXPECT_EQ(cache.find(kTo, kFrom, 0, 1)->interface, 2u);
    EXPECT_EQ(cache.find(kTo, kFrom, 2, 1), nullptr);
    EXPECT_EQ(cache.find(kTo, IpAddress::any(Family::Inet), 0, 1), nullptr);
    EXPECT_EQ(cache.find(kFrom, kFrom, 0, 1), nullptr);
    EXPECT_EQ(cache.find(kTo.with_zone(3), kFrom, 0, 1), nullptr);
}

TEST(PathCache, ForgetsWithTheGeneration) {
    PathCache cache{AddressHash{1, 2}};
    cache.keep(kTo, kFrom, 0, path_by(2, 7));
    EXPECT_EQ(cache.find(kTo, kFrom, 0, 8), nullptr);
    cache.keep(kTo, kFrom, 0, path_by(3, 8));
    ASSERT_NE(cache.find(kTo, kFrom, 0, 8), nullptr);
    EXPECT_EQ(cache.find(kTo, kFrom, 0, 8)->interface, 3u);
}

// More destinations than places: what has lost its place is asked for again, never mistaken.
TEST(PathCache, MixesUpNoDestinations) {
    PathCache cache{AddressHash{1, 2}};
    const auto address = [](std::uint32_t i) { return IpAddress::v4(0x0a00'0000u + i); };
    for (std::uint32_t i = 1; i <= 2000; ++i) cache.keep(address(i), kFrom, 0, path_by(i, 1));
    std::size_t known = 0;
    for (std::uint32_t i = 1; i <= 2000; ++i) {
        const SourcedPath* path = cache.find(address(i), kFrom, 0, 1);
        if (path == nullptr) continue;
        ++known;
        EXPECT_EQ(path->interface, i);
    }
    EXPECT_GT(known, 200u);
    EXPECT_LE(known, 256u);
}

}  // namespace
}  // namespace fairlead::ip
