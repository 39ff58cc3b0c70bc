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

}  // namespace
}  // namespace fairlead::drill::differential
