#include "lab/open_device.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "device/packet_socket.hpp"
#include "device/tap.hpp"
#include "device/xdp_socket.hpp"
#include "lab/loop.hpp"

namespace fairlead::lab {
namespace {

template <typename T>
device::Opened<OpenDevice> as_open_device(device::Opened<std::unique_ptr<T>> opened, bool is_ours) {
    if (!opened) return std::unexpected{opened.error()};
    const int fd = (*opened)->fd();
    return OpenDevice{.device = std::move(*opened), .fd = fd, .is_ours = is_ours};
}

// "eth1", "eth1:3"; empty: it is neither.
std::optional<device::XdpSocketOptions> xdp_options(std::string_view text) {
    const std::size_t colon = text.find(':');
    device::XdpSocketOptions options{.interface = std::string{text.substr(0, colon)},
                                     .clock = real_now};
    if (options.interface.empty()) return {};
    if (colon == std::string_view::npos) return options;
    std::uint16_t queue = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + colon + 1, end, queue);
    if (error != std::errc{} || at != end) return {};
    options.queue = queue;
    return options;
}

}  // namespace

device::Opened<OpenDevice> open_device(std::string_view name) {
    const std::size_t colon = name.find(':');
    const std::string_view kind = name.substr(0, colon);
    const std::string rest{colon == std::string_view::npos ? "" : name.substr(colon + 1)};
    if (kind == "tap") {
        return as_open_device(device::Tap::open({.name = rest, .clock = real_now}), true);
    }
    if (kind == "tun") {
        return as_open_device(
            device::Tap::open({.name = rest, .link = LinkKind::Ip, .clock = real_now}), true);
    }
    if (kind == "packet" && !rest.empty()) {
        return as_open_device(device::PacketSocket::open({.interface = rest, .clock = real_now}),
                              false);
    }
    const auto xdp = kind == "xdp" ? xdp_options(rest) : std::nullopt;
    if (xdp) return as_open_device(device::XdpSocket::open(*xdp), false);
    return device::cannot(fmt::format("open the device \"{}\"", name), 0,
                          fmt::format("it is one of {}", kDeviceForms));
}

}  // namespace fairlead::lab
