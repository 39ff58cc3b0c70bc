#include "tcp/recovery.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

using Step = Recovery::Step;

// Without SACK: `sacked` stands for the duplicate ACKs counted.
Recovery::Ack reno(std::int64_t una, std::int64_t next, bool has_advanced, std::int32_t duplicates,
                   std::int32_t lost = 0) {
    return {.una = at(una),
            .next = at(next),
            .has_advanced = has_advanced,
            .has_sack = false,
            .sacked = duplicates,
            .lost = lost};
}
Recovery::Ack sack(std::int64_t una, std::int64_t next, bool has_advanced, std::int32_t sacked,
                   std::int32_t lost) {
    return {.una = at(una),
            .next = at(next),
            .has_advanced = has_advanced,
            .has_sack = true,
            .sacked = sacked,
            .lost = lost};
}

TEST(RecoveryRoom, TheThirdDuplicateIsALoss) {
    Recovery r;
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 1)), Step::None);
    EXPECT_EQ(r.phase(), CongestionState::Disorder);
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 2)), Step::None);
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 3)), Step::Enter);
    EXPECT_EQ(r.phase(), CongestionState::Recovery);
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 4, 1)), Step::None) << "once";
}

TEST(RecoveryRoom, AnAckThatAdvancesEndsDisorder) {
    Recovery r;
    r.on_ack(reno(1, 10'001, false, 2));
    EXPECT_EQ(r.on_ack(reno(1001, 10'001, true, 0)), Step::None);
    EXPECT_EQ(r.phase(), CongestionState::Open);
}

// tcp_reordering.
TEST(RecoveryRoom, MoreDuplicatesAreWaitedForWhereReorderingIsKnown) {
    Recovery r;
    r.set_threshold(5);
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 4)), Step::None);
    EXPECT_EQ(r.on_ack(reno(1, 10'001, false, 5)), Step::Enter);
}

// RFC 6582 §3.2, step 3: an ACK of a part says that the next segment is missing too.
TEST(RecoveryRoom, EachPartialAckIsTheNextHole) {
    Recovery r;
    r.on_ack(reno(1, 10'001, false, 3));
    EXPECT_EQ(r.on_ack(reno(3001, 12'001, true, 1)), Step::PartialAck);
    EXPECT_EQ(r.on_ack(reno(5001, 12'001, true, 0)), Step::PartialAck);
    EXPECT_EQ(r.on_ack(reno(5001, 12'001, false, 1)), Step::None);
    EXPECT_EQ(r.on_ack(reno(10'002, 12'001, true, 0)), Step::Leave);
    EXPECT_EQ(r.phase(), CongestionState::Open);
}

// RFC 6582 §3.2, as Linux has it: at the very end duplicates of the retransmissions may still come;
// they must not begin a second round.
TEST(RecoveryRoom, WithoutSackTheEndIsHeldUntilSomethingAboveItIsAcknowledged) {
    for (const std::int64_t next : {10'001, 12'001}) {
        SCOPED_TRACE(next);
        Recovery r;
        r.on_ack(reno(1, 10'001, false, 3));
        EXPECT_EQ(r.on_ack(reno(10'001, next, true, 0)), Step::None);
        EXPECT_EQ(r.phase(), CongestionState::Recovery);
        for (int i = 1; i < 6; ++i) {
            EXPECT_EQ(r.on_ack(reno(10'001, 12'001, false, i)), Step::None);
        }
        EXPECT_EQ(r.on_ack(reno(11'001, 12'001, true, 0)), Step::Leave);
        EXPECT_EQ(r.phase(), CongestionState::Open);
    }
}

TEST(RecoveryRoom, WithSackALossIsWhatTheScoreboardCallsOne) {
    Recovery r;
    EXPECT_EQ(r.on_ack(sack(1, 10'001, false, 5, 0)), Step::None);
    EXPECT_EQ(r.phase(), CongestionState::Disorder);
    EXPECT_EQ(r.on_ack(sack(1, 10'001, false, 6, 1)), Step::Enter);
    EXPECT_EQ(r.on_ack(sack(3001, 10'001, true, 5, 1)), Step::None) << "no partial ACKs with SACK";
    EXPECT_EQ(r.on_ack(sack(10'001, 12'001, true, 0, 0)), Step::Leave) << "nothing is held";
}

TEST(RecoveryRoom, ATimeoutIsTheFirstForItsDataOnce) {
    Recovery r;
    EXPECT_TRUE(r.on_timeout(at(1), at(10'001)));
    EXPECT_EQ(r.phase(), CongestionState::Loss);
    EXPECT_FALSE(r.on_timeout(at(1), at(10'001))) << "the same data again";
    EXPECT_EQ(r.on_ack(sack(2001, 10'001, true, 0, 8)), Step::None);
    EXPECT_TRUE(r.on_timeout(at(2001), at(10'001))) << "there was progress between";
    EXPECT_EQ(r.on_ack(sack(10'001, 10'001, true, 0, 0)), Step::Leave);
    EXPECT_TRUE(r.on_timeout(at(10'001), at(11'001)));
}

TEST(RecoveryRoom, ATimeoutWithinARecoveryDoesNotReduceTwice) {
    Recovery r;
    r.on_ack(sack(1, 10'001, false, 6, 1));
    EXPECT_FALSE(r.on_timeout(at(1), at(10'001)));
}

TEST(RecoveryRoom, InLossNoPartialAckMarksAnything) {
    Recovery r;
    r.on_timeout(at(1), at(10'001));
    EXPECT_EQ(r.on_ack(reno(3001, 10'001, true, 0, 7)), Step::None);
}

}  // namespace
}  // namespace fairlead::tcp
