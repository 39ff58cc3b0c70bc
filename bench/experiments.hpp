// experiments.hpp — what is measured, in the order of the table.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "bench/harness.hpp"

namespace fairlead::bench {

struct Experiment {
    std::string_view name{};
    std::string_view about{};
    void (*run)(Harness& harness) = nullptr;
};

std::span<const Experiment> experiments();

}  // namespace fairlead::bench
