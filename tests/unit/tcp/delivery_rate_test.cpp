#include "tcp/delivery_rate.hpp"

#include <gtest/gtest.h>

#include "tcp/congestion/windowed_max.hpp"
#include "tcp/pacer.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

struct DeliveryRateRoom : testing::Test {
    // Ten chunks of ten segments; they leave 10 ms apart from 1000 ms on, and each takes 50 ms.
    void send(std::size_t n, Instant now) {
        Chunk& c = chunks.at(n);
        c.begin = at(static_cast<std::int64_t>(n) * 1000);
        c.end = c.begin + 1000;
        c.segments = 10;
        rate.on_sent(c, delivered, out, out == 0, now);
        c.first_sent = c.last_sent = now;
        out += c.segments;
    }
    RateSample ack(std::size_t n, Instant now, Duration least = 50_ms) {
        const Chunk& c = chunks.at(n);
        rate.on_delivered(c);
        out -= c.segments;
        delivered += c.segments;
        return rate.take({.delivered = delivered, .newly = c.segments, .least = least}, now);
    }
    DeliveryRate rate;
    std::array<Chunk, 10> chunks{};
    std::uint32_t delivered = 1;
    std::int32_t out = 0;
};

TEST_F(DeliveryRateRoom, TellsTheSegmentsOfARoundTrip) {
    send(0, ms(1000));
    const RateSample one = ack(0, ms(1050));
    EXPECT_EQ(one.delivered, 10);
    EXPECT_EQ(one.delivered_before, 1u);
    EXPECT_EQ(one.interval, 50_ms);
    EXPECT_FALSE(one.is_app_limited);
    EXPECT_EQ(rate.told().bytes_per_second(100), 10 * 100 * 20);
    EXPECT_FALSE(rate.told().was_app_limited);
}

TEST_F(DeliveryRateRoom, TakesTheLongerOfSendingAndAcknowledging) {
    for (std::size_t i = 0; i < 5; ++i) send(i, ms(1000 + static_cast<std::int64_t>(i) * 10));
    // The ACKs come in a bunch: they say that more arrived than could have been sent.
    for (std::size_t i = 0; i < 4; ++i) (void)ack(i, ms(1090));
    send(5, ms(1090));
    EXPECT_EQ(ack(4, ms(1091)).interval, 91_ms) << "since the first of the flight left";
    const RateSample next = ack(5, ms(1145));
    EXPECT_EQ(next.delivered, 20);
    EXPECT_EQ(next.interval, 60_ms)
        << "in which they were sent: 1030 to 1090, 55 ms to acknowledge";
}

TEST_F(DeliveryRateRoom, OfOneAckTheLastThatWasSentCounts) {
    send(0, ms(1000));
    (void)ack(0, ms(1050));
    send(1, ms(1050));
    send(2, ms(1060));
    rate.on_delivered(chunks[2]);  // SACKed first
    rate.on_delivered(chunks[1]);
    delivered += 20;
    const RateSample s = rate.take({.delivered = delivered, .newly = 20, .least = 50_ms}, ms(1110));
    EXPECT_EQ(s.delivered, 20);
    EXPECT_EQ(s.interval, 60_ms);
}

TEST_F(DeliveryRateRoom, TellsHowMuchWasOutAndWhatWasLostSince) {
    send(0, ms(1000));
    send(1, ms(1001));
    rate.on_lost(3, &chunks[0]);
    send(2, ms(1002));
    rate.on_lost(4, &chunks[2]);
    const RateSample one = ack(1, ms(1051));
    EXPECT_EQ(one.sent_in_flight, 20) << "it included";
    EXPECT_EQ(one.lost, 7);
    const RateSample two = ack(2, ms(1052));
    EXPECT_EQ(two.sent_in_flight, 30);
    EXPECT_EQ(two.lost, 4);
    EXPECT_EQ(rate.lost(), 7u);
}

TEST_F(DeliveryRateRoom, OfWhatWasLostTheFirstToLeaveTells) {
    send(0, ms(1000));
    send(1, ms(1001));
    EXPECT_EQ(rate.take_loss().segments, 0);
    rate.on_lost(3, &chunks[0]);
    rate.on_lost(4, &chunks[1]);
    const LossSample loss = rate.take_loss();
    EXPECT_EQ(loss.segments, 7);
    EXPECT_EQ(loss.lost, 7);
    EXPECT_EQ(loss.sent_in_flight, 10);
    EXPECT_EQ(rate.take_loss().segments, 0) << "once";
}

