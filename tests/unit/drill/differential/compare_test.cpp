#include "drill/differential/compare.hpp"

#include <gtest/gtest.h>

namespace fairlead::drill::differential {
namespace {

Entry in(Duration at) { return {at, Arrived{{.flags = {.ack = true}, .ack = 1, .window = 1000}}}; }
Entry out(Duration at, std::uint16_t window = 500, TcpFlags flags = {.ack = true}) {
    return {at, Left{.body = {.flags = flags, .ack = 1, .window = window}}};
}
Trace trace(std::vector<Entry> entries) { return {.entries = std::move(entries), .ends = 1_s}; }

std::string text_of(const std::optional<Difference>& difference) {
    return difference ? difference->text : "";
}

TEST(Compare, TheSameIsTheSame) {
    const Trace one = trace({in(0_ms), out(0_ms), in(10_ms), out(50_ms)});
    EXPECT_FALSE(compare(one, one));
}

TEST(Compare, AFieldThatDiffersIsNamedWithBothValues) {
    const auto d = compare(trace({in(0_ms), out(0_ms)}), trace({in(0_ms), out(0_ms, 501)}));
    EXPECT_EQ(text_of(d), "win of [.]: kernel 500, stack 501");
    EXPECT_EQ(d->kernel, 1u);
}

TEST(Compare, AMarkIsAFieldToo) {
    Trace marked = trace({in(0_ms), out(0_ms)});
    std::get<Left>(marked.entries[1].what).mark = EcnMark::Ect0;
    EXPECT_EQ(text_of(compare(marked, trace({in(0_ms), out(0_ms)}))),
              "ecn of [.]: kernel ect0, stack noecn");
}

TEST(Compare, APacketOfOneSideIsADifference) {
    const Trace two = trace({in(0_ms), out(0_ms), out(0_ms)});
    const Trace one = trace({in(0_ms), out(0_ms)});
    EXPECT_EQ(text_of(compare(two, one)), "only the kernel sends [.]");
    EXPECT_EQ(text_of(compare(one, two)), "only the stack sends [.]");
}

TEST(Compare, AnAckMayNotMoveToTheNextInput) {
    const Trace early = trace({in(0_ms), out(0_ms), in(100_ms)});
    const Trace late = trace({in(0_ms), in(100_ms), out(100_ms)});
    const auto d = compare(early, late);
    ASSERT_TRUE(d);
    EXPECT_FALSE(d->is_unsteady);
}

TEST(Compare, ATimerJustBeforeAnInputIsUnsteady) {
    const Trace early = trace({in(0_ms), out(40_ms), in(45_ms)});
    const Trace late = trace({in(0_ms), in(45_ms), out(46_ms)});
    const auto d = compare(early, late);
    ASSERT_TRUE(d);
    EXPECT_TRUE(d->is_unsteady);
}

Entry data_in(Duration at) {
    return {at, Arrived{{.flags = {.ack = true},
                         .range = {.begin = 1, .end = 101, .bytes = 100},
                         .ack = 1,
                         .window = 1000}}};
}
Entry ack_in(Duration at, std::uint32_t ack) {
    return {at, Arrived{{.flags = {.ack = true}, .ack = ack, .window = 1000}}};
}
Entry data_out(Duration at, std::uint32_t begin) {
    return {at, Left{.body = {.flags = {.ack = true},
                              .range = {.begin = begin, .end = begin + 100, .bytes = 100},
                              .ack = 1,
                              .window = 500}}};
}

TEST(Compare, WhatWaitsMayLeaveBehindTheNextDataWhereThatFindsNoPage) {
    const Trace first = trace({data_in(0_ms), data_out(0_ms, 1), data_in(1_ms)});
    const Trace second = trace({data_in(0_ms), data_in(1_ms), data_out(1_ms, 1)});
    ASSERT_TRUE(compare(first, second));
    EXPECT_TRUE(compare(first, second)->is_unsteady);
    EXPECT_TRUE(compare(second, first)->is_unsteady);
    // But not behind an ACK alone, nor where it never leaves.
    const Trace alone = trace({in(0_ms), data_out(0_ms, 1), data_in(1_ms)});
    EXPECT_FALSE(compare(alone, trace({in(0_ms), data_in(1_ms), data_out(1_ms, 1)}))->is_unsteady);
    EXPECT_FALSE(compare(first, trace({data_in(0_ms), data_in(1_ms)}))->is_unsteady);
}

TEST(Compare, WhatIsLostWithinAWriteMayBeLostALittleLater) {
    const Entry write{0_ms, Called{}};
    const auto kernel = [&](Duration second, Duration again) {
        return trace({write, data_out(0_ms, 1), data_out(second, 101), ack_in(20_ms, 101),
                      ack_in(21_ms, 101), data_out(again, 101)});
    };
    const Trace stack = trace({write, data_out(0_ms, 1), data_out(0_ms, 101), ack_in(20_ms, 101),
                               data_out(20_ms, 101), ack_in(21_ms, 101)});
    ASSERT_TRUE(compare(kernel(30_us, 21_ms), stack));
    EXPECT_TRUE(compare(kernel(30_us, 21_ms), stack)->is_unsteady);
    EXPECT_FALSE(compare(kernel(0_us, 21_ms), stack)->is_unsteady);
    EXPECT_FALSE(compare(kernel(30_us, 80_ms), stack)->is_unsteady);
}

TEST(Compare, ATimerMayBeLateByAPartOfItsTimeWhateverIsAskedMeanwhile) {
    const Entry question{700_ms, Called{}};
    const Trace early = trace({in(0_ms), out(300_ms), question, out(730_ms), in(770_ms)});
    const Trace late = trace({in(0_ms), out(300_ms), question, in(770_ms), out(771_ms)});
    const auto d = compare(late, early);
    ASSERT_TRUE(d);
    EXPECT_TRUE(d->is_unsteady);
    const Trace too_early = trace({in(0_ms), out(300_ms), question, out(710_ms), in(790_ms)});
    const auto e = compare(trace({in(0_ms), out(300_ms), question, in(790_ms)}), too_early);
    ASSERT_TRUE(e);
    EXPECT_FALSE(e->is_unsteady);
}

TEST(Compare, ADelayIsNoAnswerAtOnce) {
    const Trace now = trace({in(0_ms), out(0_ms)});
    const Trace delayed = trace({in(0_ms), out(40_ms)});
    EXPECT_EQ(text_of(compare(now, delayed)), "time of [.]: kernel 0, stack 0.04");
}

TEST(Compare, WhatIsKnownIsPassedOverAndHidesNothingElse) {
    const auto known = parse_known(
        "# of a test\n"
        "what: win of [.]: kernel 500, stack *\n"
        "reason: it is meant\n");
    ASSERT_TRUE(known);
    const Trace kernel = trace({in(0_ms), out(0_ms), in(10_ms), out(10_ms)});
    EXPECT_FALSE(compare(kernel, trace({in(0_ms), out(0_ms, 501), in(10_ms), out(10_ms)}), *known));
    const Trace pushed =
        trace({in(0_ms), out(0_ms, 501), in(10_ms), out(10_ms, 500, {.psh = true, .ack = true})});
    EXPECT_EQ(text_of(compare(kernel, pushed, *known)), "flags: kernel ., stack P.");
}

TEST(Known, HoldsOnlyWhereItsLineWasSeen) {
    const auto known = parse_known(
        "what: win of [.]: *\n"
        "when: * SO_RCVBUF, *\n"
        "reason: it is meant\n");
    ASSERT_TRUE(known);
    EXPECT_TRUE(
        is_known(*known, "win of [.]: kernel 1, stack 2", {"0.1 setsockopt(3, SO_RCVBUF, [1])"}));
    EXPECT_FALSE(
        is_known(*known, "win of [.]: kernel 1, stack 2", {"0.1 setsockopt(3, SO_SNDBUF, [1])"}));
}

TEST(Known, ABlockWithoutAReasonIsRefused) {
    EXPECT_EQ(parse_known("what: flags\n").error(), "line 1: a block needs what: and reason:");
}

TEST(Known, SaysBehindWhichInputItIs) {
    const auto known = parse_known("what: flags: *\nbehind: * read(*\nreason: because\n");
    ASSERT_TRUE(known);
    EXPECT_TRUE(is_known(*known, "flags: a", {}, "0.1 read(3, ..., 1) = 1"));
    EXPECT_FALSE(is_known(*known, "flags: a", {}, "0.1 write(3, ..., 1) = 1"));
}

// A segment of ours, and one of the peer's.
Entry data(Duration at, std::uint32_t begin, bool psh = false) {
    const SequenceRange range{.begin = begin, .end = begin + 100, .bytes = 100};
    return {at, Left{.body = {.flags = {.psh = psh, .ack = true}, .range = range, .ack = 1}}};
}
Entry ack(Duration at, std::uint32_t number) {
    const SequenceRange range{.begin = 1, .end = 1, .bytes = 0};
    return {at, Arrived{{.flags = {.ack = true}, .range = range, .ack = number, .window = 1000}}};
}
Entry heard(Duration at, std::uint32_t begin) {
    const SequenceRange range{.begin = begin, .end = begin + 100, .bytes = 100};
    return {at, Arrived{{.flags = {.ack = true}, .range = range, .ack = 1, .window = 1000}}};
}

TEST(Compare, APushIsUnsteadyWhereTheRoundTripsDiffer) {
    const auto played = [](Duration departure, bool psh) {
        return trace({in(0_ms), data(departure, 1), ack(20_ms, 101), data(20_ms, 101, psh)});
    };
    const auto near = compare(played(0_ms, true), played(0_ms, false));
    ASSERT_TRUE(near);
    EXPECT_FALSE(near->is_unsteady);
    const auto late = compare(played(8_ms, true), played(0_ms, false));
    ASSERT_TRUE(late);
    EXPECT_TRUE(late->is_unsteady);
}

TEST(Compare, TheRestOfAWindowIsUnsteadyWhereTheRoundTripsDiffer) {
    const auto played = [](Duration departure) {
        return trace({in(0_ms), data(departure, 1), ack(20_ms, 101), data(20_ms, 101)});
    };
    const auto with_rest = [&](Duration departure) {
        Trace t = played(departure);
        t.entries.push_back(data(20_ms, 201));
        return t;
    };
    const auto steady = compare(played(1_ms), with_rest(0_ms));
    ASSERT_TRUE(steady);
    EXPECT_FALSE(steady->is_unsteady);
    const auto unsteady = compare(played(8_ms), with_rest(0_ms));
    ASSERT_TRUE(unsteady);
    EXPECT_TRUE(unsteady->is_unsteady);
}

TEST(Compare, AnAckIsUnsteadyWhereOneHasBeenOwedForThreeQuartersOfItsTime) {
    const auto played = [](Duration owed, bool answers) {
        Trace t = trace({in(0_ms), data(0_ms, 1), ack(5_ms, 101), heard(10_ms, 1), out(10_ms),
                         heard(20_ms, 101), heard(20_ms + owed, 201)});
        if (answers) t.entries.push_back(out(20_ms + owed));
        return t;
    };
    for (const auto& [owed, is_unsteady] :
         {std::pair{20_ms, false}, {28_ms, true}, {36_ms, false}}) {
        const auto d = compare(played(owed, true), played(owed, false));
        ASSERT_TRUE(d);
        EXPECT_EQ(d->is_unsteady, is_unsteady) << owed.ms();
    }
}

TEST(Compare, AnAckBehindASilenceAsLongAsTheRtoIsUnsteady) {
    const auto played = [](Duration silence, bool answers) {
        Trace t = trace({in(0_ms), data(0_ms, 1), ack(1_ms, 101), heard(10_ms, 1),
                         heard(10_ms + silence, 101)});
        if (answers) t.entries.push_back(out(10_ms + silence));
        return t;
    };
    for (const auto& [silence, is_unsteady] :
         {std::pair{190_ms, false}, {203_ms, true}, {220_ms, false}}) {
        const auto d = compare(played(silence, false), played(silence, true));
        ASSERT_TRUE(d);
        EXPECT_EQ(d->is_unsteady, is_unsteady) << silence.ms();
    }
}

}  // namespace
}  // namespace fairlead::drill::differential
