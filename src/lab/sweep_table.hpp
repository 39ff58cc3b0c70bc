// lab/sweep_table.hpp — a matrix of cells, and its results as text.
//
// Owns:   SweepMatrix (each list is varied), the cells of it, their lines as CSV and as an aligned
//         table, the script that gnuplot makes its plots with.
// Not here: running them side by side (cli/sweep.cpp), one cell (sweep_cell.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/sweep_cell.hpp"

namespace fairlead::lab {

struct SweepMatrix {
    std::vector<std::string> controllers{"cubic", "reno"};
    std::vector<std::uint64_t> rates{10'000'000};
    std::vector<Duration> round_trips{40_ms};
    std::vector<std::uint32_t> losses{0};
    std::vector<link::QueueKind> queues{link::QueueKind::Plain};
    std::vector<std::uint32_t> flows{1};
    std::uint32_t queue_frames = 0;
    bool has_ecn = false;
    Duration length = 30_s;
    std::uint64_t seed = 1;
    Config config = default_cell_config();
};

// The last list varies first.
std::vector<SweepCell> cells_of(const SweepMatrix& matrix);

std::string csv_head();
std::string csv_line(const SweepCell& cell, const SweepResult& result);
// cwnd over time: one line for each sample of each flow.
std::string window_csv_head();
std::string window_csv_lines(std::size_t cell_number, const SweepCell& cell,
                             const SweepResult& result);
// The same as csv_line, for people and for `diff`.
std::string table_head();
std::string table_line(const SweepCell& cell, const SweepResult& result);

// Reads sweep.csv and cwnd.csv in its folder, and writes one SVG for each measure.
std::string gnuplot_script(const std::vector<SweepCell>& cells);

}  // namespace fairlead::lab
