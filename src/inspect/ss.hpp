// inspect/ss.hpp — sockets as ss of iproute2 prints them.
//
// Owns:      the columns, the timer, -e, -m and -i of a socket, the summary of -s.
// Source:    ss 6.1, held to it byte for byte by tests/unit/inspect/ss_test.cpp.
// Not here:  which options a command line has (cli/ss.cpp), filters (filter.hpp).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "inspect/filter.hpp"
#include "inspect/snapshot.hpp"

namespace fairlead::inspect {

struct SsOptions {
    bool shows_all = false;        // -a
    bool shows_listening = false;  // -l
    bool shows_tcp = true;
    bool shows_udp = true;
    bool shows_v4 = true;
    bool shows_v6 = true;
    bool shows_timers = false;     // -o
    bool shows_details = false;    // -e, which is -o too
    bool shows_memory = false;     // -m
    bool shows_processes = false;  // -p
    bool shows_info = false;       // -i
    bool shows_header = true;      // not -H
    bool is_one_line = false;      // -O
    std::size_t width = 0;         // of the terminal; 0: there is none
    std::string_view owner{};      // users:(("owner",pid=1,fd=2))
    std::int64_t owner_pid = 0;
    // Null: all are the owner's. Else what stands in users:(...); empty: nobody's.
    std::function<std::string(const SocketInfo& socket)> users{};
    Filter filter{};
    // Null: numbers (-n). Empty: it has no name.
    std::function<std::string(std::uint16_t port, SocketType type)> service{};
};

// The sockets that are wanted, in ss's order: UDP, then TCP; each IPv4, then IPv6.
std::vector<const SocketRow*> choose(const Snapshot& snapshot, const SsOptions& options);
std::string ss_table(const Snapshot& snapshot, const SsOptions& options);
std::string ss_summary(const Snapshot& snapshot);  // -s

// "119min", "4.204sec", "59sec", "204ms"
std::string ss_time(Duration left);
// " timer:(keepalive,119min,0)"; empty when none runs.
std::string ss_timer(const SocketInfo& socket);
// " ts sack reno wscale:7,7 rto:204 ..."; what was agreed only where options are asked for.
std::string ss_tcp_info(const SocketRow& row, bool shows_options);
std::string ss_memory(const SocketMemory& memory);

}  // namespace fairlead::inspect
