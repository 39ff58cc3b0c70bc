// tcp/statistics.hpp — how a connection fares, as what comes with a stamp (OPT_STATS).
//
// Owns:  nothing.
// Knows: the TCP_NLA_... of linux/tcp.h, and the order of tcp_get_timestamping_opt_stats().
// Not here: what is told (fairlead/info.hpp), and when (connection_errors.cpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fairlead/info.hpp"
#include "fairlead/time.hpp"

namespace fairlead::tcp {

// Netlink's form: length, type, value, up to the next four bytes. `unacked`: bytes that were
// written and not acknowledged; `now`: when the stamped packet departed; `ttl`:
// of the packet that acknowledged it, 0 where there was none.
std::vector<std::byte> statistics(const TcpInfo& of, std::int64_t unacked, Instant now,
                                  std::uint8_t ttl);

}  // namespace fairlead::tcp
