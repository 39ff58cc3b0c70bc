#include "drill/kernel_world.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

constexpr const char* kDevice = "tun0";
constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;

// struct in6_ifreq, whose header (linux/ipv6.h) does not go together with net/if.h.
struct Inet6Request {
    in6_addr address{};
    std::uint32_t prefix_length = 0;
    int interface = 0;
};

using Done = std::expected<void, std::string>;

std::unexpected<std::string> refused(std::string_view what) {
    return std::unexpected{fmt::format("{}: {}", what, std::strerror(errno))};
}

std::string no_tun(int error) {
    std::string text = fmt::format("/dev/net/tun: {}", std::strerror(error));
    if (error == EACCES || error == EPERM) text += " (run this as root, or chmod 666 /dev/net/tun)";
    if (error == ENOENT) text += " (modprobe tun; of a container: --device /dev/net/tun)";
    return text;
}

ifreq request_for_device() {
    ifreq request{};
    std::strcpy(request.ifr_name, kDevice);
    return request;
}

void set_address(sockaddr& to, std::uint32_t host_order) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(host_order);
    std::memcpy(&to, &v4, sizeof v4);
}

Done set_up_v4(int control, const Settings& settings) {
    ifreq request = request_for_device();
    set_address(request.ifr_addr, settings.local_v4.address.v4_value());
    if (ioctl(control, SIOCSIFADDR, &request) < 0) return refused("the address of tun0");
    request = request_for_device();
    set_address(request.ifr_netmask, ~std::uint32_t{0} << (32 - settings.local_v4.length));
    if (ioctl(control, SIOCSIFNETMASK, &request) < 0) return refused("the netmask of tun0");
    return {};
}

Done set_up_link(int control, const Settings& settings) {
    ifreq request = request_for_device();
    request.ifr_mtu = settings.mtu;
    if (ioctl(control, SIOCSIFMTU, &request) < 0) return refused("the MTU of tun0");
    // What is beyond it is dropped: a window of small segments is more than the usual 500.
    constexpr int kQueue = 10'000;  // packets
    request.ifr_qlen = kQueue;
    if (ioctl(control, SIOCSIFTXQLEN, &request) < 0) return refused("the queue of tun0");
    for (const char* name : {kDevice, "lo"}) {
        request = ifreq{};
        std::strcpy(request.ifr_name, name);
        request.ifr_flags = IFF_UP | IFF_RUNNING;
        if (ioctl(control, SIOCSIFFLAGS, &request) < 0) return refused("bringing tun0 up");
    }
    return {};
}

Done add_default_route(int control) {
    rtentry route{};
    set_address(route.rt_dst, 0);
    set_address(route.rt_genmask, 0);
    route.rt_flags = RTF_UP;
    std::string device = kDevice;
    route.rt_dev = device.data();
    if (ioctl(control, SIOCADDRT, &route) < 0) return refused("the default route");
    return {};
}

// A new address may be used a moment after it was given, or seconds after on a busy machine.
bool becomes_usable(int socket_v6, const IpAddress& address) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    std::memcpy(&name.sin6_addr, address.bytes().data(), 16);
    for (int attempts = 0; attempts < 8000; ++attempts) {
        if (bind(socket_v6, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0) return true;
        usleep(1000);
    }
    return false;
}

Done set_up_v6(const Settings& settings) {
    const int control = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) return refused("IPv6");
    const auto index = static_cast<int>(if_nametoindex(kDevice));
    Inet6Request address{.prefix_length = settings.local_v6.length, .interface = index};
    std::memcpy(&address.address, settings.local_v6.address.bytes().data(), 16);
    in6_rtmsg route{};
    route.rtmsg_flags = RTF_UP;
    route.rtmsg_metric = 1;
    route.rtmsg_ifindex = index;
    const bool is_done = ioctl(control, SIOCSIFADDR, &address) == 0 &&
                         ioctl(control, SIOCADDRT, &route) == 0 &&
                         becomes_usable(control, settings.local_v6.address);
    const Done done = is_done ? Done{} : refused("the IPv6 address and route of tun0");
    close(control);
    return done;
}

// The dots of a name are the slashes of a path; a script names nothing outside of net/.
std::expected<std::string, std::string> sysctl_path(std::string_view name) {
    constexpr std::string_view kRoot = "/proc/sys/";
    std::string path = fmt::format("{}{}", kRoot, name);
    if (name.find('/') == std::string_view::npos) {
        std::replace(path.begin() + kRoot.size(), path.end(), '.', '/');
    }
    if (!path.starts_with("/proc/sys/net/") || path.find("//") != std::string::npos ||
        path.find("..") != std::string::npos) {
        return std::unexpected{std::string{"not a sysctl of the network"}};
    }
    return path;
}

Done set_up(const Settings& settings) {
    const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) return refused("socket");
    Done done = set_up_v4(control, settings);
    // A script of IPv4 needs no one who looks for routers beside it.
    const bool is_v6 = settings.ip_version == IpVersion::V6;
    if (done && !is_v6) done = write_sysctl("net.ipv6.conf.all.disable_ipv6", "1");
    // The script is the only neighbour: no other host can have our address.
    if (done && is_v6) done = write_sysctl("net.ipv6.conf.tun0.dad_transmits", "0");
    if (done) done = set_up_link(control, settings);
    if (done) done = add_default_route(control);
    close(control);
    if (done && is_v6) done = set_up_v6(settings);
    return done;
}

}  // namespace

std::expected<int, std::string> enter_new_world(const Settings& settings) {
    if (unshare(CLONE_NEWNET) < 0) return refused("a network namespace of our own");
    const int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0) return std::unexpected{no_tun(errno)};
    ifreq request = request_for_device();
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    // Only that header says that a packet was merged of several.
    if (settings.mss != 0) request.ifr_flags |= IFF_VNET_HDR;
    const Done made = ioctl(tun, TUNSETIFF, &request) < 0 ? refused("making tun0") : Done{};
    const Done done = made ? set_up(settings) : made;
    if (done) return tun;
    close(tun);
    return std::unexpected{done.error()};
}

std::expected<int, std::string> open_world() {
    const int world = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (world < 0) return refused("/proc/thread-self/ns/net");
    return world;
}

std::expected<void, std::string> join_world(int world) {
    if (setns(world, CLONE_NEWNET) < 0) return refused("joining the network namespace");
    return {};
}

std::expected<std::string, std::string> read_kernel_file(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return refused(path);
    std::string text;
    char piece[4096];
    ssize_t n = 0;
    while (text.size() < kMostFileBytes && (n = read(file, piece, sizeof piece)) > 0) {
        text.append(piece, static_cast<std::size_t>(n));
    }
    const auto wrong = n < 0 ? std::optional{refused(path)} : std::nullopt;
    close(file);
    if (wrong) return *wrong;
    return text;
}

std::expected<std::string, std::string> read_sysctl(std::string_view name) {
    const auto path = sysctl_path(name);
    if (!path) return std::unexpected{path.error()};
    auto text = read_kernel_file(*path);
    if (text && text->ends_with('\n')) text->pop_back();
    return text;
}

std::expected<void, std::string> write_sysctl(std::string_view name, std::string_view value) {
    const auto path = sysctl_path(name);
    if (!path) return std::unexpected{path.error()};
    const int file = open(path->c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return refused(*path);
    const bool is_written = write(file, value.data(), value.size()) >= 0;
    const Done done = is_written ? Done{} : refused(*path);
    close(file);
    return done;
}

}  // namespace fairlead::drill
