#include "base/aes_cmac.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "unit/base/hex.hpp"

namespace fairlead {
namespace {

using namespace testing_hex;

Aes128::Block block(std::string_view text) {
    Aes128::Block b{};
    std::ranges::copy(from_hex(text), b.begin());
    return b;
}

// FIPS 197, appendices B and C.1
TEST(Aes128, EncryptsTheExamplesOfItsStandard) {
    Aes128::Block text = block("3243f6a8885a308d313198a2e0370734");
    Aes128{block("2b7e151628aed2a6abf7158809cf4f3c")}.encrypt(text);
    EXPECT_EQ(hex(text), "3925841d02dc09fbdc118597196a0b32");
    text = block("00112233445566778899aabbccddeeff");
    Aes128{block("000102030405060708090a0b0c0d0e0f")}.encrypt(text);
    EXPECT_EQ(hex(text), "69c4e0d86a7b0430d8cdb78070b4c55a");
}

constexpr std::string_view kText =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

AesCmac cmac() { return AesCmac{block("2b7e151628aed2a6abf7158809cf4f3c")}; }

std::string code_of(Bytes text) {
    AesCmac code = cmac();
    code.add(text);
    return hex(code.finish());
}

// RFC 4493 §4
TEST(AesCmac, HasTheCodesOfItsTestVectors) {
    const auto text = from_hex(kText);
    EXPECT_EQ(code_of({}), "bb1d6929e95937287fa37d129b756746");
    EXPECT_EQ(code_of(Bytes{text}.first(16)), "070a16b46b4d4144f79bdd9dd04a287c");
    EXPECT_EQ(code_of(Bytes{text}.first(40)), "dfa66747de9ae63030ca32611497c827");
    EXPECT_EQ(code_of(text), "51f0bebf7e3b9d92fc49741779363cfe");
}

TEST(AesCmac, DoesNotMindWhereItsBytesAreCut) {
    const auto text = from_hex(kText);
    for (std::size_t at = 0; at <= text.size(); ++at) {
        AesCmac code = cmac();
        code.add(Bytes{text}.first(at));
        code.add(Bytes{text}.subspan(at));
        EXPECT_EQ(hex(code.finish()), code_of(text)) << at;
    }
}

}  // namespace
}  // namespace fairlead
