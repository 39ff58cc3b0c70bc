#include "tcp/undo.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

TEST(UndoRoom, WithADsackForEachRetransmissionNoneWasNeeded) {
    Undo undo;
    undo.begin(at(1001), 0);
    EXPECT_FALSE(undo.all_were_needless()) << "nothing was sent yet";
    undo.on_retransmitted(2, ms(10));
    undo.on_duplicate(1, at(2001));
    EXPECT_FALSE(undo.all_were_needless());
    undo.on_duplicate(1, at(1001));
    EXPECT_FALSE(undo.all_were_needless()) << "from before the recovery";
    undo.on_duplicate(5, at(3001));
    EXPECT_TRUE(undo.all_were_needless());
    undo.forget();
    EXPECT_FALSE(undo.all_were_needless());
}

TEST(UndoRoom, ARetransmissionFromBeforeIsWaitedForAsWell) {
    Undo undo;
    undo.begin(at(1001), 1);
    undo.on_retransmitted(1, ms(10));
    undo.on_duplicate(1, at(2001));
    EXPECT_FALSE(undo.all_were_needless());
    undo.on_duplicate(1, at(2001));
    EXPECT_TRUE(undo.all_were_needless());
}

// RFC 3522 §3.2: what echoes a time before the retransmission is of the original. Timestamps tick in
// milliseconds.
TEST(UndoRoom, AnEchoFromBeforeTheRetransmissionMeansTheOriginalArrived) {
    Undo undo;
    undo.begin(at(1001), 0);
    undo.on_retransmitted(1, ms(10) + 900_us);
    undo.on_retransmitted(1, ms(20));
    EXPECT_FALSE(undo.is_due({}));
    EXPECT_FALSE(undo.is_due(ms(10))) << "the same tick";
    EXPECT_TRUE(undo.is_due(ms(9)));
    undo.forget_retransmissions();
    EXPECT_TRUE(undo.is_due({})) << "nothing was sent again: what came was late";
}

}  // namespace
}  // namespace fairlead::tcp
