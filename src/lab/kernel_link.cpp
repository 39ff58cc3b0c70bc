#include "lab/kernel_link.hpp"

#include <string_view>

#include "device/interface.hpp"
#include "device/network_namespace.hpp"
#include "device/packet_socket.hpp"
#include "device/tap.hpp"
#include "lab/loop.hpp"

namespace fairlead::lab {
namespace {

using device::cannot;
using device::InterfaceControl;
using device::Opened;

constexpr std::string_view kStackEnd = "stack0";
constexpr std::string_view kKernelEnd = "kernel0";
// Not the veth's own: its frames are then no concern of the kernel's stack behind the same veth.
constexpr MacAddress kStackMac{0x02, 0x66, 0x6c, 0x00, 0x00, 0x02};

Opened<void> add_addresses(InterfaceControl& control, const std::string& interface,
                           const KernelLinkOptions& options) {
    for (const Prefix& address : {options.kernel_v4, options.kernel_v6}) {
        if (auto done = control.add_address(interface, address); !done) return done;
    }
    return {};
}

Opened<KernelLink> tap_to_kernel(const KernelLinkOptions& options, InterfaceControl& control) {
    auto tap =
        device::Tap::open({.mtu = options.mtu, .offload = options.offload, .clock = real_now});
    if (!tap) return std::unexpected{tap.error()};
    KernelLink link{.fd = (*tap)->fd(), .kernel_interface = (*tap)->info().name, .kind = "TAP"};
    if (auto done = add_addresses(control, link.kernel_interface, options); !done) {
        return std::unexpected{done.error()};
    }
    link.device = std::move(*tap);
    return link;
}

Opened<void> make_veth(const KernelLinkOptions& options, InterfaceControl& control) {
    const std::string stack_end{kStackEnd};
    const std::string kernel_end{kKernelEnd};
    if (auto done = control.add_veth(kernel_end, stack_end); !done) return done;
    // The kernel has no business on the stack's end; it may go on without this.
    static_cast<void>(
        device::write_network_sysctl(fmt::format("ipv6/conf/{}/disable_ipv6", stack_end), "1"));
    for (const std::string& end : {kernel_end, stack_end}) {
        if (auto done = control.set_mtu(end, options.mtu); !done) return done;
        if (auto done = control.set_up(end); !done) return done;
    }
    return add_addresses(control, kernel_end, options);
}

Opened<KernelLink> veth_to_kernel(const KernelLinkOptions& options, InterfaceControl& control) {
    if (auto done = make_veth(options, control); !done) return std::unexpected{done.error()};
    auto socket = device::PacketSocket::open({.interface = std::string{kStackEnd},
                                              .mac = kStackMac,
                                              .promiscuous = true,
                                              .clock = real_now});
    if (!socket) return std::unexpected{socket.error()};
    KernelLink link{.fd = (*socket)->fd(),
                    .kernel_interface = std::string{kKernelEnd},
                    .kind = "veth and AF_PACKET"};
    link.device = std::move(*socket);
    return link;
}

}  // namespace

Opened<KernelLink> link_to_kernel(const KernelLinkOptions& options) {
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    if (!options.may_use_tap) return veth_to_kernel(options, *control);
    auto tap = tap_to_kernel(options, *control);
    if (tap) return tap;
    auto veth = veth_to_kernel(options, *control);
    if (!veth) return cannot(fmt::format("{}; and {}", tap.error().text, veth.error().text), 0);
    veth->why = tap.error().text;
    return veth;
}

}  // namespace fairlead::lab
