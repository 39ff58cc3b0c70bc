// lab/sweep_cell.hpp — one cell of a sweep: some flows over one bottleneck, in virtual time.
//
//    senders ==[ queue | rate | delay | loss ]==> receivers
//
// Owns:   SweepCell (what is varied), SweepResult (what is measured), run_cell().
// Rules:  A cell is a world of its own: nothing but its values and its seed decide, so that cells run
//         side by side, and the same cell gives the same result to the bit.
// Not here: the matrix and its texts (sweep_table.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/config.hpp"
#include "fairlead/time.hpp"
#include "link/queue_rule.hpp"

namespace fairlead::lab {

// Buffers of up to 64 MiB, and no memory of earlier connections.
Config default_cell_config();

struct SweepCell {
    std::string controller = "cubic";
    std::uint64_t bits_per_second = 10'000'000;
    Duration round_trip = 40_ms;
    std::uint32_t loss = 0;  // frames in a million, on the way there
    link::QueueKind queue = link::QueueKind::Plain;
    std::uint32_t queue_frames = 0;  // 0: what the path holds (at least ten)
    std::uint32_t flows = 1;
    bool has_ecn = false;
    Duration length = 30_s;
    std::uint64_t seed = 1;
    Config config = default_cell_config();  // of both ends, but for what stands above
};

struct SweepResult {
    struct Window {
        Duration at{};
        std::uint32_t flow = 0;
        std::uint32_t segments = 0;
        std::uint32_t threshold = 0;
        Duration smoothed{};
    };
    std::uint64_t goodput = 0;  // bits a second, of all flows, behind the first fifth
    std::uint64_t sent = 0;     // segments with data
    std::uint64_t retransmitted = 0;
    std::uint64_t needless = 0;  // as the receiver's DSACKs tell
    std::uint64_t marked = 0;
    std::uint64_t dropped = 0;            // by the queue
    Duration queueing{};                  // on the average, what the flows' round trips have more
    Duration longest_queueing{};          // of a frame before the bottleneck
    std::uint32_t fairness = 0;           // Jain's index in thousandths
    std::vector<Duration> short_flows{};  // how long each took, the shortest first
    std::vector<Window> windows{};
};

// One of those that every stack has.
bool is_controller(std::string_view name);

SweepResult run_cell(const SweepCell& cell);

}  // namespace fairlead::lab
