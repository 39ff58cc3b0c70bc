// cli/socket_users.hpp — which processes have descriptors for a host's sockets.
//
// Knows:  the directories of descriptors in /proc, where ss(8) looks too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "inspect/snapshot.hpp"

namespace fairlead::cli {

struct SocketUser {
    std::string name{};
    std::int64_t pid = 0;
    int fd = 0;
};

class SocketUsers {
public:
    // Reads /proc once.
    explicit SocketUsers(const std::vector<inspect::Holder>& holders);

    // ("nginx",pid=1,fd=6),("nginx",pid=2,fd=6)
    std::string text_of(const SocketInfo& socket) const;
    // 1/nginx: the first of them
    std::string program_of(const SocketInfo& socket) const;

private:
    std::map<SocketId, std::vector<SocketUser>> users_{};
};

}  // namespace fairlead::cli
