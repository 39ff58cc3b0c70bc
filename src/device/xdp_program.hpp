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
#include <string>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

class XdpProgram {
public:
    // With room for sockets of the queues below `queues`.
    static Opened<XdpProgram> load(std::uint32_t queues);

    // What comes to this queue goes to this AF_XDP socket.
    Opened<void> redirect(std::uint32_t queue, int socket);
    Opened<void> attach_to(const std::string& interface, InterfaceIndex index);

private:
    XdpProgram() = default;
    Opened<void> make_map(std::uint32_t queues);
    Opened<void> make_program();

    FileDescriptor map_{};
    FileDescriptor program_{};
    FileDescriptor link_{};
};

}  // namespace fairlead::device
