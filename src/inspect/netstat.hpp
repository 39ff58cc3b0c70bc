// inspect/netstat.hpp — a stack as netstat of net-tools shows it.
//
// Owns:      the table of sockets (-t -u -l -a -p -o), the statistics in words (-s), interfaces (-i)
//            and routes (-r).
// Source:    net-tools 2.10; its statistics are held to it byte for byte by
//            tests/unit/inspect/netstat_test.cpp.
// Not here:  ss's form (ss.hpp), names of hosts.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

struct NetstatOptions {
    bool shows_all = false;        // -a
    bool shows_listening = false;  // -l
    bool shows_tcp = true;
    bool shows_udp = true;
    bool shows_v4 = true;
    bool shows_v6 = true;
    bool shows_timers = false;    // -o
    bool shows_programs = false;  // -p
    std::string_view owner{};
    std::int64_t owner_pid = 0;
    // Null: all are the owner's. Else "123/name"; empty: nobody's.
    std::function<std::string(const SocketInfo& socket)> program{};
    // Null: numbers (-n). Empty: it has no name.
    std::function<std::string(std::uint16_t port, SocketType type)> service{};
};

std::string netstat_table(const Snapshot& snapshot, const NetstatOptions& options);
std::string netstat_interfaces(const Snapshot& snapshot);
std::string netstat_routes(const Snapshot& snapshot, Family family);

enum class Statistics : std::uint8_t { All, Tcp, Udp };
std::string netstat_statistics(const Snapshot& snapshot, Family family, Statistics which);

}  // namespace fairlead::inspect
