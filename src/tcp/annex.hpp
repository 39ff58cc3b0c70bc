// tcp/annex.hpp — what few connections ever need.
//
// Owns:   Annex, a block that a connection takes when the first of these is used, and gives back
//         when it ends; AnnexPool.
// Why:    the control block of a connection stays small (connection.hpp).
#pragma once

#include <cstdint>

#include "base/slab.hpp"
#include "fairlead/time.hpp"
#include "ip/error_queue.hpp"
#include "tcp/fast_open.hpp"
#include "tcp/path_search.hpp"
#include "tcp/stamps.hpp"
#include "tcp/urgent.hpp"

namespace fairlead::tcp {

// What went wrong on the way, as TCP_INFO tells it.
struct Losses {
    std::uint32_t retransmitted = 0;     // segments, in all
    std::uint32_t out_of_order = 0;      // packets that came so
    std::uint32_t delivered_marked = 0;  // segments whose ACK had ECE
    std::uint64_t bytes_retransmitted = 0;
    Instant last_challenge = Instant::never();  // the last ACK that is rate limited
};

struct Annex {
    SlabNumber slab_number{};
    Urgent urgent{};
    FastOpen fast_open{};
    Losses losses{};
    std::uint32_t port_range = 0;  // IP_LOCAL_PORT_RANGE
    PathSearch search{};
    ip::ErrorQueue errors{};
    std::uint32_t zero_copies = 0;  // writes that were told to be
    Stamping stamping{};
};

using AnnexPool = Slab<Annex>;

}  // namespace fairlead::tcp
