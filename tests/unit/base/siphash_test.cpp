#include "base/siphash.hpp"

#include <array>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;

namespace {

// The key 00 01 .. 0f of the paper's appendix A, and messages 00 01 .. of each length.
constexpr SipKey kKey{.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};

std::vector<std::byte> counting(std::size_t n) {
    std::vector<std::byte> message(n);
    for (std::size_t i = 0; i < n; ++i) message[i] = static_cast<std::byte>(i);
    return message;
}

TEST(SipHash, GivesThePublishedVectorsOf24) {
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(15)}), 0xa129ca6149be45e5u);  // the paper's example
    // The first and last of the authors' table of 64.
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(0)}), 0x726fdb47dd0e0e31u);
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(1)}), 0x74f839c593dc67fdu);
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(7)}), 0xab0200f58b01d137u);
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(8)}), 0x93f5f5799a932462u);
    EXPECT_EQ(siphash_2_4(kKey, Bytes{counting(63)}), 0x958a324ceb064572u);
}

TEST(SipHash, GivesThePublishedVectorsOf13) {
    EXPECT_EQ(siphash_1_3(kKey, Bytes{counting(0)}), 0xabac0158050fc4dcu);
    EXPECT_EQ(siphash_1_3(kKey, Bytes{counting(1)}), 0xc9f49bf37d57ca93u);
    EXPECT_EQ(siphash_1_3(kKey, Bytes{counting(2)}), 0x82cb9b024dc7d44du);
}

struct Words {
    std::array<std::uint32_t, 5> w{};
};

TEST(SipHash, OfAValueIsThatOfItsBytes) {
    const Words five{{0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c, 0x13121110}};
    EXPECT_EQ(siphash_2_4(kKey, five), siphash_2_4(kKey, Bytes{counting(20)}));
    EXPECT_EQ(siphash_1_3(kKey, five), siphash_1_3(kKey, Bytes{counting(20)}));
    const std::uint64_t one = 0x0706050403020100;
    EXPECT_EQ(siphash_2_4(kKey, one), siphash_2_4(kKey, Bytes{counting(8)}));
    static_assert(siphash_2_4(kKey, std::uint64_t{0x0706050403020100}) == 0x93f5f5799a932462u);
}

TEST(SipHash, OfASpanIsThatOfTheBytesItNames) {
    auto message = counting(16);
    EXPECT_EQ(siphash_2_4(kKey, MutableBytes{message}), siphash_2_4(kKey, Bytes{message}));
    EXPECT_EQ(siphash_2_4(kKey, Bytes{message}.first<16>()), siphash_2_4(kKey, Bytes{message}));
}

TEST(SipHash, ChangesWithEveryBitOfTheKey) {
    const auto message = counting(12);
    const std::uint64_t with_ours = siphash_1_3(kKey, Bytes{message});
    for (int bit = 0; bit < 64; ++bit) {
        EXPECT_NE(siphash_1_3({kKey.k0 ^ 1ull << bit, kKey.k1}, Bytes{message}), with_ours) << bit;
        EXPECT_NE(siphash_1_3({kKey.k0, kKey.k1 ^ 1ull << bit}, Bytes{message}), with_ours) << bit;
    }
}

}  // namespace
