// Socket options, with the checks and the errno that setsockopt(2) has for a UDP socket.
#include <algorithm>

#include "udp/layer.hpp"

namespace fairlead::udp {
namespace {

// net/core/sock.c: SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF.
constexpr std::int64_t kMinReceiveBuffer = 2304;
constexpr std::int64_t kMinSendBuffer = 4608;

constexpr bool is_within(std::int64_t value, std::int64_t low, std::int64_t high) {
    return low <= value && value <= high;
}

std::unexpected<Errc> refused(Errc e) { return std::unexpected{e}; }

// Those that only hold a yes or no.
bool* flag_of(SocketOptions& o, Option option) {
    switch (option) {
        case Option::ReuseAddress: return &o.reuse_address;
        case Option::ReusePort: return &o.reuse_port;
        case Option::Broadcast: return &o.broadcast;
        case Option::KeepAlive: return &o.keep_alive;
        case Option::OutOfBandInline: return &o.out_of_band_inline;
        case Option::PacketInfo: return &o.packet_info;
        case Option::BindAddressNoPort: return &o.bind_address_no_port;
        case Option::ReceiveTtl: return &o.receive_ttl;
        case Option::ReceiveTos: return &o.receive_tos;
        case Option::ReceiveError: return &o.receive_error;
        case Option::ZeroCopy: return &o.zero_copy;
        case Option::UdpCork: return &o.cork;
        case Option::UdpGro: return &o.gro;
        default: return nullptr;
    }
}

// Those that hold any number.
std::int64_t* number_of(SocketOptions& o, Option option) {
    switch (option) {
        case Option::LingerSeconds: return &o.linger_seconds;
        case Option::Priority: return &o.priority;
        case Option::Mark: return &o.mark;
        case Option::ReceiveLowWater: return &o.receive_low_water;
        default: return nullptr;
    }
}

}  // namespace

Result<void> Layer::set_option(Handle handle, Option option, std::int64_t value) {
    Socket& s = at(handle);
    SocketOptions& o = s.options;
    if (bool* flag = flag_of(o, option)) {
        *flag = value != 0;
        if (option == Option::ReceiveError && value == 0) s.errors.clear();
        if (option == Option::UdpCork && value == 0 && s.corked) (void)uncork(s);
        return {};
    }
    if (std::int64_t* number = number_of(o, option)) {
        *number = value;
        return {};
    }
    switch (option) {
        // The kernel doubles what is asked for, to hold its own records too.
        case Option::ReceiveBuffer:
            o.receive_buffer = std::max(std::min(value, config_.rmem_max) * 2, kMinReceiveBuffer);
            return {};
        case Option::SendBuffer:
            o.send_buffer = std::max(std::min(value, config_.wmem_max) * 2, kMinSendBuffer);
            return {};
        case Option::BindToDevice:
            if (!is_within(value, 0, static_cast<std::int64_t>(network_.interface_count()))) {
                return refused(Errc::NoSuchDevice);
            }
            o.device = static_cast<InterfaceIndex>(value);
            return {};
        case Option::Ttl:
            if (value != -1 && !is_within(value, s.family == Family::Inet ? 1 : 0, 255)) {
                return refused(Errc::InvalidArgument);
            }
            o.ttl = static_cast<std::int16_t>(value);
            return {};
        case Option::Tos:
            if (!is_within(value, -1, 255)) return refused(Errc::InvalidArgument);
            o.tos = static_cast<std::uint8_t>(std::max<std::int64_t>(value, 0));
            return {};
        case Option::MtuDiscover:
            if (!is_within(value, 0, 5)) return refused(Errc::InvalidArgument);
            o.mtu_discovery = static_cast<MtuDiscovery>(value);
            return {};
        case Option::LocalPortRange: return ip::set_port_range(o.port_range, value);
        case Option::UdpSegment:
            if (!is_within(value, 0, UINT16_MAX)) return refused(Errc::InvalidArgument);
            o.segment = static_cast<std::uint16_t>(value);
            return {};
        case Option::Timestamping: return set_timestamping(s, value);
        case Option::V6Only:
            if (s.family == Family::Inet) return refused(Errc::NoSuchOption);
            if (s.local.port != 0) return refused(Errc::InvalidArgument);
            o.v6_only = value != 0;
            return {};
        default: return refused(Errc::NoSuchOption);
    }
}

// sock_set_timestamping()
Result<void> Layer::set_timestamping(Socket& s, std::int64_t value) {
    if (!are_stamps(value)) return refused(Errc::InvalidArgument);
    const auto flags = static_cast<Stamps>(value);
    if ((flags & ~s.options.stamps & kStampNumbered) != 0) s.stamped = 0;
    if (!go_together(flags)) return refused(Errc::InvalidArgument);
    if ((flags & kStampOfClock) != 0) return refused(Errc::NotSupported);
    s.options.stamps = flags;
    return {};
}

Result<std::int64_t> Layer::option(Handle handle, Option option) {
    Socket& s = at(handle);
    SocketOptions& o = s.options;
    if (const bool* flag = flag_of(o, option)) return *flag ? 1 : 0;
    if (const std::int64_t* number = number_of(o, option)) return *number;
    const bool is_v4 = s.family == Family::Inet;
    switch (option) {
        case Option::Error: {
            const auto error = std::exchange(s.error, std::nullopt);
            return error ? to_errno(*error) : 0;
        }
        case Option::Type: return 2;                 // SOCK_DGRAM
        case Option::Domain: return is_v4 ? 2 : 10;  // AF_INET, AF_INET6
        case Option::Listening: return 0;
        case Option::ReceiveBuffer: return o.receive_buffer;
        case Option::SendBuffer: return o.send_buffer;
        case Option::BindToDevice: return o.device;
        case Option::Ttl:
            if (o.ttl >= 0) return o.ttl;
            return is_v4 ? config_.ip_default_ttl : config_.ip6_hop_limit;
        case Option::PathMtu:
            if (!s.is_connected) return refused(Errc::NotConnected);
            if (const auto found = find_path(s, s.peer.address, s.local.address, o.device);
                !found) {
                return refused(Errc::NotConnected);
            }
            return s.path.mtu;
        case Option::Tos: return o.tos;
        case Option::MtuDiscover: return static_cast<std::int64_t>(o.mtu_discovery);
        case Option::LocalPortRange: return o.port_range;
        case Option::UdpSegment: return o.segment;
        case Option::Timestamping: return o.stamps;
        case Option::V6Only:
            if (is_v4) return refused(Errc::NoSuchOption);
            return o.v6_only ? 1 : 0;
        default: return refused(Errc::NoSuchOption);
    }
}

}  // namespace fairlead::udp
