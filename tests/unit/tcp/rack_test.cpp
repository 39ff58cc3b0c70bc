#include "tcp/rack.hpp"

#include <gtest/gtest.h>

#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

constexpr Rack::Doubt kQuiet{.least = 40_ms, .smoothed = 50_ms};

// RFC 8985 §6.2, step 2.
TEST(RackRoom, TheLatestSentDeliveryCounts) {
    Rack rack;
    rack.on_delivered({ms(10), at(3001)}, ms(50), 40_ms);
    rack.on_delivered({ms(10), at(2001)}, ms(52), 40_ms);
    EXPECT_TRUE(rack.is_overtaken(ms(9), at(9001)));
    EXPECT_TRUE(rack.is_overtaken(ms(10), at(3000))) << "the same time: the place decides";
    EXPECT_FALSE(rack.is_overtaken(ms(10), at(3001)));
    EXPECT_FALSE(rack.is_overtaken(ms(11), at(1)));
}

// What is acknowledged sooner than the path allows was not the retransmission.
TEST(RackRoom, AnImpossiblyFastRetransmissionTellsNothing) {
    Rack rack;
    rack.on_delivered({ms(30), at(1001), true}, ms(50), 40_ms);
    EXPECT_FALSE(rack.take_news());
    EXPECT_FALSE(rack.is_overtaken(ms(29), at(1)));
    rack.on_delivered({ms(30), at(1001), true}, ms(70), 40_ms);
    EXPECT_TRUE(rack.take_news());
    EXPECT_FALSE(rack.take_news()) << "told once";
}

TEST(RackRoom, LostIsWhatIsWaitedForARoundTripAndTheWindow) {
    Rack rack;
    rack.on_delivered({ms(10), at(3001)}, ms(60), 40_ms);  // 50 ms
    EXPECT_EQ(rack.rest(ms(9), ms(60), 10_ms), 9_ms);
    EXPECT_EQ(rack.rest(ms(9), ms(69), 10_ms), Duration{});
}

// Linux's tcp_rack_reo_wnd().
TEST(RackRoom, ReorderingIsWaitedForAQuarterOfTheLeastRoundTrip) {
    const Rack rack;
    EXPECT_EQ(rack.window(kQuiet), 10_ms);
    Rack::Doubt d = kQuiet;
    d.has_enough_sacked = true;
    EXPECT_EQ(rack.window(d), Duration{}) << "three duplicates";
    d.has_reordered = true;
    EXPECT_EQ(rack.window(d), 10_ms) << "which mean nothing on a path that reorders";
    d = kQuiet;
    d.is_recovering = true;
    EXPECT_EQ(rack.window(d), Duration{});
    d = {};
    EXPECT_EQ(rack.window(d), Duration{}) << "no round trip is known";
}

// RFC 8985 §6.2.1 and tcp_rack_update_reo_wnd(): a quarter more for each round trip with a DSACK,
// up to the smoothed one; for 16 recoveries.
TEST(RackRoom, EachRoundWithADuplicateWidensTheWindow) {
    Rack rack;
    std::uint32_t delivered = 100;
    rack.on_duplicate();
    rack.adapt(90, delivered);
    EXPECT_EQ(rack.window(kQuiet), 20_ms);
    rack.on_duplicate();
    rack.adapt(95, delivered + 5);
    EXPECT_EQ(rack.window(kQuiet), 20_ms) << "the same round trip";
    for (int i = 0; i < 300; ++i) {
        rack.on_duplicate();
        rack.adapt(delivered, delivered + 10);
        delivered += 10;
    }
    EXPECT_EQ(rack.window(kQuiet), 50_ms) << "no more than the smoothed round trip";
    EXPECT_EQ(rack.steps(), 255);
    for (int i = 0; i < 16; ++i) {
        rack.adapt(delivered, delivered);
        EXPECT_EQ(rack.steps(), 255);
        rack.on_recovered();
    }
    rack.adapt(delivered, delivered);
    EXPECT_EQ(rack.window(kQuiet), 10_ms);
}

}  // namespace
}  // namespace fairlead::tcp
