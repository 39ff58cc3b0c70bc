// host/spin.hpp — how long to look again before going to sleep.
//
// Owns:      the budget of one who waits: what it may spend on looking, from how long it waited before.
// Why:       to wake a sleeper on another core costs 15 to 70 us, whatever wakes it. Where the next
//            thing comes sooner than that, looking is cheaper for both; where it does not, each
//            look is lost.
// Rules:     no clock: times are given, in nanoseconds. A budget is all or nothing by halves: what came
//            within reach gives it back whole, each wait beyond that halves it.
// Shared by: the host and the library in the program.
#pragma once

#include <cstdint>

namespace fairlead::host {

class Spin {
public:
    constexpr explicit Spin(std::int64_t most = 0) : most_{most}, budget_{most} {}

    // What was waited for came after so long, asleep or not.
    constexpr void came_after(std::int64_t waited) {
        // A sleeper's wait has its wake-ups in it: it might be shorter if nobody slept.
        budget_ = waited <= kReach * most_ ? most_ : budget_ / 2;
        if (budget_ < kLeast) budget_ = 0;
    }
    // Whether one who has waited for so long looks again.
    constexpr bool goes_on(std::int64_t waited) const { return waited < budget_; }
    constexpr bool is_any() const { return most_ > 0; }
    constexpr std::int64_t budget() const { return budget_; }

private:
    static constexpr std::int64_t kReach = 4;
    static constexpr std::int64_t kLeast = 1000;  // below that it is not worth the clock

    std::int64_t most_;
    std::int64_t budget_;
};

}  // namespace fairlead::host