TEST_F(DeliveryRateRoom, ShorterThanARoundTripIsNoSample) {
    send(0, ms(1000));
    const RateSample s = ack(0, ms(1020), 50_ms);
    EXPECT_FALSE(s.is_valid());
    EXPECT_EQ(rate.told().bytes_per_second(100), 0);
}

TEST_F(DeliveryRateRoom, WhatIsSentInAPauseIsMarkedUntilThePauseHasArrived) {
    send(0, ms(1000));
    rate.limit(delivered, out);
    send(1, ms(1010));
    EXPECT_FALSE(chunks[0].is_app_limited);
    EXPECT_TRUE(chunks[1].is_app_limited);
    EXPECT_FALSE(ack(0, ms(1050)).is_app_limited);
    EXPECT_TRUE(ack(1, ms(1060)).is_app_limited);
    send(2, ms(1060));
    EXPECT_FALSE(chunks[2].is_app_limited);
}

// What TCP_INFO shows: a slower sample of a pause does not replace a faster one.
TEST_F(DeliveryRateRoom, APauseDoesNotLowerWhatIsTold) {
    send(0, ms(1000));
    (void)ack(0, ms(1050));
    rate.limit(delivered, 0);
    send(1, ms(2000));
    EXPECT_TRUE(ack(1, ms(2100)).is_app_limited);
    EXPECT_EQ(rate.told().bytes_per_second(100), 20'000);
}

TEST_F(DeliveryRateRoom, WithoutNewsThereIsNoSample) {
    EXPECT_FALSE(rate.take({.delivered = 1}, ms(1000)).is_valid());
    Chunk never_measured;
    never_measured.last_sent = ms(990);
    rate.on_delivered(never_measured);
    EXPECT_FALSE(rate.take({.delivered = 2, .newly = 1}, ms(1000)).is_valid());
}

TEST(PacerRoom, APacketTakesAsLongAsItsBytes) {
    Pacer pacer;
    EXPECT_FALSE(pacer.is_on());
    pacer.set_rate(1'000'000);
    ASSERT_TRUE(pacer.is_on());
    EXPECT_TRUE(pacer.may_leave(ms(1)));
    pacer.on_sent(10'000, 10, ms(1000));
    // Half of it is forgiven for the silence before.
    EXPECT_EQ(pacer.next(), ms(1005));
    EXPECT_FALSE(pacer.may_leave(ms(1004)));
    pacer.on_sent(10'000, 20, ms(1005));
    EXPECT_EQ(pacer.next(), ms(1015));
    pacer.on_sent(10'000, 30, ms(1016));
    EXPECT_EQ(pacer.next(), ms(1025)) << "1 ms late, which is made up for";
}

TEST(PacerRoom, TheFirstSegmentsAreFree) {
    Pacer pacer;
    pacer.set_rate(1'000);
    pacer.on_sent(9'000, 9, ms(1000));
    EXPECT_TRUE(pacer.may_leave(ms(1000)));
}

TEST(PacerRoom, TheApplicationsLimitHolds) {
    Pacer pacer;
    pacer.set_most(50'000);
    EXPECT_TRUE(pacer.is_on());
    EXPECT_EQ(pacer.rate(), 50'000);
    pacer.set_rate(1'000'000);
    EXPECT_EQ(pacer.rate(), 50'000);
    pacer.set_rate(20'000);
    EXPECT_EQ(pacer.rate(), 20'000);
}

// Against the plain definition, for every window of ten rounds.
TEST(WindowedMaxRoom, IsNeverBelowTheLatestAndNeverOlderThanTheWindow) {
    Prng random{7};
    WindowedMax room;
    room.reset(0, 0);
    std::vector<std::uint32_t> all{0};
    for (std::uint32_t t = 1; t < 2000; ++t) {
        all.push_back(static_cast<std::uint32_t>(random.below(1000)));
        room.add(10, t, all.back());
        std::uint32_t most = 0;
        for (std::uint32_t i = t > 10 ? t - 10 : 0; i <= t; ++i) most = std::max(most, all[i]);
        ASSERT_GE(room.get(), all.back());
        ASSERT_LE(room.get(), most);
    }
}

}  // namespace
}  // namespace fairlead::tcp
