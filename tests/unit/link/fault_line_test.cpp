#include "link/fault_line.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include <gtest/gtest.h>

using namespace fairlead;
using link::FaultLine;
using link::Faults;

namespace {

constexpr std::uint64_t kSeed = 20240607;

Instant at(Duration d) { return Instant{} + d; }

PacketPtr numbered(PacketPool& pool, std::uint32_t n, std::size_t bytes = 100) {
    std::vector<std::byte> frame(bytes);
    for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::byte>(n >> (8 * i));
    return pool.copy(frame);
}

std::uint32_t number_of(const Packet& p) {
    std::uint32_t n = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        n |= std::to_integer<std::uint32_t>(p.front()[i]) << (8 * i);
    }
    return n;
}

std::vector<std::uint32_t> drain(FaultLine& line, Instant now) {
    std::vector<std::uint32_t> out;
    while (const PacketPtr p = line.leave(now)) out.push_back(number_of(*p));
    return out;
}

std::vector<std::uint32_t> run(const Faults& faults, std::uint32_t frames,
                               std::uint64_t seed = kSeed) {
    PacketPool pool;
    FaultLine line{pool, seed};
    line.set_faults(faults);
    std::vector<std::uint32_t> out;
    Instant now;
    for (std::uint32_t i = 0; i < frames; ++i) {
        line.enter(numbered(pool, i), now);
        for (const std::uint32_t n : drain(line, now)) out.push_back(n);
        now = now + 1_us;
    }
    for (const std::uint32_t n : drain(line, now + 10_s)) out.push_back(n);
    EXPECT_TRUE(line.is_empty());
    EXPECT_EQ(pool.usage().packets, 0u);
    return out;
}

TEST(FaultLine, WithoutFaultsEveryFramePassesInOrderAtOnce) {
    const auto out = run({}, 1000);
    ASSERT_EQ(out.size(), 1000u);
    for (std::uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(out[i], i);
}

TEST(FaultLine, OnePercentIsOnePercent) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        const auto lost = 100'000 - run({.loss = 10'000}, 100'000, seed).size();
        EXPECT_NEAR(static_cast<double>(lost), 1000, 150) << "seed " << seed;
        const auto doubled = run({.duplication = 10'000}, 100'000, seed).size() - 100'000;
        EXPECT_NEAR(static_cast<double>(doubled), 1000, 150) << "seed " << seed;
    }
    EXPECT_TRUE(run({.loss = Faults::kAlways}, 100).empty());
}

TEST(FaultLine, TheSameSeedDoesTheSame) {
    const Faults faults{.loss = 20'000, .duplication = 20'000, .reordering = 20'000};
    EXPECT_EQ(run(faults, 5000, 7), run(faults, 5000, 7));
    EXPECT_NE(run(faults, 5000, 7), run(faults, 5000, 8));
}

TEST(FaultLine, OneFaultDoesNotMoveAnother) {
    const auto alone = run({.loss = 20'000}, 5000);
    auto together = run({.loss = 20'000, .duplication = 50'000}, 5000);
    together.erase(std::unique(together.begin(), together.end()), together.end());
    EXPECT_EQ(alone, together);
}

TEST(FaultLine, AFrameHeldBackIsOvertakenByAsManyAsWasAsked) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.reordering = Faults::kAlways, .reorder_distance = 3});
    line.enter(numbered(pool, 0), {});
    line.set_faults({.reorder_distance = 3});
    for (std::uint32_t i = 1; i < 6; ++i) line.enter(numbered(pool, i), {});
    EXPECT_EQ(drain(line, {}), (std::vector<std::uint32_t>{1, 2, 3, 0, 4, 5}));
    EXPECT_EQ(line.counts().reordered, 1u);
}

