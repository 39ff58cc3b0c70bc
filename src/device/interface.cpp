#include "device/interface.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/assert.hpp"

namespace fairlead::device {

// One rtnetlink request, grown attribute by attribute.
class NetlinkMessage {
public:
    NetlinkMessage(std::uint16_t type, std::uint16_t flags) {
        nlmsghdr header{};
        header.nlmsg_type = type;
        header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
        add(&header, sizeof header);
    }
    // The fixed part that follows the header.
    template <typename T>
    void fixed(const T& value) {
        add(&value, sizeof value);
    }
    void attribute(std::uint16_t type, const void* data, std::size_t size) {
        rtattr header{};
        header.rta_type = type;
        header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
        add(&header, sizeof header);
        add(data, size);
    }
    void attribute(std::uint16_t type, const std::string& text) {
        attribute(type, text.c_str(), text.size() + 1);
    }
    void attribute(std::uint16_t type, const IpAddress& address) {
        attribute(type, address.wire_bytes().data(), address.wire_bytes().size());
    }
    std::size_t open_nest(std::uint16_t type) {
        const std::size_t at = size_;
        attribute(type, nullptr, 0);
        return at;
    }
    void close_nest(std::size_t at) {
        const auto length = static_cast<std::uint16_t>(size_ - at);
        std::memcpy(bytes_.data() + at + offsetof(rtattr, rta_len), &length, sizeof length);
    }
    std::span<const std::byte> finish(std::uint32_t sequence) {
        nlmsghdr header{};
        std::memcpy(&header, bytes_.data(), sizeof header);
        header.nlmsg_len = static_cast<std::uint32_t>(size_);
        header.nlmsg_seq = sequence;
        std::memcpy(bytes_.data(), &header, sizeof header);
        return {bytes_.data(), size_};
    }

private:
    void add(const void* data, std::size_t size) {
        const std::size_t padded = NLMSG_ALIGN(size);
        FAIRLEAD_ASSERT(size_ + padded <= bytes_.size());
        if (size != 0) std::memcpy(bytes_.data() + size_, data, size);
        size_ += padded;
    }

