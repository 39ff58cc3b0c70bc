#include "tcp/fast_open.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

// What Linux 6.18 answered with each of these keys (tests/scripts/fast-open/server-*.pkt).
constexpr std::array<std::uint32_t, 4> kFirst{0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4};
constexpr std::array<std::uint32_t, 4> kCounting{1, 2, 3, 4};
const IpAddress kClient = *IpAddress::parse("192.0.2.1");
const IpAddress kServer = *IpAddress::parse("192.168.0.1");

std::string text(const FastOpenCookie& cookie) {
    std::string out;
    for (const std::byte b : cookie.view()) {
        out += "0123456789abcdef"[std::to_integer<int>(b) >> 4];
        out += "0123456789abcdef"[std::to_integer<int>(b) & 15];
    }
    return out;
}

SipKey key_of(const std::array<std::uint32_t, 4>& words) {
    return secrets_of({.words = {words}, .count = 1}).keys[0];
}

FastOpenAnswer judge(const FastOpenCookie& shown, const FastOpenSecrets& secrets) {
    return judge_fast_open({shown.option(), kClient, kServer}, false, secrets);
}

TEST(FastOpenCookie, IsTheOneThatLinuxMakes) {
    EXPECT_EQ(text(make_cookie(key_of(kFirst), kClient, kServer)), "3021b9d889017eeb");
    EXPECT_EQ(text(make_cookie(key_of(kCounting), kClient, kServer)), "6d239c6d1b1d2410");
    EXPECT_EQ(text(make_cookie(key_of(kFirst), *IpAddress::parse("2001:db8::1"),
                               *IpAddress::parse("fd3d:fa7b:d17d::1"))),
              "e7041978eab92f14");
}

TEST(FastOpenCookie, IsOfBothAddressesInTheirOrder) {
    const FastOpenCookie good = make_cookie(key_of(kFirst), kClient, kServer);
    EXPECT_NE(text(good), text(make_cookie(key_of(kFirst), kServer, kClient)));
    EXPECT_NE(text(good), text(make_cookie(key_of(kFirst), kServer, kServer)));
}

TEST(FastOpenServer, TakesItsOwnCookiesAndRefusesOthers) {
    const FastOpenSecrets secrets = secrets_of({.words = {kFirst}, .count = 1});
    FastOpenCookie cookie = make_cookie(secrets.keys[0], kClient, kServer);
    EXPECT_EQ(judge(cookie, secrets).verdict, FastOpenVerdict::Accept);
    EXPECT_EQ(judge(cookie, secrets).cookie.size, 0) << "it has it already";
    cookie.bytes[7] ^= std::byte{1};
    EXPECT_EQ(judge(cookie, secrets).verdict, FastOpenVerdict::Refuse);
    EXPECT_EQ(text(judge(cookie, secrets).cookie), "3021b9d889017eeb");
    // The first half of a good one is none.
    cookie = make_cookie(secrets.keys[0], kClient, kServer);
    cookie.size = 4;
    EXPECT_EQ(judge(cookie, secrets).verdict, FastOpenVerdict::Refuse);
}

TEST(FastOpenServer, GivesACookieToWhoAsksInTheFormThatWasAsked) {
    const FastOpenSecrets secrets = secrets_of({.words = {kFirst}, .count = 1});
    const FastOpenAnswer answer = judge({.is_experimental = true}, secrets);
    EXPECT_EQ(answer.verdict, FastOpenVerdict::GiveCookie);
    EXPECT_EQ(text(answer.cookie), "3021b9d889017eeb");
    EXPECT_TRUE(answer.cookie.is_experimental);
    EXPECT_FALSE(judge({}, secrets).cookie.is_experimental);
}

TEST(FastOpenServer, TakesACookieOfTheKeyBeforeAndGivesANewOne) {
    const FastOpenSecrets secrets = secrets_of({.words = {kCounting, kFirst}, .count = 2});
    const FastOpenAnswer answer = judge(make_cookie(secrets.keys[1], kClient, kServer), secrets);
    EXPECT_EQ(answer.verdict, FastOpenVerdict::AcceptOld);
    EXPECT_EQ(text(answer.cookie), "6d239c6d1b1d2410");
}

TEST(FastOpenServer, PassesOverASynWithoutTheOptionUnlessNoneIsNeeded) {
    const FastOpenSecrets secrets = secrets_of({.words = {kFirst}, .count = 1});
    EXPECT_EQ(judge_fast_open({{}, kClient, kServer}, false, secrets).verdict,
              FastOpenVerdict::Ignore);
    EXPECT_EQ(judge_fast_open({{}, kClient, kServer}, true, secrets).verdict,
              FastOpenVerdict::Accept);
}

}  // namespace
}  // namespace fairlead::tcp
