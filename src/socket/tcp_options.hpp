// socket/tcp_options.hpp — setsockopt and getsockopt of a stream, as Linux has them.
//
// Owns:   the ranges and readings of each option (doubling of buffers, clamps, errno).
// Not here: what an option does (tcp/).
#pragma once

#include "fairlead/config.hpp"
#include "fairlead/socket.hpp"
#include "tcp/connection.hpp"

namespace fairlead::socket {

struct OptionEffect {
    bool push = false;     // what waits for Nagle may go now
    bool looks = false;    // what waits goes as far as Nagle lets it (tcp_push_pending_frames)
    bool changed = false;  // tell the connection
    bool acks = false;     // what is owed for what was read goes
};

Result<OptionEffect> set_tcp_option(tcp::Connection& c, Option option, std::int64_t value,
                                    const Config& config);
Result<std::int64_t> tcp_option(tcp::Connection& c, Option option, const Config& config);

}  // namespace fairlead::socket
