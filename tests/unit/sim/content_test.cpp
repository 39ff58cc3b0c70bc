#include "sim/content.hpp"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace fairlead::sim {
namespace {

constexpr std::uint64_t kSeed = 7;

std::vector<std::byte> content(std::uint64_t position, std::size_t length) {
    std::vector<std::byte> bytes(length);
    fill_content(kSeed, position, bytes);
    return bytes;
}

// Words of a seed, as another program computes them: lowest byte first.
TEST(Content, IsTheSameOnEveryMachine) {
    std::vector<std::byte> bytes(8);
    fill_content(1, 0, bytes);
    std::uint64_t word = 0;
    for (std::size_t i = 8; i-- > 0;) word = word << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    EXPECT_EQ(word, 0x9e6f'5def'6e86'4a3au);
}

TEST(Content, DoesNotDependOnHowItIsCut) {
    const std::vector<std::byte> whole = content(0, 64);
    for (std::size_t from = 0; from < 20; ++from) {
        for (std::size_t length = 0; length < 30; ++length) {
            const std::vector<std::byte> piece = content(from, length);
            EXPECT_TRUE(std::equal(piece.begin(), piece.end(),
                                   whole.begin() + static_cast<std::ptrdiff_t>(from)))
                << from << "+" << length;
        }
    }
}

TEST(Content, AByteThatIsWrongIsFoundWhereverItStands) {
    for (std::uint64_t from = 0; from < 9; ++from) {
        std::vector<std::byte> bytes = content(from, 75);
        EXPECT_EQ(first_wrong_content(kSeed, from, bytes), 75u);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] ^= std::byte{1};
            EXPECT_EQ(first_wrong_content(kSeed, from, bytes), i) << from;
            bytes[i] ^= std::byte{1};
        }
    }
    EXPECT_EQ(first_wrong_content(kSeed, 0, {}), 0u);
}

TEST(Content, OfAnotherSeedOrPlaceIsWrong) {
    const std::vector<std::byte> bytes = content(0, 64);
    EXPECT_LT(first_wrong_content(kSeed + 1, 0, bytes), 4u);
    EXPECT_LT(first_wrong_content(kSeed, 1, bytes), 4u);
}

}  // namespace
}  // namespace fairlead::sim
