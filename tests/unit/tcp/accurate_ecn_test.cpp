// The arithmetic of RFC 9768 with literals: its tables 2, 3 and 4, the wrap of three bits, the option.
#include "tcp/accurate_ecn.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "tcp/negotiation.hpp"

namespace fairlead::tcp {
namespace {

using wire::Ecn;

wire::TcpFlags with_ace(unsigned ace) {
    wire::TcpFlags flags{.syn = true};
    put_ace(flags, ace);
    return flags;
}

// RFC 9768 REQ-3.1.2: table 2, from below.
TEST(AccurateEcnHandshake, TheAnswerTellsTheForm) {
    EXPECT_EQ(mode_answered(0b111), EcnMode::None);
    EXPECT_EQ(mode_answered(0b000), EcnMode::None);
    EXPECT_EQ(mode_answered(0b001), EcnMode::Classic);
    EXPECT_EQ(mode_answered(0b101), EcnMode::Classic);
    for (const std::uint8_t ace : std::array<std::uint8_t, 4>{0b010, 0b011, 0b100, 0b110}) {
        EXPECT_EQ(mode_answered(ace), EcnMode::Accurate) << int{ace};
    }
}

// RFC 9768 REQ-3.1.2, REQ-3.2.2.1
TEST(AccurateEcnHandshake, ACodepointGoesBackInThreeFlags) {
    EXPECT_EQ(reflection_of(Ecn::NotCapable), 0b010);
    EXPECT_EQ(reflection_of(Ecn::Capable1), 0b011);
    EXPECT_EQ(reflection_of(Ecn::Capable0), 0b100);
    EXPECT_EQ(reflection_of(Ecn::Congestion), 0b110);
    for (const Ecn e : {Ecn::NotCapable, Ecn::Capable1, Ecn::Capable0, Ecn::Congestion}) {
        EXPECT_EQ(codepoint_reflected(reflection_of(e)), e);
    }
    for (const std::uint8_t unused : std::array<std::uint8_t, 3>{0b001, 0b101, 0b111}) {
        EXPECT_EQ(codepoint_reflected(unused), Ecn::NotCapable);
    }
    EXPECT_EQ(ace_of({.ece = true}), 1);
    EXPECT_EQ(ace_of({.cwr = true}), 2);
    EXPECT_EQ(ace_of({.ae = true}), 4);
}

// RFC 9768 REQ-3.1.3
TEST(AccurateEcnHandshake, WhoAgreesToWhatByTheSetting) {
    Config config;
    const auto agreed = [&](std::int64_t setting, unsigned ace, bool needs = false) {
        config.tcp_ecn = setting;
        Agreement a;
        agree_on_ecn(a, with_ace(ace), Ecn::Capable0, needs, needs, config);
        EXPECT_EQ(a.syn_codepoint, a.has_accurate_ecn ? 2 : 0);
        return a.has_accurate_ecn ? EcnMode::Accurate
               : a.has_ecn        ? EcnMode::Classic
                                  : EcnMode::None;
    };
    for (const std::int64_t setting : {3, 4, 5}) {
        for (const unsigned ace : {1u, 2u, 4u, 5u, 6u, 7u}) {
            EXPECT_EQ(agreed(setting, ace), EcnMode::Accurate) << setting << ' ' << ace;
        }
        EXPECT_EQ(agreed(setting, 0), EcnMode::None);
        EXPECT_EQ(agreed(setting, 3), EcnMode::None) << "it is ECT, and of RFC 3168";
    }
    for (const std::int64_t setting : {1, 2}) {
        EXPECT_EQ(agreed(setting, 7), EcnMode::Classic);
        EXPECT_EQ(agreed(setting, 4), EcnMode::None);
    }
    EXPECT_EQ(agreed(0, 7), EcnMode::None);
    EXPECT_EQ(agreed(0, 7, true), EcnMode::Accurate) << "the controller needs it";
}

TEST(AccurateEcnHandshake, WhatIsAskedForByTheSetting) {
    Config config;
    const auto asked = [&](std::int64_t setting, bool needs_ecn = false, bool accurate = false) {
        config.tcp_ecn = setting;
        return mode_to_ask_for(needs_ecn, accurate, config);
    };
    EXPECT_EQ(asked(0), EcnMode::None);
    EXPECT_EQ(asked(1), EcnMode::Classic);
    EXPECT_EQ(asked(2), EcnMode::None);
    EXPECT_EQ(asked(3), EcnMode::Accurate);
    EXPECT_EQ(asked(4), EcnMode::Classic);
    EXPECT_EQ(asked(5), EcnMode::None);
    EXPECT_EQ(asked(0, true), EcnMode::Classic);
    EXPECT_EQ(asked(3, true), EcnMode::Accurate);
    EXPECT_EQ(asked(0, true, true), EcnMode::Accurate);
}

// RFC 9768 REQ-3.2.2.3
TEST(AccurateEcnHandshake, WhatAPathMayMakeOfACodepoint) {
    using enum Ecn;
    for (const Ecn e : {NotCapable, Capable0, Capable1, Congestion}) EXPECT_TRUE(may_become(e, e));
    EXPECT_TRUE(may_become(Capable0, Congestion));
    EXPECT_TRUE(may_become(Capable1, Congestion));
    EXPECT_TRUE(may_become(Capable1, Capable0));
    EXPECT_FALSE(may_become(NotCapable, Congestion));
    EXPECT_FALSE(may_become(NotCapable, Capable0));
    EXPECT_FALSE(may_become(Capable0, NotCapable));
    EXPECT_FALSE(may_become(Congestion, Capable0));
}

// RFC 9768 REQ-3.2.2.1: table 4.
TEST(AccurateEcnHandshake, TheThirdSegmentTellsHowTheSynAckCame) {
    const auto third = [](unsigned ace, Ecn sent, bool is_bare = true) {
        AccurateEcn a;
        a.set_sent(sent);
        a.await_third();
        a.on_third(static_cast<std::uint8_t>(ace), is_bare, true);
        if (is_bare) {
            EXPECT_EQ(a.on_ack({.ace = static_cast<std::uint8_t>(ace), .is_news = true}), 0);
        }
        EXPECT_FALSE(a.awaits_third());
        return std::pair{a.delivered_marks(), a.may_mark()};
    };
    EXPECT_EQ(third(0, Ecn::NotCapable), std::pair(0u, false));
    for (const unsigned ace : {1u, 2u, 5u, 7u}) {
        EXPECT_EQ(third(ace, Ecn::NotCapable), std::pair(0u, true)) << ace;
    }
    EXPECT_EQ(third(6, Ecn::Capable0), std::pair(1u, true));
    EXPECT_EQ(third(6, Ecn::NotCapable), std::pair(0u, false));
    EXPECT_EQ(third(3, Ecn::Capable1), std::pair(0u, true));
    EXPECT_EQ(third(6, Ecn::Capable0, false), std::pair(0u, true)) << "with data it is a counter";
    EXPECT_EQ(third(0, Ecn::NotCapable, false), std::pair(0u, true));
}

// RFC 9768 REQ-3.2.2.1: table 3.
TEST(AccurateEcnHandshake, AMarkedSynAckIsTheFirstMark) {
    AccurateEcn a;
    a.begin(Ecn::Congestion, true);
    EXPECT_EQ(a.take_ace(false), 0b110) << "so it came";
    EXPECT_EQ(a.take_ace(false), 6) << "and so many there were, from 5";
    AccurateEcn b;
    b.begin(Ecn::Capable1, true);
    EXPECT_EQ(b.take_ace(true), 5) << "with data it is a counter";
    EXPECT_EQ(b.take_ace(false), 5);
}

struct Hears : testing::Test {
    Hears() {
        a.begin(Ecn::NotCapable, false);
        a.hear_option({.counters = {1, 0, 1}, .count = 3, .begins_with_ect1 = true});
    }
    std::int32_t on_ack(unsigned ace, std::int32_t delivered,
                        const wire::AccurateEcnOption* option = nullptr) {
        return a.on_ack({.ace = static_cast<std::uint8_t>(ace & kAceMask),
                         .option = option,
                         .delivered = delivered,
                         .delivered_bytes = std::int64_t{delivered} * 1000,
                         .sent_bytes = 100'000,
                         .mss = 1000,
                         .is_news = true,
                         .has_advanced = delivered > 0,
                         .counts_well = true});
    }
    static wire::AccurateEcnOption bytes(std::uint32_t ect1, std::uint32_t ce, std::uint32_t ect0) {
        return {.counters = {ect1 + 1, ce, ect0 + 1}, .count = 3, .begins_with_ect1 = true};
    }
    AccurateEcn a;
};

TEST_F(Hears, TheDifferenceOfTheFieldIsTheMarks) {
    EXPECT_EQ(on_ack(5, 2), 0);
    EXPECT_EQ(on_ack(6, 2), 1);
    EXPECT_EQ(on_ack(7, 2), 1);
    EXPECT_EQ(on_ack(8, 1), 1) << "it wraps";
    EXPECT_EQ(on_ack(8, 7), 0);
    EXPECT_EQ(on_ack(15, 7), 7);
    EXPECT_EQ(a.delivered_marks(), 10u);
}

// RFC 9768 REQ-3.2.2.5.2, appendix A.2.1: of those that fit, the most.
TEST_F(Hears, ManyAtOnceAreTheMostThatFit) {
    EXPECT_EQ(on_ack(5, 8), 8);
    EXPECT_EQ(on_ack(5, 15), 8);
    EXPECT_EQ(on_ack(5, 16), 16);
    EXPECT_EQ(on_ack(6, 9), 9);
    EXPECT_EQ(on_ack(8, 9), 2);
}

TEST_F(Hears, TheOptionSaysThatNoneOfManyWasMarked) {
    auto o = bytes(0, 0, 1000);
    EXPECT_EQ(on_ack(5, 1, &o), 0);
    o = bytes(0, 0, 21'000);
    EXPECT_EQ(on_ack(5, 20, &o), 0);
    EXPECT_EQ(on_ack(5, 20), 0) << "nor, as likely as not, the next";
    EXPECT_EQ(a.delivered_bytes(Ecn::Capable0), 41'000u);
}

// Appendix A.2.2: the average of marked bytes, for many; for few a segment may be half as large.
TEST_F(Hears, TheOptionSaysHowManyOfManyWereMarked) {
    auto o = bytes(0, 1000, 0);
    EXPECT_EQ(on_ack(6, 1, &o), 1);
    o = bytes(0, 11'000, 10'000);
    EXPECT_EQ(on_ack(6 + 10, 20, &o), 10);
    o = bytes(0, 36'000, 15'000);
    EXPECT_EQ(on_ack(6 + 10 + 25, 30, &o), 25);
    o = bytes(5000, 40'000, 16'000);
    EXPECT_EQ(on_ack(6 + 10 + 25 + 4, 20, &o), 20) << "three counters have moved: the most";
}

// RFC 9768 REQ-3.2.3.2.5
TEST_F(Hears, BytesThatCameMarkedInNoPacketEndAllMarking) {
    auto o = bytes(0, 1000, 0);
    EXPECT_EQ(on_ack(6, 1, &o), 1);
    o = bytes(0, 3000, 0);
    EXPECT_EQ(on_ack(8, 2, &o), 2);
    EXPECT_TRUE(a.may_mark()) << "both say so";
    o = bytes(0, 4000, 1000);
    EXPECT_EQ(on_ack(8, 2, &o), 0);
    EXPECT_FALSE(a.may_mark());
    EXPECT_EQ(on_ack(9, 2), 0) << "nor is the field believed any more";
}

TEST_F(Hears, AFieldThatWasHeardBeforeTheOptionContradictsNothing) {
    auto o = bytes(0, 0, 1000);
    EXPECT_EQ(on_ack(5, 1, &o), 0);
    EXPECT_EQ(on_ack(6, 1), 1);
    o = bytes(0, 1000, 2000);
    EXPECT_EQ(on_ack(6, 1, &o), 0);
    EXPECT_TRUE(a.may_mark());
    // Nor one that was mangled before anything was told.
    AccurateEcn other;
    other.begin(Ecn::NotCapable, false);
    other.hear_option({.counters = {1, 0, 1}, .count = 3, .begins_with_ect1 = true});
    o = bytes(0, 1000, 0);
    EXPECT_EQ(other.on_ack({.ace = 5, .option = &o, .delivered = 1, .mss = 1000, .is_news = true}),
              0);
    EXPECT_TRUE(other.may_mark());
}

TEST_F(Hears, AFieldThatMayHaveWrappedContradictsNothing) {
    auto o = bytes(0, 0, 1000);
    EXPECT_EQ(on_ack(5, 1, &o), 0);
    EXPECT_EQ(on_ack(5, 11), 0) << "or eight";
    o = bytes(0, 8000, 5000);
    EXPECT_EQ(on_ack(5, 1, &o), 0);
    EXPECT_TRUE(a.may_mark());
    o = bytes(0, 9000, 5000);
    EXPECT_EQ(on_ack(5, 1, &o), 0);
    EXPECT_FALSE(a.may_mark()) << "now it is certain";
}

// RFC 9768 REQ-3.2.2.4
TEST_F(Hears, AFieldOfZeroAtFirstIsNotBelievedAndNothingIsEct) {
    EXPECT_TRUE(a.may_mark());
    EXPECT_EQ(on_ack(0, 1), 0);
    EXPECT_FALSE(a.may_mark());
    EXPECT_EQ(a.failures(), AccurateEcn::kAceNotHeard);
    EXPECT_EQ(on_ack(3, 2), 0);
}

TEST_F(Hears, OldAcksTellNothing) {
    EXPECT_EQ(a.on_ack({.ace = 7, .delivered = 0, .is_news = false}), 0);
    EXPECT_EQ(on_ack(7, 1), 2);
}

TEST(AccurateEcnOption, CountersWrapAt24Bits) {
    AccurateEcn a;
    constexpr std::uint32_t kMuch = 0x7f'0000;
    std::uint32_t sum = 0;
    for (int i = 0; i < 5; ++i) {
        sum += kMuch;
        const wire::AccurateEcnOption o{
            .counters = {1, 0, (sum + 1) & 0xff'ffff}, .count = 3, .begins_with_ect1 = true};
        a.on_ack({.ace = 5, .option = &o, .delivered = 1, .is_news = true});
        EXPECT_EQ(a.delivered_bytes(Ecn::Capable0), sum);
    }
}

// RFC 9768 REQ-3.2.3.2.4
TEST(AccurateEcnOption, AZeroedOneIsNotBelieved) {
    AccurateEcn a;
    a.hear_option({.counters = {1, 0, 0}, .count = 3, .begins_with_ect1 = true});
    EXPECT_EQ(a.seen(), AccurateEcn::Seen::Zeroed);
    EXPECT_EQ(a.failures(), AccurateEcn::kOptionNotHeard);
    AccurateEcn b;
    b.hear_option({});
    EXPECT_EQ(b.seen(), AccurateEcn::Seen::Empty);
    b.hear_option({.counters = {1, 0, 1}, .count = 3});
    EXPECT_EQ(b.seen(), AccurateEcn::Seen::Counters);
    b.hear_option({.counters = {0, 0, 0}, .count = 3});
    EXPECT_EQ(b.failures(), 0) << "later it may have come so far";
}

TEST(AccurateEcnOption, OneThatIsNotShownEarlyIsNeverBelieved) {
    AccurateEcn a;
    a.on_ack({.ace = 5, .delivered = 1, .sent_bytes = (1 << 23) - 1, .is_news = true});
    EXPECT_EQ(a.failures(), AccurateEcn::kOptionNotHeard);
}

// As tcp_ecn_option and tcp_ecn_option_beacon say.
TEST(AccurateEcnOption, IsSentWhereItIsWanted) {
    AccurateEcn a;
    const Instant now = Instant::from_ns(1'000'000'000);
    const auto wants = [&](std::int64_t setting, std::int64_t beacons = 0, Duration later = {}) {
        return a.wants_option(setting, beacons, 100_ms, now + later);
    };
    a.on_option_sent(now);
    EXPECT_FALSE(wants(0) || wants(1) || wants(2)) << "nothing was heard of one";
    EXPECT_TRUE(wants(3));
    a.hear_option({.counters = {1, 0, 1}, .count = 3, .begins_with_ect1 = true});
    EXPECT_FALSE(wants(0));
    EXPECT_FALSE(wants(1));
    EXPECT_TRUE(wants(2));
    EXPECT_FALSE(wants(1, 3, 33_ms));
    EXPECT_TRUE(wants(1, 3, 34_ms)) << "three in a round trip";
    a.on_segment(Ecn::Capable0, 1, 100);
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(wants(1)) << "a change is told twice";
        a.on_option_sent(now);
    }
    EXPECT_FALSE(wants(1));
    a.on_segment(Ecn::Capable0, 1, 1 << 22);
    EXPECT_TRUE(wants(1)) << "a counter has come far";
    a.on_option_sent(now);
    EXPECT_FALSE(wants(1));
}

TEST(AccurateEcnCounters, OfWhatComesAreByPacketAndByByte) {
    AccurateEcn a;
    a.begin(Ecn::NotCapable, false);
    EXPECT_TRUE(a.on_segment(Ecn::Capable0, 1, 1000)) << "a change";
    EXPECT_EQ(a.least_counters(), 3u);
    EXPECT_FALSE(a.on_segment(Ecn::Capable0, 1, 1000));
    EXPECT_TRUE(a.on_segment(Ecn::Congestion, 1, 500)) << "a change";
    EXPECT_TRUE(a.on_segment(Ecn::Congestion, 1, 500)) << "two that were not told";
    EXPECT_EQ(a.take_ace(false), 7);
    EXPECT_FALSE(a.on_segment(Ecn::Congestion, 1, 500));
    EXPECT_FALSE(a.on_segment(Ecn::Congestion, 2, 0)) << "without data there is no hurry";
    EXPECT_FALSE(a.is_nearly_full());
    a.on_segment(Ecn::Congestion, 3, 0);
    EXPECT_TRUE(a.is_nearly_full());
    EXPECT_EQ(a.take_ace(true), (5 + 8) % 8);
    EXPECT_FALSE(a.is_nearly_full());
    const wire::AccurateEcnOption o = a.option();
    EXPECT_EQ(o.counters, (std::array<std::uint32_t, 3>{1, 1500, 2001}));
    EXPECT_TRUE(o.begins_with_ect1);
    EXPECT_EQ(a.received_marks(), 8u);
}

// What one end counts the other learns, as long as an ACK is for fewer than eight: whatever is marked.
TEST(AccurateEcnCounters, AreTheSameAtBothEnds) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Prng prng{seed};
        AccurateEcn receiver;
        AccurateEcn sender;
        receiver.begin(Ecn::NotCapable, false);
        std::int32_t untold = 0;
        for (int i = 0; i < 300; ++i) {
            const bool is_marked = prng.chance(1, 1 + seed % 7);
            const bool is_due =
                receiver.on_segment(is_marked ? Ecn::Congestion : Ecn::Capable0, 1, 1000);
            ++untold;
            if (!is_due && untold < 7 && !prng.chance(1, 3)) continue;
            const wire::AccurateEcnOption o = receiver.option();
            sender.on_ack({.ace = receiver.take_ace(false),
                           .option = prng.chance(1, 2) ? &o : nullptr,
                           .delivered = std::exchange(untold, 0),
                           .mss = 1000,
                           .is_news = true,
                           .has_advanced = i > 100});
            ASSERT_EQ(sender.delivered_marks(), receiver.received_marks()) << "seed " << seed;
        }
    }
}

// A peer that lies: whatever it says, no more than was delivered and what the field holds is believed.
TEST(AccurateEcnCounters, OfALiarAreBounded) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Prng prng{seed};
        AccurateEcn a;
        for (int i = 0; i < 300; ++i) {
            wire::AccurateEcnOption o{.count = static_cast<std::uint8_t>(prng.below(4)),
                                      .begins_with_ect1 = prng.chance(1, 2)};
            for (auto& c : o.counters) c = static_cast<std::uint32_t>(prng.below(1 << 24));
            const auto delivered = static_cast<std::int32_t>(prng.below(100));
            const std::int32_t marks =
                a.on_ack({.ace = static_cast<std::uint8_t>(prng.below(8)),
                          .option = prng.chance(1, 2) ? &o : nullptr,
                          .delivered = delivered,
                          .delivered_bytes = static_cast<std::int64_t>(prng.below(100'000)),
                          .sent_bytes = 1,
                          .mss = 1000,
                          .is_news = true,
                          .has_advanced = true,
                          .counts_well = prng.chance(1, 2)});
            ASSERT_GE(marks, 0) << "seed " << seed;
            ASSERT_LE(marks, std::max(delivered, 7)) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace fairlead::tcp
