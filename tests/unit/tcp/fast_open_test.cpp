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

// --- the client ---

wire::FastOpenOption given(const FastOpenCookie& cookie) { return cookie.option(); }

TEST(FastOpenClient, AsksFirstAndUsesWhatItWasGiven) {
    const FastOpenPlan asks = plan_fast_open(nullptr, false, false);
    ASSERT_TRUE(asks.option);
    EXPECT_EQ(asks.option->size, 0);
    EXPECT_FALSE(asks.has_data);
    FastOpenMemory memory;
    const FastOpenCookie cookie = make_cookie(key_of(kFirst), kClient, kServer);
    FastOpen sent{.plan = asks};
    sent.has_asked = true;
    learn(memory, {.option = given(cookie), .mss = 1000}, sent, Instant{});
    const FastOpenPlan uses = plan_fast_open(&memory, false, false);
    ASSERT_TRUE(uses.option);
    EXPECT_EQ(text(*uses.option), "3021b9d889017eeb");
    EXPECT_TRUE(uses.has_data);
    EXPECT_EQ(uses.mss, 1000);
}

TEST(FastOpenClient, IgnoresACookieItDidNotAskFor) {
    FastOpenMemory memory;
    const FastOpenCookie cookie = make_cookie(key_of(kFirst), kClient, kServer);
    learn(memory, {.option = given(cookie), .mss = 1000}, FastOpen{}, Instant{});
    EXPECT_EQ(memory.cookie.size, 0);
}

TEST(FastOpenClient, TriesTheOtherFormOnceWhereTheUsualOneIsNotAnswered) {
    FastOpenMemory memory;
    FastOpen sent{.plan = plan_fast_open(&memory, false, false)};
    sent.has_asked = true;
    learn(memory, {.mss = 1000}, sent, Instant{});
    EXPECT_TRUE(plan_fast_open(&memory, false, false).option->is_experimental);
    sent.plan = plan_fast_open(&memory, false, false);
    learn(memory, {.mss = 1000}, sent, Instant{});
    EXPECT_FALSE(plan_fast_open(&memory, false, false).option->is_experimental);
    EXPECT_EQ(memory.form_to_try, 2);
}

TEST(FastOpenClient, CountsALostSynOnlyWhereItsDataWasNotTaken) {
    FastOpenMemory memory;
    FastOpen sent;
    sent.has_asked = sent.has_syn_data = true;
    const Instant now = Instant::from_ns(5);
    learn(memory, {.mss = 1000, .was_repeated = true, .is_data_left = true}, sent, now);
    EXPECT_EQ(memory.syn_losses, 1);
    EXPECT_EQ(memory.last_syn_loss, now);
    learn(memory, {.mss = 1000, .was_repeated = true, .is_data_left = false}, sent, now);
    EXPECT_EQ(memory.syn_losses, 0);
}

TEST(FastOpenClient, NeitherAsksNorSendsWhileItRests) {
    FastOpenMemory memory;
    memory.cookie = make_cookie(key_of(kFirst), kClient, kServer);
    const FastOpenPlan plan = plan_fast_open(&memory, true, false);
    EXPECT_FALSE(plan.option);
    EXPECT_FALSE(plan.has_data);
    const FastOpenPlan free = plan_fast_open(&memory, false, true);
    EXPECT_FALSE(free.option) << "no cookie is needed";
    EXPECT_TRUE(free.has_data);
}

TEST(FastOpenPauseRoom, RestsTwiceAsLongEachTimeUpToSixtyFourTimes) {
    const auto at = [](std::int64_t s) { return Instant::from_ns(s * 1'000'000'000); };
    FastOpenPause pause;
    EXPECT_FALSE(pause.begin(0, at(0))) << "by default nothing rests";
    EXPECT_FALSE(pause.is_on(10, at(0)));
    for (int i = 0; i < 9; ++i) {
        ASSERT_TRUE(pause.begin(10, at(1000)));
        const std::int64_t rest = 10 * (std::int64_t{1} << std::min(i, 6));
        EXPECT_TRUE(pause.is_on(10, at(1000 + rest - 1))) << i;
        EXPECT_FALSE(pause.is_on(10, at(1000 + rest))) << i;
    }
    EXPECT_TRUE(pause.is_on_trial(10));
    pause.forgive();
    EXPECT_FALSE(pause.is_on_trial(10));
}

}  // namespace
}  // namespace fairlead::tcp
