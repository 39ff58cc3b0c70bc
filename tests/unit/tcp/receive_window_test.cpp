#include "tcp/receive_window.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "tcp/true_size.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {
namespace {

const Config kConfig{};
constexpr std::int64_t kMss = 1460;

ReceiveWindow started(std::int64_t buffer, bool may_scale = true, const Config& config = kConfig) {
    ReceiveWindow w;
    w.start(initial_window({buffer}, 0, kMss, may_scale, config), at(1), {buffer});
    return w;
}

// As Linux's first SYN says with the default buffer of 131072 bytes: 64240, wscale 10.
TEST(ReceiveWindowRoom, TheFirstWindowIsWholeSegmentsOfHalfTheBuffer) {
    const InitialWindow w = initial_window({131072}, 0, kMss, true, kConfig);
    EXPECT_EQ(w.window, 64240);
    EXPECT_EQ(w.scale, 10);
    EXPECT_EQ(initial_window({131072}, 0, kMss, false, kConfig).scale, 0);
    EXPECT_EQ(initial_window({10'000}, 0, kMss, true, kConfig).window, 4380);
}

// RFC 7323 REQ-2.3. Only what a SYN says of it is cut to 16 bits.
TEST(ReceiveWindowRoom, TheScaleFollowsTheLargestBufferThatMayBe) {
    const InitialWindow w = initial_window({64 << 20}, 0, kMss, true, kConfig);
    EXPECT_EQ(w.window, (32 << 20) / kMss * kMss);
    EXPECT_EQ(w.scale, 10);
    Config huge;
    huge.tcp_rmem[2] = INT32_MAX;
    EXPECT_EQ(initial_window({131072}, 0, kMss, true, huge).scale, 14);
}

// tcp_connect_init: who set SO_RCVBUF gets no larger window by scaling.
TEST(ReceiveWindowRoom, ALockedBufferIsAClamp) {
    const InitialWindow w = initial_window({10'000, true}, 0, kMss, true, kConfig);
    EXPECT_EQ(w.window, 4380);
    EXPECT_EQ(w.clamp, 5000);
    EXPECT_EQ(w.scale, 0);
}

TEST(ReceiveWindowRoom, AClampBoundsTheFirstWindowAndItsScale) {
    const InitialWindow w = initial_window({131072}, 5000, kMss, true, kConfig);
    EXPECT_EQ(w.window, 4380);
    EXPECT_EQ(w.scale, 0);
}

TEST(ReceiveWindowRoom, WithoutTheirScaleOursIsGone) {
    ReceiveWindow w = started(16 << 20);
    w.drop_scale();
    EXPECT_EQ(w.scale(), 0);
    EXPECT_LE(w.advertise(at(1), 0, kMss, kConfig), 65535);
}

// RFC 9293 §3.8.6.2.2, RFC 7323 §2.3: what was offered is not taken back.
// Measured on Linux 6.18: 64240 in the SYN-ACK, 64140 after 100 bytes, unread or read.
TEST(ReceiveWindowRoom, OnceConnectedOneSegmentOfTheBufferIsKeptBack) {
    const Config config;
    ReceiveWindow w;
    w.start(initial_window({131072}, 0, 1460, false, config), at(1), {131072});
    EXPECT_EQ(w.offered(), 64240);
    w.settle(1460, config, ms(0));
    EXPECT_EQ(w.clamp(), 65536 - 1460);
    EXPECT_EQ(w.advertise(at(101), 832, 536, config), 64140);
    EXPECT_EQ(w.advertise(at(201), 0, 536, config), 64040);
}

// RFC 9293 SHLD-14
TEST(ReceiveWindowRoom, TheRightEdgeNeverShrinks) {
    ReceiveWindow w = started(131072);
    Position edge = at(1) + w.advertise(at(1), 0, kMss, kConfig);
    // The application reads nothing.
    for (std::int64_t held = 0; held < 64240; held += kMss) {
        const Position now = at(1 + held) + w.advertise(at(1 + held), held, kMss, kConfig);
        EXPECT_GE(now, edge) << held;
        EXPECT_LE(now.value(), 1 + 65536 + 63 * 1024)
            << held << ": the buffer, and what each step rounds up";
        edge = now;
    }
}

TEST(ReceiveWindowRoom, WhatIsOpenShrinksAsDataComesAndIsNeverNegative) {
    ReceiveWindow w = started(131072);
    const std::int64_t offered = w.advertise(at(1), 0, kMss, kConfig);
    EXPECT_EQ(w.open(at(1)), offered);
    EXPECT_EQ(w.open(at(1001)), offered - 1000);
    EXPECT_EQ(w.open(at(1 + offered)), 0);
    EXPECT_EQ(w.open(at(2 + offered)), 0) << "a FIN may lie beyond";
}

TEST(ReceiveWindowRoom, AScaledWindowIsWholeUnits) {
    ReceiveWindow w = started(131072);
    Prng random{3};
    for (int i = 0; i < 1000; ++i) {
        const auto held = static_cast<std::int64_t>(random.below(66'000));
        EXPECT_EQ(w.candidate(held, kMss, kConfig) % 1024, 0) << held;
    }
}

// Below a sixteenth of the buffer, or below a segment, nothing is offered at all.
// RFC 9293 MUST-39; RFC 1122 REQ-4.2.3.3
TEST(ReceiveWindowRoom, ASillyWindowIsNotOffered) {
    ReceiveWindow w = started(131072);
    EXPECT_EQ(w.candidate(131072 - 8190, kMss, kConfig), 0);
    EXPECT_GT(w.candidate(131072 - 8192 - 2048, kMss, kConfig), 0);
    ReceiveWindow small = started(8192, false);
    EXPECT_EQ(small.candidate(8192 - 2918, kMss, kConfig), 0);
    EXPECT_EQ(small.candidate(8192 - 2920, kMss, kConfig), 1460);
}

TEST(ReceiveWindowRoom, WithoutScaleTheEdgeMovesByWholeSegments) {
    ReceiveWindow w = started(60'000, false);
    EXPECT_EQ(w.candidate(0, kMss, kConfig) % kMss, 0);
    const std::int64_t before = w.advertise(at(1), 0, kMss, kConfig);
    EXPECT_EQ(w.advertise(at(1), 100, kMss, kConfig), before)
        << "a few bytes less room: the offer stands";
}

TEST(ReceiveWindowRoom, MayShrinkWhereTheSysctlSaysSo) {
    Config config;
    config.tcp_shrink_window = 1;
    ReceiveWindow w = started(131072);
    const std::int64_t first = w.advertise(at(1), 0, kMss, config);
    const std::int64_t later = w.advertise(at(1001), 40'000, kMss, config);
    EXPECT_LT(1001 + later, 1 + first);
    EXPECT_EQ(later % 1024, 0);
    EXPECT_LE(later, 65536 - 40'000 / 2);
}

QueuedSegment full_segment(std::int64_t segments = 1) {
    return {.payload = segments * kMss,
            .charge = segments * true_size(40 + kMss).charge,
            .advertised_mss = kMss,
            .usual = kMss};
}

TEST(ReceiveWindowRoom, DataOpensTheWindowAsFarAsTheBufferGoes) {
    ReceiveWindow w = started(1 << 20);
    w.on_full_segment(kMss, true_size(40 + kMss).charge);
    w.set_buffer(4 << 20, false);
    w.set_clamp(4 << 20);
    std::int64_t last = w.slow_start_threshold();
    for (int i = 0; i < 2000; ++i) {
        w.on_data(full_segment(), 0, kConfig);
        EXPECT_GE(w.slow_start_threshold(), last);
        EXPECT_LE(w.slow_start_threshold() - last, 2 * kMss);
        last = w.slow_start_threshold();
    }
    EXPECT_EQ(last, (std::int64_t{4} << 20) * 162 / 256) << "1460 of 2304 bytes are payload";
    // A merged train opens it by twice its bytes.
    ReceiveWindow merged = started(1 << 20);
    const std::int64_t before = merged.slow_start_threshold();
    merged.set_buffer(4 << 20, false);
    merged.set_clamp(4 << 20);
    merged.on_data(full_segment(20), 0, kConfig);
    EXPECT_EQ(merged.slow_start_threshold(), before + 40 * kMss);
}

// Each byte of a small segment costs more than the buffer was made for (Linux's check #2).
TEST(ReceiveWindowRoom, SmallSegmentsOpenTheWindowOnlyWhileItIsSmall) {
    const QueuedSegment small{
        .payload = 150, .charge = true_size(40 + 150).charge, .advertised_mss = kMss, .usual = 536};
    ReceiveWindow w = started(131072);
    w.set_buffer(32 << 20, false);
    w.set_clamp(32 << 20);
    EXPECT_TRUE(w.on_data(small, 0, kConfig));
    for (int i = 0; i < 100'000; ++i) w.on_data(small, 0, kConfig);
    EXPECT_LT(w.slow_start_threshold(), 10 << 20);
    EXPECT_FALSE(w.on_data(small, 0, kConfig));
}

// A full segment tells what part of the buffer is payload; the window follows at once.
TEST(ReceiveWindowRoom, TheRatioIsLearnedFromFullSegments) {
    ReceiveWindow w = started(131072);
    w.on_full_segment(536, 1280);
    EXPECT_EQ(w.clamp(), 131072 * (536 * 256 / 1280) / 256);
    w.on_full_segment(kMss, 2304);
    EXPECT_EQ(w.clamp(), 131072 * 162 / 256);
}

TEST(ReceiveWindowRoom, WhatTheApplicationReadsInARoundTripGrowsTheBuffer) {
    ReceiveWindow w = started(131072);
    w.settle(kMss, kConfig, ms(0));
    w.on_read(at(1), 0, 0, Duration{}, ms(500), kConfig);
    EXPECT_EQ(w.buffer(), 131072) << "no round trip is known";
    w.on_read(at(1 + 60'000), 0, 0, 100_ms, ms(50), kConfig);
    EXPECT_EQ(w.buffer(), 131072) << "the round trip is not over";
    w.on_read(at(1 + 60'000), 0, 0, 100_ms, ms(100), kConfig);
    EXPECT_GE(w.buffer(), 4 * 60'000);
    EXPECT_LE(w.buffer(), kConfig.tcp_rmem[2]);
    EXPECT_EQ(w.clamp(), w.buffer() / 2);
    const std::int64_t buffer = w.buffer();
    w.on_read(at(1 + 60'000 + 10'000), 0, 0, 100_ms, ms(200), kConfig);
    EXPECT_EQ(w.buffer(), buffer) << "it never shrinks";
}

TEST(ReceiveWindowRoom, TheBufferGrowsNoFurtherThanTheSysctlAndNotAtAllWhenLocked) {
    ReceiveWindow w = started(131072);
    w.settle(kMss, kConfig, ms(0));
    Position read = at(1);
    for (std::int64_t i = 1; i < 60; ++i) {
        read = read + (std::int64_t{1} << std::min<std::int64_t>(i + 14, 30));
        w.on_read(read, 0, 0, 100_ms, ms(100 * i), kConfig);
        EXPECT_LE(w.buffer(), kConfig.tcp_rmem[2]);
    }
    EXPECT_EQ(w.buffer(), kConfig.tcp_rmem[2]);
    ReceiveWindow locked = started(131072);
    locked.set_buffer(20'000, true);
    locked.on_read(at(60'001), 0, 0, 100_ms, ms(100), kConfig);
    EXPECT_EQ(locked.buffer(), 20'000);
}

// Random traffic: the edge the peer knows never moves left, the window fits its field, and when the
// buffer is empty there is room again.
TEST(ReceiveWindowRoom, HoldsItsPromisesUnderRandomTraffic) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        SCOPED_TRACE(seed);
        Prng random{seed};
        ReceiveWindow w =
            started(static_cast<std::int64_t>(random.between(4096, 4 << 20)), random.chance(3, 4));
        w.settle(kMss, kConfig, ms(0));
        Position next = at(1), read = at(1);
        Position edge = next + w.advertise(next, 0, kMss, kConfig);
        for (std::int64_t step = 1; step < 300; ++step) {
            const auto n = static_cast<std::int64_t>(random.below(kMss + 1));
            if (next + n <= edge) {
                next = next + n;
                const std::int64_t charge = true_size(40 + n).charge;
                w.on_data({n, charge, kMss, kMss}, next - read, kConfig);
            }
            if (random.chance(1, 3)) {
                read = read + static_cast<std::int64_t>(
                                  random.below(static_cast<std::uint64_t>(next - read) + 1));
                w.on_read(read, 0, 0, 10_ms, ms(step), kConfig);
            }
            const std::int64_t window = w.advertise(next, next - read, kMss, kConfig);
            ASSERT_GE(next + window, edge);
            ASSERT_LE(window >> w.scale(), 65535);
            edge = next + window;
        }
        ASSERT_GT(w.candidate(0, 536, kConfig), 0);
    }
}

}  // namespace
}  // namespace fairlead::tcp
