// tcp/environment.hpp — what a connection is lent while it works.
//
// Owns nothing: references to the stack's shared rooms and the time of this call. A connection
// keeps none of it.
#pragma once

#include <cstdint>
#include <vector>

#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "ip/network.hpp"
#include "tcp/annex.hpp"
#include "tcp/challenge_limit.hpp"
#include "tcp/gap_pool.hpp"
#include "tcp/header_options.hpp"
#include "tcp/memory_budget.hpp"
#include "tcp/metrics.hpp"
#include "tcp/send_buffer.hpp"
#include "tcp/signature.hpp"

namespace fairlead::tcp {

struct Environment {
    const Config& config;
    Counters& counters;
    PacketPool& pool;
    ip::Network& network;
    SendMemory memory;
    GapPool& gaps;
    AnnexPool& annexes;
    Metrics& metrics;
    FastOpenPause& fast_open_pause;
    ChallengeLimit& challenges;
    Signatures& signatures;
    FlowOptions& header_options;
    const MemoryBudget& budget;
    std::vector<std::uint32_t>& woken;  // sockets that have something new to tell
    Instant now{};
};

// What PAWS and the peer read: milliseconds, from a point that differs for each pair of hosts.
inline std::uint32_t timestamp_clock(Instant now) {
    return static_cast<std::uint32_t>(now.ns() / 1'000'000);
}

}  // namespace fairlead::tcp
