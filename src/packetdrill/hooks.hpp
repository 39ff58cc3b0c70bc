// packetdrill/hooks.hpp — what the preloaded library asks of the stack that packetdrill has loaded.
//
// Why:    packetdrill calls getsockopt, close and sendfile of the system directly on live
//         descriptors. The preloaded library takes these calls; it has no stack of its own, and
//         the one that is loaded tells it where its functions are.
// Meaning: each returns what the call returned, or -errno; kNotOurs where the descriptor is the
//         system's.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

namespace fairlead::packetdrill {

inline constexpr long kNotOurs = -100'000;

struct Hooks {
    void* user = nullptr;
    long (*getsockopt)(void* user, int fd, int level, int name, void* value,
                       socklen_t* size) = nullptr;
    long (*close)(void* user, int fd) = nullptr;
    long (*sendfile)(void* user, int out, int in, off_t* offset, size_t count) = nullptr;
};

// The preloaded library's; null hooks: the stack is gone.
inline constexpr const char* kAttach = "fairlead_packetdrill_attach";
using Attach = void (*)(const Hooks* hooks);

}  // namespace fairlead::packetdrill
