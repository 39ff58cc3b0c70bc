#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "lab/sweep_table.hpp"

namespace fairlead::lab {
namespace {

TEST(SweepMatrix, TheLastListVariesFirst) {
    const auto cells = cells_of({.controllers = {"cubic", "reno"}, .flows = {1, 4}});
    ASSERT_EQ(cells.size(), 4u);
    EXPECT_EQ(cells[1].controller, "cubic");
    EXPECT_EQ(cells[1].flows, 4u);
    EXPECT_EQ(cells[2].controller, "reno");
    EXPECT_EQ(cells[2].flows, 1u);
}

TEST(SweepTable, ALineHasAsManyFieldsAsItsHead) {
    const auto commas = [](const std::string& text) {
        return std::count(text.begin(), text.end(), ',');
    };
    SweepResult r{.short_flows = {1_ms, 2_ms, 3_ms}};
    r.windows.push_back({.at = 100_ms, .segments = 10, .threshold = UINT32_MAX, .smoothed = 20_ms});
    EXPECT_EQ(commas(csv_line({}, r)), commas(csv_head()));
    EXPECT_EQ(commas(window_csv_lines(0, {}, r)), commas(window_csv_head()));
    EXPECT_NE(csv_line({}, r).find(",3,2.0,2.0\n"), std::string::npos) << csv_line({}, r);
}

TEST(SweepCell, OneFlowFillsACleanPathAndTheSameCellGivesTheSame) {
    const SweepCell cell{.controller = "reno", .length = 5_s};
    const SweepResult r = run_cell(cell);
    EXPECT_GT(r.goodput, 9'000'000u);
    EXPECT_LE(r.goodput, 10'000'000u);
    EXPECT_EQ(r.fairness, 1000u);
    EXPECT_GE(r.short_flows.size(), 7u);
    EXPECT_EQ(table_line(cell, run_cell(cell)), table_line(cell, r));
}

class MarkedAtAStep : public testing::TestWithParam<std::uint32_t> {
protected:
    // Flows over a queue that marks what waits longer than 1 ms, and has room for all.
    SweepResult run(const char* controller, std::int64_t window_divisor = 3) {
        SweepCell cell{.controller = controller,
                       .bits_per_second = 100'000'000,
                       .round_trip = 4_ms,
                       .queue = link::QueueKind::Step,
                       .queue_frames = 500,
                       .flows = GetParam(),
                       .has_ecn = true,
                       .length = 5_s};
        cell.config.tcp_tso_win_divisor = window_divisor;
        const SweepResult r = run_cell(cell);
        EXPECT_GT(r.marked, 100u);
        EXPECT_EQ(r.dropped, 0u);
        EXPECT_EQ(r.retransmitted, 0u);
        EXPECT_LT(r.queueing, 2_ms);
        return r;
    }
};
INSTANTIATE_TEST_SUITE_P(Flows, MarkedAtAStep, testing::Values(1u, 2u));

// RFC 8257: what waits stays about the step, nothing is lost, and the path is full.
TEST_P(MarkedAtAStep, DctcpKeepsTheQueueAtItsThreshold) {
    const SweepResult r = run("dctcp", 255);  // no segment waits to go in a larger burst
    EXPECT_GT(r.goodput, 90'000'000u);
    // The step is at 1 ms; the way down takes a round trip.
    EXPECT_GT(r.queueing, 300_us);
}

// Bursts of a third of the window are marked for what they are.
TEST_P(MarkedAtAStep, DctcpPaysForItsBursts) {
    EXPECT_GT(run("dctcp").goodput, GetParam() == 1 ? 85'000'000u : 90'000'000u);
}

// Prague has the path as DCTCP has it, with no more queue.
TEST_P(MarkedAtAStep, PragueKeepsTheQueueAtItsThreshold) {
    EXPECT_GT(run("prague").goodput, 90'000'000u);
}

// NewReno over the same step: halved by each mark, it has less queue and less of the path.
TEST(SweepCell, AMarkIsALossToWhoDoesNotKnowBetter) {
    SweepCell cell{.controller = "reno",
                   .bits_per_second = 100'000'000,
                   .round_trip = 4_ms,
                   .queue = link::QueueKind::Step,
                   .queue_frames = 500,
                   .has_ecn = true,
                   .length = 5_s};
    const SweepResult marked = run_cell(cell);
    EXPECT_GT(marked.marked, 5u);
    EXPECT_EQ(marked.dropped, 0u);
    EXPECT_EQ(marked.retransmitted, 0u);
    cell.has_ecn = false;
    const SweepResult unmarked = run_cell(cell);
    EXPECT_EQ(unmarked.marked, 0u);
    EXPECT_GT(unmarked.queueing, marked.queueing * 3);
}

std::string read(const std::string& path) {
    std::ifstream file{path};
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// A change of what the controllers do shows here as a diff. FAIRLEAD_WRITE_GOLDEN=1 writes it anew.
TEST(SweepTable, TheSmallMatrixGivesWhatItGave) {
    std::string text = table_head();
    for (const bool has_ecn : {false, true}) {
        SweepMatrix m{.controllers = {"cubic", "reno"},
                      .round_trips = {20_ms},
                      .losses = {0, 10'000},
                      .flows = {1, 2},
                      .has_ecn = has_ecn,
                      .length = 10_s};
        if (has_ecn) {
            m = {.controllers = {"cubic", "reno", "dctcp"},
                 .rates = {50'000'000},
                 .round_trips = {10_ms},
                 .queues = {link::QueueKind::Codel, link::QueueKind::Step},
                 .has_ecn = true,
                 .length = 4_s};
        }
        for (const SweepCell& cell : cells_of(m)) text += table_line(cell, run_cell(cell));
    }
    const std::string path = std::string{GOLDEN} + "/sweep.txt";
    if (std::getenv("FAIRLEAD_WRITE_GOLDEN") != nullptr) std::ofstream{path} << text;
    EXPECT_EQ(text, read(path));
}

}  // namespace
}  // namespace fairlead::lab
