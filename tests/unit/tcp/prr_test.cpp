#include "tcp/prr.hpp"

#include <gtest/gtest.h>

namespace fairlead::tcp {
namespace {

// RFC 9937, figure 1 of RFC 6937: a window of 20, reno halves it, one is lost and the other 19
// acknowledged one by one: every second ACK sends.
TEST(RateReductionRoom, ComesDownInProportionToWhatArrives) {
    RateReduction prr;
    prr.begin(20);
    std::int32_t pipe = 20 - 3 - 1;  // three SACKed, one lost
    std::int32_t sent = 0;
    const auto ack = [&](std::int32_t delivered) {
        const std::int32_t n =
            prr.allowance({.delivered = delivered, .in_flight = pipe, .threshold = 10});
        prr.on_sent(n);
        pipe += n;
        sent += n;
        return n;
    };
    EXPECT_EQ(ack(3), 2) << "10/20 of three, rounded up";
    for (int i = 0; i < 16; ++i) {
        --pipe;
        ack(1);
    }
    EXPECT_EQ(sent, 10);
    EXPECT_EQ(pipe, 10);
}

TEST(RateReductionRoom, TheFirstRetransmissionAlwaysGoes) {
    RateReduction prr;
    prr.begin(10);
    EXPECT_EQ(prr.allowance({.delivered = 1, .in_flight = 9, .threshold = 1}), 1);
    prr.on_sent(1);
    EXPECT_EQ(prr.allowance({.delivered = 1, .in_flight = 9, .threshold = 1}), 0);
}

// RFC 9937 §6.2: below the threshold as much as arrived, and one more where that is safe.
TEST(RateReductionRoom, BelowTheThresholdItConservesOrStartsSlowly) {
    RateReduction prr;
    prr.begin(20);
    EXPECT_EQ(prr.allowance({.delivered = 2, .in_flight = 4, .threshold = 10}), 2);
    prr.on_sent(2);
    EXPECT_EQ(prr.allowance({.delivered = 2, .in_flight = 4, .threshold = 10, .is_safe = true}), 3);
    prr.on_sent(3);
    EXPECT_EQ(prr.allowance({.delivered = 5, .in_flight = 9, .threshold = 10, .is_safe = true}), 1)
        << "never above it";
}

}  // namespace
}  // namespace fairlead::tcp
