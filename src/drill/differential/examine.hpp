// drill/differential/examine.hpp — one plan on both, and what is told of it.
//
// Owns:   examine(): the kernel first, then the stack at the same moments; the report of a
//         difference, with both traces side by side; the script by which it is played again; shrunk(),
//         which drops inputs for as long as the difference stays.
// Rules:  A difference counts when it shows each time; once is the machine's noise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drill/differential/compare.hpp"
#include "drill/differential/plan.hpp"
#include "drill/differential/play.hpp"
#include "drill/suite.hpp"

namespace fairlead::drill::differential {

enum class Finding : std::uint8_t { Same, Known, Differs, Unsteady, Unusable };

struct Examined {
    Finding finding = Finding::Same;
    Difference difference{};
    std::string error{};      // Unusable
    std::size_t steps = 0;    // of the plan, up to the difference
    std::size_t packets = 0;  // that left the kernel
    std::string traces{};     // side by side
    std::string script{};     // what the kernel did, in the language
};

struct ExamineOptions {
    MakeBackend make_kernel{};
    std::vector<Known> known{};
    std::size_t attempts = 3;
};

Examined examine(const Plan& plan, const ExamineOptions& options);

// For each of several plans whether it shows the difference still.
using Try = std::function<std::vector<bool>(const std::vector<Plan>&)>;
Plan shrunk(Plan plan, std::size_t steps, const Try& shows);

}  // namespace fairlead::drill::differential
