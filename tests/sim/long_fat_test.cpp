// One flow fills a path of 1 Gbit/s: the windows of both sides grow as far as that takes.
#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint64_t kGigabit = 1'000'000'000;
constexpr std::uint64_t kBytes = 250'000'000;
// 1448 of the 1538 bytes that a frame takes on an Ethernet are payload.
constexpr Duration kAtFullRate = Duration::from_ms(kBytes * 8 * 1538 / 1448 / (kGigabit / 1000));

// The queue takes what a slow start has too much.
sim::LinkOptions path_of(Duration delay, std::uint64_t queue_bytes) {
    return path_with({.delay = delay, .bits_per_second = kGigabit, .queue_bytes = queue_bytes});
}

Duration time_for(const Case& c) {
    Pair pair{c};
    pair.connect(c);
    const Instant begin = pair.world.now();
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, c.at_most));
    expect_intact(pair.streams.front(), c.bytes_there, 0);
    return pair.world.now() - begin;
}

// What is not the rate is the slow start, and the FINs: some thirty round trips.
TEST(LongFat, AGigabitOver25MillisecondsIsFilledByLinuxsDefaults) {
    const Case c{.link = path_of(12500_us, 8'000'000), .bytes_there = kBytes, .at_most = 60_s};
    EXPECT_LT(time_for(c), kAtFullRate + 25_ms * 30);
}

TEST(LongFat, AGigabitOver100MillisecondsIsFilledWith64MiB) {
    const Settings large{{"tcp_rmem", "4096 131072 67108864"}, {"tcp_wmem", "4096 16384 67108864"}};
    const Case c{.link = path_of(50_ms, 32'000'000),
                 .client = large,
                 .server = large,
                 .bytes_there = kBytes,
                 .at_most = 60_s};
    EXPECT_LT(time_for(c), kAtFullRate + 100_ms * 30);
}

}  // namespace
