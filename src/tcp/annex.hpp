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
#include "tcp/accurate_ecn.hpp"
#include "tcp/fast_open.hpp"
#include "tcp/path_search.hpp"
#include "tcp/stamps.hpp"
#include "tcp/urgent.hpp"

namespace fairlead::tcp {

// What went wrong on the way, as TCP_INFO tells it.
struct Losses {
    std::uint32_t retransmitted = 0;     // segments, in all
    std::uint32_t out_of_order = 0;      // packets that came so
    std::uint32_t delivered_marked = 0;  // segments that arrived with a mark, as the peer told
    std::uint64_t bytes_retransmitted = 0;
    Instant last_challenge = Instant::never();  // the last ACK that is rate limited
    // RTOs, in how many series, and how long those took until all was well again.
    std::uint16_t timeouts = 0;
    std::uint16_t timeout_series = 0;
    std::uint32_t rehashes = 0;  // another way was asked for
    Duration in_timeouts{};
    Instant timing_out_since = Instant::never();

    void on_timeout(bool is_first, Instant now) {
        ++timeouts;
        if (!is_first) return;
        ++timeout_series;
        timing_out_since = now;
    }
    Duration timed_out(Instant now) const {
        return timing_out_since == Instant::never() ? in_timeouts
                                                    : in_timeouts + (now - timing_out_since);
    }
    void end_timeouts(Instant now) {
        in_timeouts = timed_out(now);
        timing_out_since = Instant::never();
    }
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
    AccurateEcn accurate_ecn{};
};

using AnnexPool = Slab<Annex>;

}  // namespace fairlead::tcp
