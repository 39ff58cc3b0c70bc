#include "http/target.hpp"

#include <gtest/gtest.h>

namespace fairlead::http {
namespace {

using namespace std::string_literals;

Target target(std::string path, bool names_directory = false, std::string query = "") {
    return {.path = std::move(path), .query = std::move(query), .names_directory = names_directory};
}

TEST(Target, IsDecodedAndRelative) {
    EXPECT_EQ(parse_target("/"), target("", true));
    EXPECT_EQ(parse_target("/a/b.txt"), target("a/b.txt"));
    EXPECT_EQ(parse_target("/a%20b/%e4%BD%A0"), target("a b/\xe4\xbd\xa0"));
    EXPECT_EQ(parse_target("/a?x=/../%00"), target("a", false, "x=/../%00"));
    EXPECT_EQ(parse_target("/a//b/"), target("a/b", true));
}

TEST(Target, MayBeAbsolute) {
    EXPECT_EQ(parse_target("http://host/a"), target("a"));
    EXPECT_EQ(parse_target("HTTP://host:80"), target("", true));
    EXPECT_EQ(parse_target("http://host?q"), target("", true, "q"));
}

TEST(Target, ResolvesDotSegmentsBelowTheRoot) {
    EXPECT_EQ(parse_target("/a/../b"), target("b"));
    EXPECT_EQ(parse_target("/a/./b/."), target("a/b", true));
    EXPECT_EQ(parse_target("/a/b/.."), target("a", true));
    EXPECT_EQ(parse_target("/a/.."), target("", true));
    EXPECT_EQ(parse_target("/...//..a"), target(".../..a"));
}

TEST(Target, MayNotClimbAboveTheRoot) {
    for (const char* text : {"/..", "/../a", "/a/../../a", "/%2e%2e/a", "/.%2e", "/a%2f..%2f../b",
                             "http://host/../a", "//../a", "/%2E%2E%2Fa"}) {
        EXPECT_EQ(parse_target(text), std::unexpected{TargetFault::Outside}) << text;
    }
}

TEST(Target, ThatIsMalformedIsRefused) {
    for (const auto& text : {""s, "*"s, "a"s, "host:80"s, "/%"s, "/%4"s, "/%zz"s, "/%00"s,
                             "/a%00b"s, "/%-1"s, "/% 1"s, "ftp://host/"s, "\0"s, "/%+1"s}) {
        EXPECT_EQ(parse_target(text), std::unexpected{TargetFault::Malformed}) << text;
    }
}

}  // namespace
}  // namespace fairlead::http
