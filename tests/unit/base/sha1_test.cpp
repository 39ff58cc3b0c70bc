#include "base/sha1.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/base/hex.hpp"

namespace fairlead {
namespace {

using namespace testing_hex;

std::string digest_of(std::string_view text) {
    Sha1 sha1;
    sha1.add(bytes_of(text));
    return hex(sha1.finish());
}

// FIPS 180-4, by the examples that are published with it; the last is a million letters.
TEST(Sha1, HasTheDigestsOfItsExamples) {
    EXPECT_EQ(digest_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(digest_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(digest_of(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Sha1, DoesNotMindWhereItsBytesAreCut) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += static_cast<char>('a' + i % 23);
    for (std::size_t at = 0; at <= text.size(); at += 7) {
        Sha1 sha1;
        sha1.add(bytes_of(text).first(at));
        sha1.add(bytes_of(text).subspan(at));
        EXPECT_EQ(hex(sha1.finish()), digest_of(text)) << at;
    }
}

std::string code_of(Bytes key, Bytes text) {
    HmacSha1 hmac{key};
    hmac.add(text);
    return hex(hmac.finish());
}

// RFC 2202 §3; the last is what no key at all makes of nothing.
TEST(HmacSha1, HasTheCodesOfItsTestCases) {
    const auto all = [](std::size_t n, int value) {
        return std::vector<std::byte>(n, static_cast<std::byte>(value));
    };
    EXPECT_EQ(code_of(all(20, 0x0b), bytes_of("Hi There")),
              "b617318655057264e28bc0b6fb378c8ef146be00");
    EXPECT_EQ(code_of(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    EXPECT_EQ(code_of(all(20, 0xaa), all(50, 0xdd)), "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    EXPECT_EQ(
        code_of(all(80, 0xaa), bytes_of("Test Using Larger Than Block-Size Key - Hash Key First")),
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    EXPECT_EQ(code_of({}, {}), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

}  // namespace
}  // namespace fairlead
