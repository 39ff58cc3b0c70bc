#include "tcp/flight_rate.hpp"

#include <array>

#include <gtest/gtest.h>

#include "tcp/delivery_rate.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

struct FlightRateRoom : testing::Test {
    // One segment each.
    void send(std::size_t n, Instant now) {
        Chunk& c = chunks.at(n);
        c.begin = at(static_cast<std::int64_t>(n) * 100);
        c.end = c.begin + 100;
        c.delivered_before = delivered;
        rate.on_sent(c, chunks.at(first), now);
        c.first_sent = c.last_sent = now;
        next = n + 1;
    }
    void ack(std::size_t n, Instant now, Duration least = 50_ms) {
        const Chunk& c = chunks.at(n);
        delivered += static_cast<std::uint32_t>(n + 1 - first);
        first = n + 1;
        Chunk* rest = first < next ? &chunks.at(first) : nullptr;
        rate.on_delivered(
            {c.delivered_at, c.flight_began, c.last_sent, c.delivered_before, c.is_app_limited},
            delivered, least, rest, now);
    }
    std::int64_t told() const { return rate.rate().bytes_per_second(100); }

    FlightRate rate;
    std::array<Chunk, 10> chunks{};
    std::uint32_t delivered = 1;
    std::size_t first = 0;
    std::size_t next = 0;
};

TEST_F(FlightRateRoom, TellsARoundTripOfOneSegment) {
    EXPECT_EQ(told(), 0);
    EXPECT_TRUE(rate.rate().was_app_limited);
    send(0, ms(1000));
    ack(0, ms(1100));
    EXPECT_EQ(told(), 1000);
    EXPECT_FALSE(rate.rate().was_app_limited);
}

TEST_F(FlightRateRoom, CountsFromTheDeliveryBeforeItLeft) {
    send(0, ms(1000));
    send(1, ms(1040));
    ack(0, ms(1100));
    send(2, ms(1100));
    ack(1, ms(1140));
    EXPECT_EQ(rate.rate().interval_us, 140'000) << "since the first of the flight left";
    EXPECT_EQ(rate.rate().segments, 2u);
    ack(2, ms(1200));
    EXPECT_EQ(rate.rate().interval_us, 100'000) << "since the first of them was delivered";
    EXPECT_EQ(rate.rate().segments, 2u);
}

TEST_F(FlightRateRoom, TakesTheLongerOfSendingAndAcknowledging) {
    send(0, ms(1000));
    send(1, ms(1080));
    ack(0, ms(1150));
    send(2, ms(1150));
    ack(2, ms(1200));
    EXPECT_EQ(rate.rate().interval_us, 150'000) << "50 ms to acknowledge";
}

TEST_F(FlightRateRoom, BelievesNothingShorterThanARoundTrip) {
    send(0, ms(1000));
    ack(0, ms(1040));
    EXPECT_EQ(told(), 0);
}

TEST_F(FlightRateRoom, BelievesAnApplicationThatPausedOnlyIfItWasFaster) {
    rate.limit(delivered, 0);
    send(0, ms(1000));
    ack(0, ms(1100));
    EXPECT_EQ(told(), 1000);
    EXPECT_TRUE(rate.rate().was_app_limited);
    rate.limit(delivered, 0);
    send(1, ms(2000));
    ack(1, ms(2200));
    EXPECT_EQ(told(), 1000) << "slower";
    rate.limit(delivered, 0);
    send(2, ms(3000));
    ack(2, ms(3050));
    EXPECT_EQ(told(), 2000) << "faster";
    send(3, ms(4000));
    ack(3, ms(4200));
    EXPECT_EQ(told(), 500) << "all that was out when it paused has arrived: the path is slower";
    EXPECT_FALSE(rate.rate().was_app_limited);
}

TEST_F(FlightRateRoom, APauseLastsUntilWhatWasOutThenHasArrived) {
    send(0, ms(1000));
    rate.limit(delivered, 1);
    ack(0, ms(1100));
    EXPECT_EQ(rate.limited_until(delivered), 2u);
    send(1, ms(1100));
    ack(1, ms(1200));
    EXPECT_TRUE(rate.rate().was_app_limited || told() == 1000);
    EXPECT_EQ(rate.limited_until(delivered), 0u);
}

TEST_F(FlightRateRoom, NumbersOfSegmentsMayWrapInIt) {
    delivered = 0xffff'fffe;
    rate.limit(delivered, 4);
    EXPECT_EQ(rate.limited_until(delivered), 2u);
    delivered = 16'380;
    rate.limit(delivered, 10);
    EXPECT_EQ(rate.limited_until(delivered), 16'390u);
}

TEST_F(FlightRateRoom, KeepsTheRateOfManySegmentsOrOfALongTime) {
    rate.keep({.segments = 200'000, .interval_us = 1'000'000, .was_app_limited = false});
    EXPECT_EQ(told(), 20'000'000);
    rate.keep({.segments = 2, .interval_us = std::int64_t{1} << 33, .was_app_limited = false});
    EXPECT_EQ(rate.rate().interval_us, std::int64_t{1} << 32 >> 1);
}

TEST_F(FlightRateRoom, GoesOnWhereItStoodInABackroomAndBehindIt) {
    send(0, ms(1000));
    send(1, ms(1040));
    ack(0, ms(1100));
    rate.limit(delivered, 1);

    DeliveryRate room;
    room.resume(rate, delivered, &chunks.at(1));
    EXPECT_EQ(room.told().segments, 1u);
    EXPECT_EQ(room.told().interval_us, 100'000);
    room.on_sent(chunks.at(2), delivered, 1, false, ms(1110));
    EXPECT_EQ(chunks.at(2).delivered_at, ms(1100));
    EXPECT_EQ(chunks.at(2).flight_began, ms(1000));
    EXPECT_TRUE(chunks.at(2).is_app_limited);

    chunks.at(1).flight = {};
    FlightRate after;
    room.hand_back(after, delivered, &chunks.at(1));
    EXPECT_EQ(chunks.at(1).flight.delivered, ms(1100));
    EXPECT_EQ(chunks.at(1).flight.sent, ms(1000));
    EXPECT_EQ(after.limited_until(delivered), 3u);
    EXPECT_EQ(after.rate().interval_us, 100'000);
}

}  // namespace
}  // namespace fairlead::tcp
