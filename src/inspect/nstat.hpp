// inspect/nstat.hpp — counters by name, and what has moved since the last look, as nstat has them.
//
// Owns:      the list of counters in nstat's order, its text and its JSON; the history that it keeps
//            between two looks.
// Source:    nstat of iproute2 6.1, held to it by tests/unit/inspect/nstat_test.cpp.
// Not here:  where the history lies (cli/nstat.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

struct NamedCount {
    std::string name{};
    std::uint64_t value = 0;

    bool operator==(const NamedCount&) const = default;
};

struct NstatOptions {
    bool shows_zeros = false;             // -z
    bool is_json = false;                 // -j
    std::vector<std::string> patterns{};  // of a shell; none: all
};

// Those of /proc/net/snmp, snmp6 and netstat but for what does not count (TcpCurrEstab, TcpRtoMin).
std::vector<NamedCount> all_counts(std::string_view snmp, std::string_view snmp6,
                                   std::string_view netstat);
std::vector<NamedCount> all_counts(const Snapshot& snapshot);
// Those that Linux does not keep: why segments were not taken, and what befell frames.
std::vector<NamedCount> own_counts(const Counters& counters);
// Less `history`, by name; a counter that went back began anew.
std::vector<NamedCount> since(const std::vector<NamedCount>& counts,
                              const std::vector<NamedCount>& history);
std::string nstat_text(const std::vector<NamedCount>& counts, const NstatOptions& options);

std::string write_history(const std::vector<NamedCount>& counts);
// What cannot be read is left out.
std::vector<NamedCount> read_history(std::string_view text);

}  // namespace fairlead::inspect
