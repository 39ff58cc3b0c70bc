// What the sender makes of paths that hold back, pause and break, in virtual time.
#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint64_t kRate = 50'000'000;
constexpr Duration kOneWay = 25_ms;

sim::Faults plain() {
    return {.delay = kOneWay, .bits_per_second = kRate, .queue_bytes = 16'000'000};
}

struct Outcome {
    double seconds = 0;
    std::uint64_t segments = 0;
    std::uint64_t again = 0;
    std::uint64_t timeouts = 0;
};

Outcome transfer(const sim::Faults& there, std::uint64_t seed) {
    // What is held back has a longer round trip, which HyStart takes for a queue.
    Case c{.link = {.there = there, .back = plain()},
           .client = {{"tcp_cubic_hystart", "0"}},
           .bytes_there = 40'000'000,
           .seed = seed};
    Pair pair{c};
    pair.connect(c);
    const Instant begin = pair.world.now();
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, c.at_most));
    expect_intact(pair.listener.streams().front(), 0, c.bytes_there);
    const Counters& counters = pair.client.stack().counters();
    return {.seconds = static_cast<double>((pair.world.now() - begin).ms()) / 1000,
            .segments = counters[Counter::TcpOutSegs],
            .again = counters[Counter::TcpRetransSegs],
            .timeouts = counters[Counter::TcpExtTCPTimeouts]};
}

class HeldBack : public testing::TestWithParam<std::uint32_t> {};

// RFC 8985 §6.2: what is reordered by less than the window for it is not sent again for long.
TEST_P(HeldBack, ByHalfARoundTripCostsLittle) {
    const Outcome clean = transfer(plain(), 1);
    EXPECT_EQ(clean.again, 0u);
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(seed);
        sim::Faults faults = plain();
        faults.reordering = GetParam() * 10'000;
        faults.reorder_distance = UINT32_MAX;
        faults.reorder_hold = kOneWay;
        const Outcome reordered = transfer(faults, seed);
        EXPECT_GE(clean.seconds / reordered.seconds, 0.9);
        EXPECT_LE(reordered.again * 100, reordered.segments);
        EXPECT_EQ(reordered.timeouts, 0u);
    }
}

INSTANTIATE_TEST_SUITE_P(Percent, HeldBack, testing::Values(1u, 5u, 25u));

// The window lets all go at once, so that the last chunk is never full, and the limit is looked at
// where one begins.
TEST(SendBuffer, OfALargeWindowIsNotPassedByMoreThanTwoPackets) {
    constexpr std::uint32_t kLimit = 262'144;
    constexpr std::uint32_t kTwoPackets = 2 * 65'536;
    Case c{.link = {.there = plain(), .back = plain()},
           .client = {{"tcp_wmem", "4096 16384 " + std::to_string(kLimit)}},
           .bytes_there = 12'000'000};
    c.plan.write_bytes = 4'000'000;
    Pair pair{c};
    pair.connect(c);
    std::uint32_t most = 0;
    EXPECT_TRUE(pair.world.run_while_not(
        [&] {
            for (const SocketInfo& s : pair.client.stack().sockets()) {
                most = std::max(most, s.send_queue);
            }
            return pair.is_over();
        },
        c.at_most));
    expect_intact(pair.listener.streams().front(), 0, c.bytes_there);
    EXPECT_GT(most, kLimit / 2);
    EXPECT_LE(most, kLimit + kTwoPackets);
}

// The link is slow, the last of a flight finds its queue full, and no later segment tells of it.
TEST(Tail, LostOfAShortFlowIsFoundByTheProbeNotByTheTimeout) {
    sim::Faults narrow = plain();
    narrow.queue_frames = 8;
    Case c{.link = {.there = plain(), .back = plain()}, .bytes_there = 10 * 1448};
    Pair pair{c};
    pair.connect(c);  // the neighbours meet: the next handshake tells the path's own time
    ASSERT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    pair.path.set_there(narrow);
    pair.connect(c);
    const Instant begin = pair.world.now();
    ASSERT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    expect_intact(pair.listener.streams().back(), 0, c.bytes_there);
    EXPECT_GT(pair.path.there().queue_full, 0u);
    const Counters& counters = pair.client.stack().counters();
    EXPECT_GT(counters[Counter::TcpExtTCPLossProbes], 0u);
    EXPECT_EQ(counters[Counter::TcpExtTCPTimeouts], 0u);
    EXPECT_LT(pair.world.now() - begin, 500_ms);
}

std::uint32_t window_of(const Pair& pair) {
    return pair.client.stack().tcp_info(pair.streams.front().socket())->congestion_window_segments;
}

// Nothing is lost: for a second, all that leaves is a second late.
TEST(Pause, OfASecondIsTakenForALossAndThatTakenBack) {
    sim::Faults usual = plain();
    usual.queue_bytes = 400'000;
    Case c{.link = path_with(usual), .bytes_there = 30'000'000};
    Pair pair{c};
    pair.connect(c);
    pair.world.run_for(3_s);
    const std::uint32_t before = window_of(pair);
    sim::Faults late = usual;
    late.delay = 1_s + kOneWay;
    pair.path.set_there(late);
    pair.world.run_for(1_s);
    const Counters& counters = pair.client.stack().counters();
    EXPECT_GT(counters[Counter::TcpExtTCPTimeouts], 0u);
    EXPECT_LT(window_of(pair), before / 2);
    pair.path.set_there(usual);
    pair.world.run_for(200_ms);
    EXPECT_GT(counters[Counter::TcpExtTCPSpuriousRTOs] + counters[Counter::TcpExtTCPLossUndo], 0u);
    EXPECT_GE(window_of(pair), before * 9 / 10);
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    expect_intact(pair.listener.streams().front(), 0, c.bytes_there);
}

TEST(Outage, OfTenSecondsIsSurvived) {
    Case c{.link = path_with(plain()), .bytes_there = 30'000'000};
    Pair pair{c};
    pair.connect(c);
    pair.world.run_for(2_s);
    sim::Faults dead = plain();
    dead.loss = sim::Faults::kAlways;
    pair.path.set_there(dead);
    pair.path.set_back(dead);
    pair.world.run_for(10_s);
    pair.path.set_there(plain());
    pair.path.set_back(plain());
    const std::uint64_t there = pair.listener.streams().front().received();
    // The last wait began before the path was back, and is as long as the outage at the most.
    pair.world.run_for(14_s);
    EXPECT_GT(pair.listener.streams().front().received(), there);
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, 60_s));
    expect_intact(pair.listener.streams().front(), 0, c.bytes_there);
}

}  // namespace
