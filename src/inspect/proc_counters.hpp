// inspect/proc_counters.hpp — counters as /proc/net/snmp, snmp6 and netstat group them.
//
// Owns:      a line of names and a line of values for each group; Icmp's counts by type, of which
//            only those that moved are shown.
// Not here:  which groups stand in which file (proc_net.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fairlead/counters.hpp"

namespace fairlead::inspect {

struct CounterLine {
    std::string_view name{};  // "Tcp": what the counters' names begin with
    Counter first{};
    Counter last{};
    std::vector<std::pair<std::string_view, std::int64_t>> before{};  // what is no counter
    std::string_view shown_as{};                                      // empty: the name
};

// "Tcp: RtoAlgorithm ...\nTcp: 1 ...\n"
std::string counter_lines(const Counters& counters, const CounterLine& line);
// "IcmpMsg: InType3 ...\nIcmpMsg: 1 ...\n", or nothing.
std::string icmp_type_lines(const Counters& counters);

}  // namespace fairlead::inspect