TEST(FaultLine, AFrameHeldBackIsLetGoWhenNothingFollows) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.reordering = Faults::kAlways, .reorder_hold = 5_ms});
    line.enter(numbered(pool, 9), at(1_ms));
    EXPECT_EQ(line.next_deadline(), at(6_ms));
    EXPECT_TRUE(drain(line, at(5_ms)).empty());
    EXPECT_EQ(drain(line, at(6_ms)), (std::vector<std::uint32_t>{9}));
    EXPECT_EQ(line.next_deadline(), Instant::never());
}

TEST(FaultLine, CorruptionFlipsOneBitOfACopy) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.corruption = Faults::kAlways});
    for (int round = 0; round < 50; ++round) {
        PacketPtr original = numbered(pool, 5, 5000);
        original->meta.checksum = ChecksumState::Verified;
        const PacketPtr witness = pool.clone(*original);
        line.enter(std::move(original), {});
        const PacketPtr out = line.leave({});
        ASSERT_NE(out, nullptr);
        EXPECT_EQ(out->meta.checksum, ChecksumState::None);
        std::vector<std::byte> a(5000);
        std::vector<std::byte> b(5000);
        witness->copy_to(0, a);
        out->copy_to(0, b);
        int flipped = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            flipped += std::popcount(std::to_integer<unsigned>(a[i] ^ b[i]));
        }
        EXPECT_EQ(flipped, 1);
    }
}

TEST(FaultLine, APartialChecksumIsCompletedBeforeTheFrameIsCorrupted) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.corruption = Faults::kAlways});
    PacketPtr p = pool.copy(std::vector<std::byte>(100, std::byte{3}));
    p->mark_transport(0);
    p->meta.checksum = ChecksumState::Partial;
    p->meta.checksum_offset = 16;
    line.enter(std::move(p), {});
    const PacketPtr out = line.leave({});
    ASSERT_NE(out, nullptr);
    EXPECT_EQ(out->meta.checksum, ChecksumState::None);
    std::vector<std::byte> bytes(100);
    out->copy_to(0, bytes);
    // 50 words of 0x0303 sum to 0x9696; the complement of it is in the field.
    const auto wrong =
        std::count_if(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{3}; });
    EXPECT_GE(wrong, 2);
    EXPECT_LE(wrong, 3);
}

TEST(FaultLine, DelayAndJitterKeepTheOrder) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.delay = 10_ms, .jitter = 4_ms});
    for (std::uint32_t i = 0; i < 100; ++i) line.enter(numbered(pool, i), at(1_ms));
    EXPECT_GE(line.next_deadline(), at(11_ms));
    EXPECT_LE(line.next_deadline(), at(15_ms));
    EXPECT_TRUE(drain(line, at(11_ms) - 1_ns).empty());
    const Instant due = line.next_deadline();
    const PacketPtr first = line.leave(at(20_ms));
    EXPECT_EQ(first->meta.arrived, due);
    const auto rest = drain(line, at(15_ms));
    ASSERT_EQ(rest.size(), 99u);
    EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
}

TEST(FaultLine, TheRateSpacesFramesAndTheQueueDropsAtItsTail) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    // 1000 bytes at 8 Mbit/s: a millisecond each; room for five.
    line.set_faults({.delay = 1_ms, .bits_per_second = 8'000'000, .queue_bytes = 5000});
    for (std::uint32_t i = 0; i < 8; ++i) line.enter(numbered(pool, i, 1000), {});
    EXPECT_EQ(line.counts().queue_full, 3u);
    for (std::uint32_t i = 0; i < 5; ++i) {
        EXPECT_EQ(line.next_deadline(), at(Duration::from_ms(i + 2)));
        EXPECT_EQ(drain(line, at(Duration::from_ms(i + 2))), (std::vector<std::uint32_t>{i}));
    }
    // The line was idle meanwhile: time unused is not saved up.
    line.enter(numbered(pool, 9, 1000), at(100_ms));
    EXPECT_EQ(line.next_deadline(), at(102_ms));
    line.clear();
    EXPECT_TRUE(line.is_empty());
}

