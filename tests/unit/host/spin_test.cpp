#include "host/spin.hpp"

#include <gtest/gtest.h>

namespace fairlead::host {
namespace {

constexpr std::int64_t kMost = 50'000;

TEST(Spin, WithoutABudgetNobodyLooks) {
    Spin spin;
    EXPECT_FALSE(spin.is_any());
    EXPECT_FALSE(spin.goes_on(0));
    spin.came_after(0);
    EXPECT_FALSE(spin.goes_on(0));
}

TEST(Spin, LooksAsLongAsTheBudget) {
    const Spin spin{kMost};
    EXPECT_TRUE(spin.goes_on(0));
    EXPECT_TRUE(spin.goes_on(kMost - 1));
    EXPECT_FALSE(spin.goes_on(kMost));
}

TEST(Spin, EachWaitOutOfReachHalvesTheBudgetUntilNothingIsLeft) {
    Spin spin{kMost};
    spin.came_after(4 * kMost + 1);
    EXPECT_EQ(spin.budget(), kMost / 2);
    for (int i = 0; i < 5; ++i) spin.came_after(1'000'000);
    EXPECT_EQ(spin.budget(), 0);
    EXPECT_FALSE(spin.goes_on(0));
    EXPECT_TRUE(spin.is_any());
}

TEST(Spin, OneWaitWithinReachGivesItBack) {
    Spin spin{kMost};
    for (int i = 0; i < 10; ++i) spin.came_after(1'000'000);
    spin.came_after(4 * kMost);
    EXPECT_EQ(spin.budget(), kMost);
}

}  // namespace
}  // namespace fairlead::host
