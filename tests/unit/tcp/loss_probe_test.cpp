#include "tcp/loss_probe.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

using Verdict = LossProbe::Verdict;

LossProbe sent(std::int64_t end, bool is_retransmission) {
    LossProbe probe;
    probe.on_sent(Position{end}, is_retransmission);
    return probe;
}

TEST(LossProbeRoom, TheProbeLeavesAfterTwoRoundTrips) {
    EXPECT_EQ(LossProbe::wait(100_ms, 3, 200_ms), 202_ms);
    EXPECT_EQ(LossProbe::wait(100_ms, 1, 200_ms), 400_ms);
}

TEST(LossProbeRoom, AnAckBelowItsEndSaysNothing) {
    LossProbe probe = sent(5001, true);
    EXPECT_EQ(probe.on_ack({.una = Position{4001}, .next = Position{5001}, .is_news = true}),
              Verdict::Waiting);
    EXPECT_TRUE(probe.is_out());
}

TEST(LossProbeRoom, NewDataThatIsAcknowledgedRepairedNothing) {
    LossProbe probe = sent(6001, false);
    EXPECT_EQ(probe.on_ack({.una = Position{7001}, .next = Position{8001}, .is_news = true}),
              Verdict::Needless);
    EXPECT_FALSE(probe.is_out());
}

TEST(LossProbeRoom, ADsackOfItMeansThatBothCopiesArrived) {
    LossProbe probe = sent(5001, true);
    EXPECT_EQ(probe.on_ack({.una = Position{5001}, .next = Position{5001}, .is_news = true}),
              Verdict::Waiting);
    EXPECT_EQ(probe.on_ack({.una = Position{5001}, .next = Position{5001}, .names_end = true}),
              Verdict::Needless);
}

TEST(LossProbeRoom, AMereDuplicateMeansItToo) {
    LossProbe probe = sent(5001, true);
    EXPECT_EQ(probe.on_ack({.una = Position{5001}, .next = Position{5001}}), Verdict::Needless);
}

TEST(LossProbeRoom, TheAckOfWhatCameLaterMeansThatItFilledAHole) {
    LossProbe probe = sent(5001, true);
    EXPECT_EQ(probe.on_ack({.una = Position{6001}, .next = Position{9001}, .is_news = true}),
              Verdict::Repaired);
    EXPECT_FALSE(probe.is_out());
}

// Only thirty bits are kept: more than any window.
TEST(LossProbeRoom, ItsEndIsKnownFarFromTheStreamsBeginning) {
    const std::int64_t far = (std::int64_t{7} << 30) + 12;
    EXPECT_EQ(sent(far, true).end(Position{far + (1 << 29)}), Position{far});
    EXPECT_EQ(sent(far - 20, true).end(Position{far}), Position{far - 20});
}

}  // namespace
}  // namespace fairlead::tcp
