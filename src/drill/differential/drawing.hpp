// drill/differential/drawing.hpp — a plan grows by what is drawn.
//
// Owns:   Drawing: the chance, the plan that is drawn with it, and how much time its steps take.
// Not here: what is drawn (generate.cpp, generate_path.cpp).
#pragma once

#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "base/prng.hpp"
#include "drill/differential/plan.hpp"

namespace fairlead::drill::differential {

class Drawing {
protected:
    explicit Drawing(std::uint64_t seed) : chance_{seed} { plan_.seed = seed; }

    template <typename T>
    T pick(std::initializer_list<T> values) {
        return values.begin()[chance_.below(values.size())];
    }
    bool one_in(std::uint64_t n) { return chance_.chance(1, n); }

    void add(Duration after, Action action) {
        elapsed_ = elapsed_ + after;
        plan_.steps.push_back({after, std::move(action)});
    }
    template <typename... Args>
    void call(Duration after, fmt::format_string<Args...> text, Args&&... args) {
        add(after, CallLine{fmt::format(text, std::forward<Args>(args)...)});
    }

    // Of the peer's clock, in milliseconds.
    std::uint32_t stamp() const {
        constexpr std::uint32_t kFirst = 100;
        return kFirst + static_cast<std::uint32_t>(elapsed_.ms());
    }

    Prng chance_;
    Plan plan_;
    Duration elapsed_{};
};

}  // namespace fairlead::drill::differential
