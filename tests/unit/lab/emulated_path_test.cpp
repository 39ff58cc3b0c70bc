#include "lab/emulated_path.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "device/memory.hpp"

using namespace fairlead;

namespace {

Instant at(Duration d) { return Instant{} + d; }

// Two hosts, each at the outer end of a cable whose inner end is the path's.
struct TwoCables {
    PacketPool pool{};
    device::MemoryLink near{{}};
    device::MemoryLink far{{}};

    ~TwoCables() {
        near.clear();
        far.clear();
    }
    void send_near(std::size_t frames, std::size_t bytes = 1000) {
        for (std::size_t i = 0; i < frames; ++i) {
            std::array<PacketPtr, 1> burst{pool.copy(std::vector<std::byte>(bytes))};
            ASSERT_EQ(near.left().send(0, Instant{}, burst), 1u);
        }
    }
    std::size_t take_far(Instant now) {
        std::array<PacketPtr, 64> burst{};
        return far.right().receive(0, now, pool, burst);
    }
};

TEST(EmulatedPath, AFrameCrossesAfterItsRateAndItsDelay) {
    TwoCables cables;
    lab::EmulatedPath path{cables.near.right(),
                           cables.far.left(),
                           {.there = {.delay = 25_ms, .bits_per_second = 8'000'000}}};
    cables.send_near(2);
    EXPECT_FALSE(path.turn(at(1_s)));
    EXPECT_EQ(path.next_deadline(), at(1_s) + 26_ms);
    path.turn(at(1_s) + 25_ms);
    EXPECT_EQ(cables.take_far(at(1_s) + 25_ms), 0u);
    path.turn(at(1_s) + 26_ms);
    EXPECT_EQ(cables.take_far(at(1_s) + 26_ms), 1u);
    path.turn(at(1_s) + 27_ms);
    EXPECT_EQ(cables.take_far(at(1_s) + 27_ms), 1u);
    EXPECT_EQ(path.next_deadline(), Instant::never());
    EXPECT_EQ(path.there().left, 2u);
    EXPECT_EQ(path.back().entered, 0u);
}

TEST(EmulatedPath, TheSameSeedLosesTheSameFrames) {
    std::vector<std::uint64_t> lost;
    for (const std::uint64_t seed : {1u, 1u, 2u}) {
        TwoCables cables;
        lab::EmulatedPath path{
            cables.near.right(), cables.far.left(), {.there = {.loss = 300'000}, .seed = seed}};
        std::uint64_t pattern = 0;
        for (int i = 0; i < 64; ++i) {
            cables.send_near(1);
            path.turn(at(1_s));
            pattern = pattern << 1 | cables.take_far(at(1_s));
        }
        lost.push_back(pattern);
    }
    EXPECT_EQ(lost[0], lost[1]);
    EXPECT_NE(lost[0], lost[2]);
}

}  // namespace
