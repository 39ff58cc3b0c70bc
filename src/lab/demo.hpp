// lab/demo.hpp — the main job: a stack of ours at one end of a link, the Linux kernel at the other.
//
// Owns:   the story: ping, downloads and uploads over both families with their SHA-256 compared,
//         clean and through loss, reordering and duplication, many connections at once; then what
//         the stack has to show for it.
// Rules:  Everything it made is gone when it ends, an interrupt included, but for the capture.
// Not here: the network it happens in (demo_network.hpp), what is seen of it (demo_screen.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "link/fault_line.hpp"

namespace fairlead::lab {

struct DemoOptions {
    std::uint64_t size = std::uint64_t{256} << 20;
    std::uint32_t connections = 100;
    link::Faults faults{.loss = 10'000, .duplication = 10'000, .reordering = 10'000};
    std::uint64_t seed = 1;  // of the faults
    std::string pcap = "fairlead-demo.pcapng";
    bool captures_all = false;  // every frame, whole; else headers, and the beginning of each step
    bool keeps_files = false;
    bool may_use_tap = true;
};

enum class DemoResult : std::uint8_t { Passed, Failed, Interrupted };

// The error is what kept it from beginning, and what to do about it.
std::expected<DemoResult, std::string> run_demo(const DemoOptions& options);

}  // namespace fairlead::lab
