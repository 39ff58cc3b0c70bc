// inspect/diag_dump.hpp — sockets as the messages in which the kernel tells ss of its own.
//
// Owns:      a dump of struct inet_diag_msg with their attributes, as `ss -D FILE` writes it and
//            TCPDIAG_FILE=FILE makes ss read it: the proof that both print the same.
// Source:    linux/inet_diag.h, linux/netlink.h.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "fairlead/info.hpp"

namespace fairlead::inspect {

struct DiagAttributes {  // what the kernel was asked for
    bool info = false;
    bool memory = false;
};

// Streams only: the file has no word of the protocol.
std::vector<std::byte> diag_dump(std::span<const SocketRow* const> rows,
                                 const DiagAttributes& attributes);

}  // namespace fairlead::inspect
