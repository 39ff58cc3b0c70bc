// tcp/congestion/windowed_max.hpp — the largest of the last so many rounds.
//
// Owns:   WindowedMax: the best three samples, each later than the one before (Linux's win_minmax.c,
//         after Kathleen Nichols), so that the second is at hand when the first is too old.
#pragma once

#include <array>
#include <cstdint>

namespace fairlead::tcp {

class WindowedMax {
public:
    constexpr std::uint32_t get() const { return best_[0].value; }
    constexpr void reset(std::uint32_t at, std::uint32_t value) {
        best_.fill({.at = at, .value = value});
    }
    // `window`: how long a sample counts.
    constexpr void add(std::uint32_t window, std::uint32_t at, std::uint32_t value) {
        if (value >= best_[0].value || at - best_[2].at > window) return reset(at, value);
        const Sample sample{.at = at, .value = value};
        if (value >= best_[1].value) {
            best_[1] = best_[2] = sample;
        } else if (value >= best_[2].value) {
            best_[2] = sample;
        }
        grow_old(window, sample);
    }

private:
    struct Sample {
        std::uint32_t at = 0;
        std::uint32_t value = 0;
    };
    constexpr void shift(const Sample& last) { best_ = {best_[1], best_[2], last}; }
    constexpr void grow_old(std::uint32_t window, const Sample& last) {
        const std::uint32_t age = last.at - best_[0].at;
        if (age > window) {
            shift(last);
            if (last.at - best_[0].at > window) shift(last);
        } else if (best_[1].at == best_[0].at && age > window / 4) {
            // A quarter of the window without a second: from now on this is it.
            best_[1] = best_[2] = last;
        } else if (best_[2].at == best_[1].at && age > window / 2) {
            best_[2] = last;
        }
    }

    std::array<Sample, 3> best_{};
};

}  // namespace fairlead::tcp
