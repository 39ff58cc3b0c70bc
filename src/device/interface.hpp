// interface.hpp — the kernel's own network interfaces: what they are, and setting them up.
//
// Owns:      InterfaceControl: a few questions and requests to the kernel of the network namespace
//            in which it was opened (ioctl and rtnetlink, so that no `ip` program is needed).
// Knows:     rtnetlink(7), netdevice(7).
// Not here:  packets (tap.hpp, packet_socket.hpp), making namespaces (network_namespace.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"
#include "fairlead/address.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

struct InterfaceState {
    InterfaceIndex index = 0;
    std::uint32_t mtu = 0;
    MacAddress mac{};
    bool is_up = false;       // somebody wants it up
    bool is_running = false;  // and it has a carrier
};

class InterfaceControl {
public:
    static Opened<InterfaceControl> open();

    // Empty: there is no such interface (any more).
    std::optional<InterfaceState> state(const std::string& name) const;

    // How many of its receive queues are in use.
    std::uint16_t receive_queues(const std::string& name) const;

    Opened<void> set_up(const std::string& name, bool up = true);
    Opened<void> set_mtu(const std::string& name, std::uint32_t mtu);
    Opened<void> set_mac(const std::string& name, const MacAddress& mac);
    // Whether the checksums of what is sent on it are left to whatever is behind it.
    Opened<void> set_checksum_offload(const std::string& name, bool on);
    // The address with its network's length; usable at once (no duplicate address detection).
    Opened<void> add_address(const std::string& name, const Prefix& address);
    Opened<void> add_route(const std::string& name, const Prefix& network,
                           std::optional<IpAddress> gateway = {});
    Opened<void> add_veth(const std::string& one, const std::string& other);
    Opened<void> remove(const std::string& name);

private:
    InterfaceControl(FileDescriptor ioctls, FileDescriptor netlink)
        : ioctls_{std::move(ioctls)}, netlink_{std::move(netlink)} {}
    // Sends one request and waits for its acknowledgement; errno, 0: done.
    int request(class NetlinkMessage& message);

    FileDescriptor ioctls_;
    FileDescriptor netlink_;
    std::uint32_t sequence_ = 0;
};

}  // namespace fairlead::device