TEST(FaultLine, AQueueMayBeLimitedInFrames) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    // A frame of 1000 bytes takes 1 ms, and is on its way for 10 ms more.
    line.set_faults({.delay = 10_ms, .bits_per_second = 8'000'000, .queue_frames = 2});
    for (std::uint32_t i = 0; i < 4; ++i) line.enter(numbered(pool, i, 1000), at(0_ms));
    EXPECT_EQ(line.counts().queue_full, 2u);
    for (std::uint32_t i = 4; i < 7; ++i) line.enter(numbered(pool, i, 1000), at(1_ms));
    EXPECT_EQ(line.counts().queue_full, 4u);
    EXPECT_EQ(drain(line, at(20_ms)), (std::vector<std::uint32_t>{0, 1, 4}));
    for (std::uint32_t i = 7; i < 10; ++i) line.enter(numbered(pool, i, 1000), at(20_ms));
    EXPECT_EQ(line.counts().queue_full, 5u);
    EXPECT_EQ(drain(line, at(40_ms)), (std::vector<std::uint32_t>{7, 8}));
}

TEST(FaultLine, EveryFrameIsAccountedFor) {
    PacketPool pool;
    FaultLine line{pool, kSeed};
    line.set_faults({.loss = 100'000,
                     .duplication = 100'000,
                     .reordering = 100'000,
                     .corruption = 100'000,
                     .jitter = 3_us,
                     .bits_per_second = 1'000'000'000,
                     .queue_bytes = 3000});
    std::size_t out = 0;
    Instant now;
    for (std::uint32_t i = 0; i < 10'000; ++i, now = now + 700_ns) {
        line.enter(numbered(pool, i), now);
        out += drain(line, now).size();
    }
    out += drain(line, now + 1_s).size();
    const auto& c = line.counts();
    EXPECT_EQ(c.entered, 10'000u);
    EXPECT_EQ(c.left, out);
    EXPECT_GT(c.queue_full, 0u);
    EXPECT_EQ(c.entered + c.duplicated, c.left + c.lost + c.queue_full);
    EXPECT_EQ(pool.usage().packets, 0u);
}

TEST(FaultLine, MemoryAtItsLimitLosesFramesAndNothingElse) {
    PacketPool frames;
    PacketPool tight{{.packets = 0}};
    FaultLine line{tight, kSeed};
    line.set_faults({.duplication = Faults::kAlways});
    line.enter(numbered(frames, 1), {});
    EXPECT_EQ(drain(line, {}).size(), 1u);
    EXPECT_EQ(line.counts().duplicated, 0u);
    line.set_faults({.corruption = Faults::kAlways});
    line.enter(numbered(frames, 1), {});
    EXPECT_EQ(drain(line, {}).size(), 0u);
    EXPECT_EQ(line.counts().queue_full, 1u);
}

// 1000 bytes take a millisecond; 5 % more come than can leave.
TEST(FaultLine, CodelKeepsAQueueShortThatAFullOneWouldFill) {
    for (const auto kind : {link::QueueKind::Plain, link::QueueKind::Codel}) {
        PacketPool pool;
        FaultLine line{pool, kSeed};
        line.set_faults({.bits_per_second = 8'000'000, .rules = {.kind = kind}});
        Instant now;
        std::uint32_t entered = 0;
        for (; now < at(10_s); now = now + 952_us) {
            line.enter(numbered(pool, entered++, 1000), now);
            drain(line, now);
        }
        line.enter(numbered(pool, entered, 1000), now);
        Instant left = now;
        for (; !line.is_empty(); left = left + 1_ms) drain(line, left);
        if (kind == link::QueueKind::Plain) {
            EXPECT_GT(line.counts().queue_full, 0u);
            EXPECT_GT(left - now, 200_ms);
        } else {
            EXPECT_EQ(line.counts().queue_full, 0u);
            EXPECT_GT(line.counts().queue_dropped, 100u);
            EXPECT_LT(left - now, 25_ms);
            EXPECT_GT(line.counts().longest_wait, 25_ms);
        }
    }
}

}  // namespace
