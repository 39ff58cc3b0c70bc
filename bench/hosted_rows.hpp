// hosted_rows.hpp — rows of unmodified programs: what they are run with, and what is read of it.
#pragma once

#include <span>

#include "bench/experiments.hpp"

namespace fairlead::bench {

std::span<const Experiment> hosted_experiments();

}  // namespace fairlead::bench
