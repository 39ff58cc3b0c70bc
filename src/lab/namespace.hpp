// lab/namespace.hpp — a network of our own, with the Linux kernel at the far end of one link.
//
// Owns:   entering a private network namespace (and, without root, a private user namespace), and
//         the link between a stack and the kernel in it: a TAP, or where /dev/net/tun cannot be
//         opened a veth pair with a packet socket.
// Knows:  namespaces(7), user_namespaces(7).
// Rules:  Nothing outside is touched or even visible, and all of it is gone when the last process
//         inside has ended, however it ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "device/opened.hpp"
#include "fairlead/address.hpp"
#include "fairlead/device.hpp"

namespace fairlead::lab {

// Moves this process, which has one thread, into a network namespace with nothing but "lo" up. Its
// children follow. The error says what to do where that is not allowed.
device::Opened<void> enter_private_network();

struct KernelLinkOptions {
    Prefix kernel_v4{IpAddress::v4(10, 77, 0, 1), 24};
    Prefix kernel_v6{IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 64};
    std::uint32_t mtu = 1500;
    bool may_use_tap = true;  // false: veth at once
};

// The stack's end of the link; the kernel's end has its addresses and is up.
struct KernelLink {
    std::unique_ptr<Device> device{};
    int fd = -1;  // readable: frames wait
    std::string kernel_interface{};
    std::string kind{};  // "TAP", "veth and AF_PACKET"
    std::string why{};   // why it is not a TAP; empty when it is one
};

// In a network namespace of our own, or at least with CAP_NET_ADMIN in this one.
device::Opened<KernelLink> link_to_kernel(const KernelLinkOptions& options = {});

}  // namespace fairlead::lab
