// One flow fills a path of 1 Gbit/s: the windows of both sides grow as far as that takes.
#include "sim/transfer.hpp"

using namespace fairlead;
using namespace fairlead::testing_worlds;

namespace {

constexpr std::uint64_t kGigabit = 1'000'000'000;
constexpr std::uint64_t kBytes = 250'000'000;
constexpr std::uint64_t kBegin = kBytes / 2;  // then it is at its speed
// 1448 of the 1538 bytes that a frame takes on an Ethernet are payload.
constexpr Duration kAtFullRate =
    Duration::from_ms((kBytes - kBegin) * 8 * 1538 / 1448 / (kGigabit / 1000));

// The queue takes what a slow start has too much.
sim::LinkOptions path_of(Duration delay, std::uint64_t queue_bytes) {
    return path_with({.delay = delay, .bits_per_second = kGigabit, .queue_bytes = queue_bytes});
}

struct Times {
    Duration begin{};
    Duration rest{};
};

Times times_of(const Case& c) {
    Pair pair{c};
    pair.connect(c);
    const auto until = [&](std::uint64_t bytes) {
        const Instant before = pair.world.now();
        const auto& taken = pair.listener.streams();
        EXPECT_TRUE(pair.world.run_while_not(
            [&] { return !taken.empty() && taken.front().received() >= bytes; }, c.at_most));
        return pair.world.now() - before;
    };
    const Times t{.begin = until(kBegin), .rest = until(kBytes)};
    EXPECT_TRUE(pair.world.run_while_not([&] { return pair.is_over(); }, c.at_most));
    expect_intact(pair.streams.front(), c.bytes_there, 0);
    return t;
}

// Half of it all goes at that part of the rate, or more; before that there is a slow start.
void expect_full_rate(const Case& c, Duration round_trip, std::int64_t percent) {
    const Times t = times_of(c);
    EXPECT_LT(t.begin, kAtFullRate + round_trip * 30);
    EXPECT_LT(t.rest, kAtFullRate * 100 / percent);
    EXPECT_GT(t.rest, kAtFullRate * 98 / 100) << "faster than the link";
}

// A writer is woken when a third of its 4 MiB is free, as on Linux; the path holds 3.1 MB.
TEST(LongFat, AGigabitOver25MillisecondsIsFilledByLinuxsDefaults) {
    expect_full_rate({.link = path_of(12500_us, 8'000'000), .bytes_there = kBytes, .at_most = 60_s},
                     25_ms, 92);
}

TEST(LongFat, AGigabitOver100MillisecondsIsFilledWith64MiB) {
    const Settings large{{"tcp_rmem", "4096 131072 67108864"}, {"tcp_wmem", "4096 16384 67108864"}};
    expect_full_rate({.link = path_of(50_ms, 32'000'000),
                      .client = large,
                      .server = large,
                      .bytes_there = kBytes,
                      .at_most = 60_s},
                     100_ms, 98);
}

}  // namespace
