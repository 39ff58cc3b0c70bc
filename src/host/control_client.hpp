// host/control_client.hpp — who asks at a control connection, of programs that are not hosted ones.
//
// Owns:      connecting by the path, and a message with the descriptors that come along.
// Not here:  what is said (protocol.hpp), the library's own connection (src/preload), which calls nothing
//            that it has taken over.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "device/file_descriptor.hpp"

namespace fairlead::host {

// Not open: nobody listens there, and errno says why.
device::FileDescriptor connect_to_host(const std::string& path);

// The next message's bytes go into `into`, zeros stay where it is shorter. What
// came with it, close-on-exec.
std::vector<device::FileDescriptor> receive_descriptors(int fd, std::span<std::byte> into,
                                                        int flags = 0);

}  // namespace fairlead::host
