// lab/report_text.hpp — what a stack has to show, as the tools of Linux would print it.
//
// Owns:   a few sockets as `ss -tano` lists them, counters as `nstat` does (inspect/ makes both),
//         sizes and rates for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "inspect/snapshot.hpp"

namespace fairlead::lab {

// A head line, at most `most` rows, and how many more there are in each state.
std::string socket_table(const inspect::Snapshot& all, std::size_t most);
// What nstat would say if it had looked before.
std::string moved_counters(const Counters& before, const Counters& after);

std::string bytes_text(std::uint64_t bytes);                   // "256 MiB", "1.5 KiB", "17 B"
std::string rate_text(std::uint64_t bytes, Duration elapsed);  // "4.19 Gbit/s"
std::string seconds_text(Duration elapsed);                    // "0.512 s"

}  // namespace fairlead::lab
