// lab/kernel_link.hpp — a link with the Linux kernel at its far end.
//
// Owns:   the link between a stack and the kernel of the network one is in: a TAP, or where
//         /dev/net/tun cannot be opened a veth pair with a packet socket.
// Rules:  All of it is gone when the last process inside has ended, however it ended.
// Not here: making that network (device/network_namespace.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "device/opened.hpp"
#include "fairlead/address.hpp"
#include "fairlead/device.hpp"

namespace fairlead::lab {

struct KernelLinkOptions {
    Prefix kernel_v4{IpAddress::v4(10, 77, 0, 1), 24};
    Prefix kernel_v6{IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 64};
    std::uint32_t mtu = 1500;
    bool may_use_tap = true;  // false: veth at once
    bool offload = true;      // false: a TAP of wire-sized frames with complete checksums
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
