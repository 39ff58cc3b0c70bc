// tcp/listener.hpp — a listening socket's two queues.
//
// Owns:   Listener: the requests (SYN queue) and the connections nobody has accepted yet.
// Knows:  Linux's rules: the accept queue holds backlog + 1; a full SYN queue drops SYNs.
// Not here: the requests' timers and replies (passive.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/slab.hpp"
#include "fairlead/time.hpp"

namespace fairlead::tcp {

class Connection;
struct Request;

struct Listener {
    SlabNumber slab_number{};
    Connection* first_accept = nullptr;
    Connection* last_accept = nullptr;
    Request* first_request = nullptr;
    std::int32_t accept_count = 0;
    std::int32_t request_count = 0;
    std::int32_t young_count = 0;  // of the requests: those whose SYN-ACK went once only
    std::int32_t backlog = 0;
    Instant cookie_sent = Instant::never();  // the last one

    // sk_acceptq_is_full: one more than the backlog fits.
    bool is_accept_full() const { return accept_count > backlog; }
    bool is_request_full() const { return request_count > backlog; }
    // A SYN-ACK is sent again so many times, and fewer the more requests of a queue that is half
    // full are old (reqsk_timer_handler()).
    std::int64_t retries_left(std::int64_t retries) const {
        if (2 * request_count <= std::max(8, backlog)) return retries;
        for (std::int64_t young = 2 * young_count; retries > 2 && request_count >= young;) {
            --retries;
            young *= 2;
        }
        return retries;
    }
};

}  // namespace fairlead::tcp
