// Who agrees to ECN (RFC 3168 §6.1.1), and how long a mark is told (§6.1.3).
#include <gtest/gtest.h>

#include "tcp/negotiation.hpp"
#include "tcp/syn_cookie.hpp"

namespace fairlead::tcp {
namespace {

constexpr wire::TcpFlags kAsks{.syn = true, .ece = true, .cwr = true};

TEST(EcnAgreement, BothFlagsAskAndTheDefaultAgrees) {
    const Config config;
    EXPECT_EQ(config.tcp_ecn, 2);
    EXPECT_TRUE(agrees_to_ecn(kAsks, wire::Ecn::NotCapable, false, config));
    EXPECT_FALSE(agrees_to_ecn({.syn = true, .ece = true}, wire::Ecn::NotCapable, false, config));
    EXPECT_FALSE(agrees_to_ecn({.syn = true, .cwr = true}, wire::Ecn::NotCapable, false, config));
    EXPECT_FALSE(agrees_to_ecn({.syn = true}, wire::Ecn::NotCapable, false, config));
}

TEST(EcnAgreement, OffIsOffButForWhoNeedsTheMarks) {
    Config config;
    config.tcp_ecn = 0;
    EXPECT_FALSE(agrees_to_ecn(kAsks, wire::Ecn::NotCapable, false, config));
    EXPECT_TRUE(agrees_to_ecn(kAsks, wire::Ecn::Capable0, true, config));
}

// AE beside the two: it asks for accurate ECN, and may be marked.
TEST(EcnAgreement, ASynThatIsMarkedAlreadyAsksForMoreThanThat) {
    const Config config;
    EXPECT_FALSE(agrees_to_ecn(kAsks, wire::Ecn::Capable0, false, config));
    EXPECT_FALSE(agrees_to_ecn(kAsks, wire::Ecn::Congestion, false, config));
    const wire::TcpFlags accurate{.syn = true, .ece = true, .cwr = true, .ae = true};
    EXPECT_TRUE(agrees_to_ecn(accurate, wire::Ecn::Capable0, false, config));
}

TEST(EcnAgreement, ASynCookiesTimestampKeepsIt) {
    const Agreement agreed{
        .send_scale = 7, .has_scale = true, .has_timestamps = true, .has_ecn = true};
    Config config;
    const std::uint32_t clock = cookie_clock(1'000'000, agreed);
    EXPECT_LE(clock, 1'000'000u);
    EXPECT_GT(clock, 1'000'000u - 128);
    EXPECT_TRUE(agreement_of_clock(clock, config)->has_ecn);
    config.tcp_ecn = 0;
    EXPECT_FALSE(agreement_of_clock(clock, config)->has_ecn);
}

}  // namespace
}  // namespace fairlead::tcp
