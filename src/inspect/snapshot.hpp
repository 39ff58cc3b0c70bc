// inspect/snapshot.hpp — all that a stack shows of itself at one moment, as a value.
//
// Owns:      Snapshot; taking one of a stack that is at hand. Every text that is shown of a stack is
//            made of one, by ss, netstat, nstat and the files of /proc/net alike.
// Not here:  how one comes from another process (control_text.hpp, lab/control_client.hpp), texts.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fairlead/stack.hpp"

namespace fairlead::inspect {

// Where a stack's sockets are those of other programs: the kernel's socket that stands for it there.
struct Holder {
    SocketId socket{};
    std::uint64_t inode = 0;
};

struct Snapshot {
    std::vector<SocketRow> sockets{};
    Counters counters{};
    Config config{};
    std::vector<InterfaceInfo> interfaces{};
    std::vector<Route> routes{};
    std::vector<Holder> holders{};

    // "eth0"; empty for 0 and what is not there.
    std::string_view interface_name(InterfaceIndex index) const;
};

Snapshot take(const Stack& stack);

// Linux lists no socket of TCP that is neither connected nor listening.
inline bool is_listed(const SocketInfo& s) {
    return s.type != SocketType::Stream || s.state != TcpState::Closed;
}

}  // namespace fairlead::inspect