    std::array<std::byte, 512> bytes_{};
    std::size_t size_ = 0;
};

namespace {

constexpr std::string_view kPrivileges =
    "needs CAP_NET_ADMIN: run as root, or in a user and network namespace of your own";

std::string_view advice_for(int code) {
    if (code == EPERM || code == EACCES) return kPrivileges;
    if (code == ENODEV || code == ENXIO) return "is the name right? `ip link` lists them";
    return {};
}

ifreq request_for(const std::string& name) {
    ifreq r{};
    std::memcpy(r.ifr_name, name.data(), std::min(name.size(), sizeof r.ifr_name - 1));
    return r;
}

std::uint8_t family_of(const IpAddress& a) {
    return static_cast<std::uint8_t>(a.is_v4() ? AF_INET : AF_INET6);
}

Opened<void> done_or(int code, const std::string& what) {
    if (code == 0) return {};
    return cannot(what, code, advice_for(code));
}

}  // namespace

Opened<InterfaceControl> InterfaceControl::open() {
    FileDescriptor ioctls{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!ioctls.is_open()) return cannot("open a control socket", errno);
    FileDescriptor netlink{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!netlink.is_open()) return cannot("open a netlink socket", errno);
    return InterfaceControl{std::move(ioctls), std::move(netlink)};
}

std::optional<InterfaceState> InterfaceControl::state(const std::string& name) const {
    InterfaceState s;
    ifreq r = request_for(name);
    if (::ioctl(ioctls_.get(), SIOCGIFINDEX, &r) != 0) return {};
    s.index = static_cast<InterfaceIndex>(r.ifr_ifindex);
    if (::ioctl(ioctls_.get(), SIOCGIFMTU, &r) != 0) return {};
    s.mtu = static_cast<std::uint32_t>(r.ifr_mtu);
    if (::ioctl(ioctls_.get(), SIOCGIFHWADDR, &r) != 0) return {};
    std::memcpy(s.mac.data(), r.ifr_hwaddr.sa_data, s.mac.size());
    if (::ioctl(ioctls_.get(), SIOCGIFFLAGS, &r) != 0) return {};
    s.is_up = (r.ifr_flags & IFF_UP) != 0;
    s.is_running = (r.ifr_flags & IFF_RUNNING) != 0;
    // IFF_RUNNING follows the carrier up to a second later; this asks the carrier.
    ethtool_value link{.cmd = ETHTOOL_GLINK, .data = 0};
    r.ifr_data = reinterpret_cast<char*>(&link);
    if (::ioctl(ioctls_.get(), SIOCETHTOOL, &r) == 0) s.is_running = s.is_up && link.data != 0;
    return s;
}

std::uint16_t InterfaceControl::receive_queues(const std::string& name) const {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq r = request_for(name);
    r.ifr_data = reinterpret_cast<char*>(&channels);
    // A driver that does not tell has one.
    if (::ioctl(ioctls_.get(), SIOCETHTOOL, &r) != 0) return 1;
    const std::uint32_t in_use = channels.rx_count + channels.combined_count;
    return static_cast<std::uint16_t>(std::max(in_use, 1u));
}

Opened<void> InterfaceControl::set_up(const std::string& name, bool up) {
    const std::string what = fmt::format("bring {} {}", name, up ? "up" : "down");
    ifreq r = request_for(name);
    if (::ioctl(ioctls_.get(), SIOCGIFFLAGS, &r) != 0) return done_or(errno, what);
    r.ifr_flags = static_cast<short>(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    return done_or(::ioctl(ioctls_.get(), SIOCSIFFLAGS, &r) == 0 ? 0 : errno, what);
}

Opened<void> InterfaceControl::set_mtu(const std::string& name, std::uint32_t mtu) {
    ifreq r = request_for(name);
    r.ifr_mtu = static_cast<int>(mtu);
    return done_or(::ioctl(ioctls_.get(), SIOCSIFMTU, &r) == 0 ? 0 : errno,
                   fmt::format("set the MTU of {} to {}", name, mtu));
}

Opened<void> InterfaceControl::set_mac(const std::string& name, const MacAddress& mac) {
    ifreq r = request_for(name);
    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(r.ifr_hwaddr.sa_data, mac.data(), mac.size());
    return done_or(::ioctl(ioctls_.get(), SIOCSIFHWADDR, &r) == 0 ? 0 : errno,
                   fmt::format("set the hardware address of {}", name));
}

Opened<void> InterfaceControl::set_checksum_offload(const std::string& name, bool on) {
    ethtool_value value{.cmd = ETHTOOL_STXCSUM, .data = on ? 1u : 0u};
    ifreq r = request_for(name);
    r.ifr_data = reinterpret_cast<char*>(&value);
    return done_or(::ioctl(ioctls_.get(), SIOCETHTOOL, &r) == 0 ? 0 : errno,
                   fmt::format("turn the checksum offload of {} {}", name, on ? "on" : "off"));
}

Opened<void> InterfaceControl::add_address(const std::string& name, const Prefix& address) {
    const std::string what = fmt::format("give {} the address {}", name, address.to_string());
    const auto at = state(name);
    if (!at) return done_or(ENODEV, what);
    ifaddrmsg fixed{};
    fixed.ifa_family = family_of(address.address);
    fixed.ifa_prefixlen = address.length;
    fixed.ifa_index = at->index;
    if (!address.address.is_v4()) fixed.ifa_flags = IFA_F_NODAD;
    NetlinkMessage m{RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL};
    m.fixed(fixed);
    m.attribute(IFA_LOCAL, address.address);
    m.attribute(IFA_ADDRESS, address.address);
    return done_or(request(m), what);
}

Opened<void> InterfaceControl::add_route(const std::string& name, const Prefix& network,
                                         std::optional<IpAddress> gateway) {
    const std::string what = fmt::format("route {} over {}", network.to_string(), name);
    const auto at = state(name);
    if (!at) return done_or(ENODEV, what);
    rtmsg fixed{};
    fixed.rtm_family = family_of(network.address);
    fixed.rtm_dst_len = network.length;
    fixed.rtm_table = RT_TABLE_MAIN;
    fixed.rtm_protocol = RTPROT_STATIC;
    fixed.rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    fixed.rtm_type = RTN_UNICAST;
    NetlinkMessage m{RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL};
    m.fixed(fixed);
    if (network.length != 0) m.attribute(RTA_DST, network.address);
    if (gateway) m.attribute(RTA_GATEWAY, *gateway);
    m.attribute(RTA_OIF, &at->index, sizeof at->index);
    return done_or(request(m), what);
}

Opened<void> InterfaceControl::add_veth(const std::string& one, const std::string& other) {
    NetlinkMessage m{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL};
    m.fixed(ifinfomsg{});
    m.attribute(IFLA_IFNAME, one);
    const std::size_t link = m.open_nest(IFLA_LINKINFO);
    m.attribute(IFLA_INFO_KIND, std::string{"veth"});
    const std::size_t data = m.open_nest(IFLA_INFO_DATA);
    const std::size_t peer = m.open_nest(VETH_INFO_PEER);
    m.fixed(ifinfomsg{});
    m.attribute(IFLA_IFNAME, other);
    m.close_nest(peer);
    m.close_nest(data);
    m.close_nest(link);
    return done_or(request(m), fmt::format("make the veth pair {}, {}", one, other));
}

Opened<void> InterfaceControl::remove(const std::string& name) {
    const std::string what = fmt::format("remove {}", name);
    const auto at = state(name);
    if (!at) return done_or(ENODEV, what);
    ifinfomsg fixed{};
    fixed.ifi_index = static_cast<int>(at->index);
    NetlinkMessage m{RTM_DELLINK, 0};
    m.fixed(fixed);
    return done_or(request(m), what);
}

int InterfaceControl::request(NetlinkMessage& message) {
    const auto bytes = message.finish(++sequence_);
    if (::send(netlink_.get(), bytes.data(), bytes.size(), 0) < 0) return errno;
    std::array<std::byte, 8192> answer{};
    for (;;) {
        const ssize_t n = ::recv(netlink_.get(), answer.data(), answer.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (static_cast<std::size_t>(n) < sizeof(nlmsghdr) + sizeof(nlmsgerr)) continue;
        nlmsghdr header{};
        std::memcpy(&header, answer.data(), sizeof header);
        if (header.nlmsg_seq != sequence_ || header.nlmsg_type != NLMSG_ERROR) continue;
        nlmsgerr error{};
        std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
        return -error.error;
    }
}

}  // namespace fairlead::device
