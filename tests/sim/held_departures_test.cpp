// net.core.default_qdisc fq: the queue before the device lets each packet go when its time has come.
#include <vector>

#include "sim/flows.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

Settings queued_by(const char* discipline, const char* controller) {
    return {{"net.core.default_qdisc", discipline}, {"tcp_congestion_control", controller}};
}

QueueInfo queue_of(Flows& flows) {
    for (const InterfaceInfo& i : flows.client().stack().interfaces()) {
        if (!i.is_loopback) return i.queue;
    }
    return {};
}

// The spaces between the frames with data that left in a second.
std::vector<Duration> spaces_of(Flows& flows) {
    std::vector<Duration> spaces;
    std::uint64_t entered = flows.there().entered;
    Instant last{};
    for (const Instant end = flows.world().now() + 1_s; flows.world().step(end);) {
        if (flows.there().entered == entered) continue;
        entered = flows.there().entered;
        if (last != Instant{}) spaces.push_back(flows.world().now() - last);
        last = flows.world().now();
    }
    return spaces;
}

TEST(HeldDepartures, AMostRateIsKeptByTheQueue) {
    const Bottleneck wide{.rate = 100 * kMegabit, .queue_bytes = 1'000'000};
    Flows flows{wide, queued_by("fq", "cubic"), 1};
    flows.start();
    ASSERT_TRUE(flows.set_option(0, Option::MaxPacingRate, 1'000'000));
    flows.run_for(2_s);
    EXPECT_NEAR(flows.rate_of(0, 5_s), 1'000'000, 20'000);
    const QueueInfo queue = queue_of(flows);
    EXPECT_EQ(queue.discipline, "fq");
    EXPECT_GT(queue.throttled, 1000u) << "it waited there, and not in the connection";
    EXPECT_EQ(queue.dropped, 0u);
    EXPECT_LE(queue.packets, 3u) << "a millisecond's worth";
    // Two segments of 1448 bytes take 2.9 ms at a million bytes a second; where a write ends, less.
    std::size_t whole = 0;
    const std::vector<Duration> spaces = spaces_of(flows);
    for (const Duration space : spaces) {
        EXPECT_GE(space, 100_us);
        EXPECT_LE(space, 2950_us);
        whole += space > 2850_us ? 1 : 0;
    }
    EXPECT_GT(whole, spaces.size() * 3 / 4);
}

// fq_classify(): every connection is paced there, at 120 % of its window in a round trip.
TEST(HeldDepartures, CubicIsPacedToo) {
    const Bottleneck b{.rate = 100 * kMegabit, .queue_bytes = 100'000};
    Flows flows{b, queued_by("fq", "cubic"), 1};
    flows.start();
    flows.run_for(3_s);
    EXPECT_GT(flows.rate_of(0, 4_s), goodput_of(b) * 0.8);
    EXPECT_GT(queue_of(flows).throttled, 100u);
    EXPECT_NE(flows.info(0).pacing_rate, ~std::uint64_t{0});
    EXPECT_EQ(queue_of(flows).dropped, 0u);
}

TEST(HeldDepartures, BbrIsAsFastAsByItsOwnTimer) {
    const Bottleneck b{.queue_bytes = 50'000};
    for (const char* controller : {"bbr", "bbr3"}) {
        Flows own{b, queued_by("pfifo_fast", controller), 1};
        Flows queued{b, queued_by("fq", controller), 1};
        double rates[2] = {};
        for (Flows* flows : {&own, &queued}) {
            flows->start();
            flows->run_for(3_s);
            rates[flows == &queued ? 1 : 0] = flows->rate_of(0, 10_s);
        }
        EXPECT_NEAR(rates[1], rates[0], rates[0] * 0.03) << controller;
        EXPECT_EQ(queue_of(own).discipline, "pfifo_fast");
        EXPECT_EQ(queue_of(own).throttled, 0u);
        // The round trip is measured from when a packet left the queue.
        EXPECT_LT(queued.info(0).minimum_rtt, 42_ms);
    }
}

// What waits in the queue is no reason to think that an ACK was for the first of two.
TEST(HeldDepartures, ALossIsNotUndoneByATimestampThatWasTooEarly) {
    const Bottleneck b{.rate = 20 * kMegabit, .queue_bytes = 100'000, .loss = 5'000};
    Flows flows{b, queued_by("fq", "cubic"), 3};
    flows.start();
    flows.run_for(20_s);
    EXPECT_GT(flows.info(0).total_retransmitted, 20u);
    EXPECT_EQ(flows.client().stack().counters()[Counter::TcpExtTCPFullUndo], 0u);
}

TEST(HeldDepartures, OtherQueuesPassAllAtOnce) {
    for (const char* discipline : {"pfifo", "fq_codel"}) {
        const Bottleneck b{.queue_bytes = 50'000};
        Flows flows{b, queued_by(discipline, "bbr"), 1};
        flows.start();
        flows.run_for(3_s);
        EXPECT_GT(flows.rate_of(0, 5_s), goodput_of(b) * 0.9) << discipline;
        EXPECT_EQ(queue_of(flows).discipline, discipline);
        EXPECT_EQ(queue_of(flows).throttled, 0u);
        EXPECT_GT(queue_of(flows).sent, 1000u);
    }
}

}  // namespace
