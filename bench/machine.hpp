// machine.hpp — the clock, the cores and the memory of the machine the bench runs on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fairlead::bench {

std::uint64_t now_ns();

class Stopwatch {
public:
    double seconds() const { return static_cast<double>(now_ns() - begun_) * 1e-9; }

private:
    std::uint64_t begun_ = now_ns();
};

// The cores we may use, in order; the last of them is where rows of one core run.
std::vector<int> allowed_cores();
// Binds the calling thread.
void pin_to(int core);
void pin_to(const std::vector<int>& cores);

std::uint64_t resident_bytes();
// Lets us have as many files open as the rows need, or as the system allows.
void raise_open_files();

// Runs `measure` in a child process, so that its heap begins empty, and returns its result. What
// the child throws is thrown here.
double in_child(const std::function<double()>& measure);
// The same for a measure that tells several things.
using Figures = std::array<double, 4>;
Figures figures_in_child(const std::function<Figures()>& measure);

// "AMD EPYC, 2 cores, Linux 6.18.44"
std::string machine_name();

}  // namespace fairlead::bench
