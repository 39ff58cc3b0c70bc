#include "lab/namespace.hpp"

#include <cerrno>
#include <fstream>
#include <string_view>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "device/file_descriptor.hpp"
#include "device/interface.hpp"
#include "device/packet_socket.hpp"
#include "device/tap.hpp"

namespace fairlead::lab {
namespace {

using device::cannot;
using device::InterfaceControl;
using device::Opened;

constexpr std::string_view kStackEnd = "stack0";
constexpr std::string_view kKernelEnd = "kernel0";
// Not the veth's own: its frames are then no concern of the kernel's stack behind the same veth.
constexpr MacAddress kStackMac{0x02, 0x66, 0x6c, 0x00, 0x00, 0x02};

std::string first_line(const char* path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

// What stands in the way, as far as the kernel lets us see.
std::string advice_for_unshare(int code) {
    const std::string or_root = "or run this as root";
    if (code == ENOSPC || first_line("/proc/sys/user/max_user_namespaces") == "0") {
        return "user namespaces are used up: sysctl -w user.max_user_namespaces=10000, " + or_root;
    }
    if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
        return "user namespaces are switched off: sysctl -w kernel.unprivileged_userns_clone=1, " +
               or_root;
    }
    if (first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
        return "AppArmor forbids user namespaces: sysctl -w "
               "kernel.apparmor_restrict_unprivileged_userns=0, " +
               or_root;
    }
    return "in a container, it must be allowed to make namespaces: docker run --privileged; "
           "elsewhere, run this as root";
}

bool write_file(const char* path, std::string_view text) {
    const device::FileDescriptor fd{::open(path, O_WRONLY | O_CLOEXEC)};
    return fd.is_open() &&
           ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// We are root inside, and ourselves outside: the files we make are ours.
Opened<void> map_ourselves(uid_t user, gid_t group) {
    // user_namespaces(7): before an unprivileged process may map its group.
    if (!write_file("/proc/self/setgroups", "deny") && errno != ENOENT) {
        return cannot("write /proc/self/setgroups", errno);
    }
    if (!write_file("/proc/self/uid_map", fmt::format("0 {} 1", user))) {
        return cannot("write /proc/self/uid_map", errno);
    }
    if (!write_file("/proc/self/gid_map", fmt::format("0 {} 1", group))) {
        return cannot("write /proc/self/gid_map", errno);
    }
    return {};
}

Opened<void> add_addresses(InterfaceControl& control, const std::string& interface,
                           const KernelLinkOptions& options) {
    for (const Prefix& address : {options.kernel_v4, options.kernel_v6}) {
        if (auto done = control.add_address(interface, address); !done) return done;
    }
    return {};
}

Opened<KernelLink> tap_to_kernel(const KernelLinkOptions& options, InterfaceControl& control) {
    auto tap = device::Tap::open({.mtu = options.mtu});
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
    write_file(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", stack_end).c_str(), "1");
    for (const std::string& end : {kernel_end, stack_end}) {
        if (auto done = control.set_mtu(end, options.mtu); !done) return done;
        if (auto done = control.set_up(end); !done) return done;
    }
    return add_addresses(control, kernel_end, options);
}

Opened<KernelLink> veth_to_kernel(const KernelLinkOptions& options, InterfaceControl& control) {
    if (auto done = make_veth(options, control); !done) return std::unexpected{done.error()};
    auto socket = device::PacketSocket::open(
        {.interface = std::string{kStackEnd}, .mac = kStackMac, .promiscuous = true});
    if (!socket) return std::unexpected{socket.error()};
    KernelLink link{.fd = (*socket)->fd(),
                    .kernel_interface = std::string{kKernelEnd},
                    .kind = "veth and AF_PACKET"};
    link.device = std::move(*socket);
    return link;
}

}  // namespace

Opened<void> enter_private_network() {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    // Root needs no user namespace, unless it is a container's root without CAP_SYS_ADMIN.
    if (::unshare(CLONE_NEWNET) != 0) {
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
            const int code = errno;
            return cannot("make a private network (user and network namespace)", code,
                          advice_for_unshare(code));
        }
        if (auto done = map_ourselves(user, group); !done) return done;
    }
    auto control = InterfaceControl::open();
    if (!control) return std::unexpected{control.error()};
    return control->set_up("lo");
}

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
