#include "base/md5.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "unit/base/hex.hpp"

namespace fairlead {
namespace {

using testing_hex::hex;

std::string digest_of(std::string_view text) {
    Md5 md5;
    md5.add(std::as_bytes(std::span{text}));
    return hex(md5.finish());
}

// RFC 1321 §A.5
TEST(Md5, HasTheDigestsOfItsTestSuite) {
    EXPECT_EQ(digest_of(""), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(digest_of("a"), "0cc175b9c0f1b6a831c399e269772661");
    EXPECT_EQ(digest_of("abc"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_EQ(digest_of("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(digest_of("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b");
    EXPECT_EQ(digest_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              "d174ab98d277d9f5a5611c2c9f419d9f");
    EXPECT_EQ(digest_of("1234567890123456789012345678901234567890123456789012345678901234567890"
                        "1234567890"),
              "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Md5, DoesNotMindWhereItsBytesAreCut) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += static_cast<char>('a' + i % 23);
    for (std::size_t at = 0; at <= text.size(); at += 7) {
        Md5 md5;
        md5.add(std::as_bytes(std::span{text}).first(at));
        md5.add(std::as_bytes(std::span{text}).subspan(at));
        EXPECT_EQ(hex(md5.finish()), digest_of(text)) << at;
    }
}

}  // namespace
}  // namespace fairlead
