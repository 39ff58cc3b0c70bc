#include "tcp/syn_cookie.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

constexpr CookieKeys kKeys{.number = {1, 2}, .index = {3, 4}};
constexpr std::uint32_t kPeerIsn = 0xffff'fff0;
const FlowKey kV4{.local = *Endpoint::parse("192.0.2.1:80"),
                  .remote = *Endpoint::parse("198.51.100.7:4000")};
const FlowKey kV6{.local = *Endpoint::parse("[2001:db8::1]:80"),
                  .remote = *Endpoint::parse("[2001:db8::7]:4000")};

Instant at(std::int64_t seconds) { return Instant::from_ns(seconds * 1'000'000'000); }

std::optional<std::uint16_t> read(std::uint32_t cookie, Instant now) {
    return mss_of_cookie(cookie, kV4, kPeerIsn, now, kKeys);
}

TEST(SynCookieRoom, KeepsTheMssRoundedDownToItsTable) {
    struct Case {
        const FlowKey& key;
        std::uint16_t announced;
        std::uint16_t kept;
    };
    for (const Case& c : {Case{kV4, 100, 536}, Case{kV4, 536, 536}, Case{kV4, 1299, 536},
                          Case{kV4, 1300, 1300}, Case{kV4, 1440, 1440}, Case{kV4, 1459, 1440},
                          Case{kV4, 1460, 1460}, Case{kV4, 9000, 1460}, Case{kV6, 536, 1220},
                          Case{kV6, 1420, 1420}, Case{kV6, 1440, 1440}, Case{kV6, 9000, 8940}}) {
        const std::uint32_t cookie = make_cookie(c.key, kPeerIsn, c.announced, at(1000), kKeys);
        EXPECT_EQ(mss_of_cookie(cookie, c.key, kPeerIsn, at(1001), kKeys), c.kept) << c.announced;
    }
}

// The minute it was made in and the next: Linux's MAX_SYNCOOKIE_AGE.
TEST(SynCookieRoom, LastsTwoMinutes) {
    const std::uint32_t cookie = make_cookie(kV4, kPeerIsn, 1460, at(600), kKeys);
    EXPECT_EQ(read(cookie, at(600)), 1460);
    EXPECT_EQ(read(cookie, at(719)), 1460);
    EXPECT_FALSE(read(cookie, at(720)));
    EXPECT_FALSE(read(cookie, at(599))) << "from the future";
    // Eight bits of minutes come round after four hours and more; the hash is another by then.
    EXPECT_FALSE(read(cookie, at(600 + 256 * 60)));
}

TEST(SynCookieRoom, BelongsToItsFlowItsNumberAndItsKey) {
    const std::uint32_t cookie = make_cookie(kV4, kPeerIsn, 1460, at(600), kKeys);
    FlowKey other = kV4;
    other.remote.port = 4001;
    EXPECT_FALSE(mss_of_cookie(cookie, other, kPeerIsn, at(600), kKeys));
    other = kV4;
    other.local.address = *IpAddress::parse("192.0.2.2");
    EXPECT_FALSE(mss_of_cookie(cookie, other, kPeerIsn, at(600), kKeys));
    EXPECT_FALSE(mss_of_cookie(cookie, kV4, kPeerIsn + 100, at(600), kKeys));
    EXPECT_FALSE(
        mss_of_cookie(cookie, kV4, kPeerIsn, at(600), {.number = {1, 2}, .index = {3, 5}}));
    EXPECT_FALSE(
        mss_of_cookie(cookie, kV4, kPeerIsn, at(600), {.number = {9, 2}, .index = {3, 4}}));
}

// Who guesses has four right numbers in 2^24 for each of two minutes.
TEST(SynCookieRoom, AGuessIsRarelyRight) {
    int right = 0;
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        if (read(i * 2654435761u, at(600))) ++right;
    }
    EXPECT_LE(right, 5);
}

TEST(SynCookieRoom, TheClockTellsWhatWasAgreedAndIsNotInTheFuture) {
    for (std::uint32_t bits = 0; bits < 32; ++bits) {
        const Agreement a{.send_scale = static_cast<std::uint8_t>(bits % 15),
                          .has_scale = bits % 15 != 0,
                          .has_sack = bits >= 16,
                          .has_timestamps = true};
        for (std::uint32_t clock = 1'000'000; clock < 1'000'064; ++clock) {
            const std::uint32_t value = cookie_clock(clock, a);
            EXPECT_LE(value, clock);
            EXPECT_GT(value, clock - 128);
            const auto back = agreement_of_clock(value, Config{});
            ASSERT_TRUE(back);
            EXPECT_EQ(back->has_scale, a.has_scale);
            EXPECT_EQ(back->send_scale, a.has_scale ? a.send_scale : 0);
            EXPECT_EQ(back->has_sack, a.has_sack);
            EXPECT_TRUE(back->has_timestamps);
        }
    }
    // As Linux: scale 7 and SACK are 0x17.
    EXPECT_EQ(cookie_clock(0x1fff, {.send_scale = 7, .has_scale = true, .has_sack = true}) & 0x3f,
              0x17u);
    EXPECT_EQ(cookie_clock(0x1fff, {}) & 0x3f, 0x0fu);
}

TEST(SynCookieRoom, WhatWeNoLongerDoIsNotAgreed) {
    const Agreement all{.send_scale = 7, .has_scale = true, .has_sack = true};
    const std::uint32_t value = cookie_clock(1'000'000, all);
    Config config;
    config.tcp_sack = 0;
    EXPECT_FALSE(agreement_of_clock(value, config));
    config = {};
    config.tcp_window_scaling = 0;
    EXPECT_FALSE(agreement_of_clock(value, config));
    config = {};
    config.tcp_timestamps = 0;
    EXPECT_FALSE(agreement_of_clock(value, config));
}

}  // namespace
}  // namespace fairlead::tcp
