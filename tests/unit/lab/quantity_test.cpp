#include "lab/quantity.hpp"

#include <gtest/gtest.h>

using namespace fairlead;
using namespace fairlead::lab;

namespace {

TEST(Quantity, ARateIsDecimal) {
    EXPECT_EQ(parse_rate("100mbit"), 100'000'000u);
    EXPECT_EQ(parse_rate("1.5gbit"), 1'500'000'000u);
    EXPECT_EQ(parse_rate("64kbit"), 64'000u);
    EXPECT_EQ(parse_rate("9600"), 9600u);
    for (const auto* bad : {"", "fast", "-1mbit", "1 mbit", "1mbits", "inf", "nan", "1e30gbit",
                            "99999gbit", "mbit"}) {
        EXPECT_FALSE(parse_rate(bad)) << bad;
    }
}

TEST(Quantity, ABareTimeIsMilliseconds) {
    EXPECT_EQ(parse_duration("25"), 25_ms);
    EXPECT_EQ(parse_duration("25ms"), 25_ms);
    EXPECT_EQ(parse_duration("1.5s"), 1500_ms);
    EXPECT_EQ(parse_duration("300us"), 300_us);
    EXPECT_EQ(parse_duration("0"), Duration{});
    for (const auto* bad : {"", "-1ms", "5m", "ms", "1h"}) EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Quantity, AShareIsSoManyInAMillion) {
    EXPECT_EQ(parse_share("1%"), 10'000u);
    EXPECT_EQ(parse_share("0.1"), 1'000u);
    EXPECT_EQ(parse_share("100%"), 1'000'000u);
    for (const auto* bad : {"", "101%", "-1%", "1/2"}) EXPECT_FALSE(parse_share(bad)) << bad;
}

TEST(Quantity, AQueueIsFramesOrBytes) {
    EXPECT_EQ(parse_queue("200p")->frames, 200u);
    EXPECT_EQ(parse_queue("64k"), (QueueLimit{.bytes = 65'536}));
    EXPECT_EQ(parse_queue("1m"), (QueueLimit{.bytes = 1'048'576}));
    EXPECT_EQ(parse_queue("3000"), (QueueLimit{.bytes = 3000}));
    for (const auto* bad : {"", "0p", "p", "12q", "-5p"}) EXPECT_FALSE(parse_queue(bad)) << bad;
}

}  // namespace
