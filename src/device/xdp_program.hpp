// xdp_program.hpp — the kernel's side of AF_XDP: which frames go to which socket.
//
// Owns:   XdpProgram: a map from queue to socket, a program of six instructions that looks there,
//         and the link that holds it on an interface. All three are descriptors: closed, or the
//         process ended however it ended, the interface is the kernel's again.
// Knows:  bpf(2), the calls of it that this takes.
// Rules:  A queue with a socket gives it every frame, so that the kernel answers none; the frames of
//         a queue without one pass to the kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

class XdpProgram {
public:
    struct Target {
        std::uint32_t queue = 0;
        int socket = -1;
    };

    static Opened<XdpProgram> attach(const std::string& interface, InterfaceIndex index,
                                     std::span<const Target> targets);

private:
    XdpProgram() = default;
    Opened<void> make_map(std::span<const Target> targets);
    Opened<void> load();
    Opened<void> link_to(const std::string& interface, InterfaceIndex index);

    FileDescriptor map_{};
    FileDescriptor program_{};
    FileDescriptor link_{};
};

}  // namespace fairlead::device
