// lab/open_device.hpp — a device by the name it has on a command line.
//
// Owns:      "tap:NAME", "tun:NAME", "packet:INTERFACE", "xdp:INTERFACE" or "xdp:INTERFACE:QUEUE" as an
//            open device and what to wait on.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "device/opened.hpp"
#include "fairlead/device.hpp"

namespace fairlead::lab {

struct OpenDevice {
    std::unique_ptr<Device> device{};
    int fd = -1;           // the device's: readable when a frame has come
    bool is_ours = false;  // the kernel has an end of it that is there for us: TAP and TUN
};

inline constexpr std::string_view kDeviceForms =
    "tap:NAME, tun:NAME, packet:INTERFACE or xdp:INTERFACE[:QUEUE]";

device::Opened<OpenDevice> open_device(std::string_view name);

}  // namespace fairlead::lab
