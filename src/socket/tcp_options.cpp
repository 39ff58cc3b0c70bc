#include "socket/tcp_options.hpp"

#include <algorithm>

namespace fairlead::socket {
namespace {

constexpr std::int64_t kSmallestSendBuffer = 4608;     // SOCK_MIN_SNDBUF
constexpr std::int64_t kSmallestReceiveBuffer = 2304;  // SOCK_MIN_RCVBUF
constexpr std::int64_t kLongestKeepAlive = 32767;      // seconds
constexpr std::int64_t kMostProbes = 127;
constexpr std::int64_t kLongestFinTimeout = 120;  // seconds
constexpr std::int64_t kNotEcn = 0xfc;            // of the type of service

// As Linux reads them: a negative size is a very large one.
std::uint32_t buffer_size(std::int64_t value, std::int64_t most, std::int64_t smallest) {
    const auto wanted = std::int64_t{static_cast<std::uint32_t>(value)};
    // Doubled: half of it pays for what a segment costs beyond its bytes.
    return static_cast<std::uint32_t>(std::max(2 * std::min(wanted, most), smallest));
}

// TCP_DEFER_ACCEPT is given in seconds and kept in timeouts of a SYN-ACK (secs_to_retrans).
struct Deferral {
    std::uint8_t timeouts = 0;
    std::int64_t seconds = 0;
};
template <typename IsEnough>
Deferral defer_until(IsEnough is_enough, std::int64_t longest) {
    Deferral d;
    for (std::int64_t timeout = 1; !is_enough(d) && d.timeouts < UINT8_MAX; ++d.timeouts) {
        d.seconds += timeout;
        timeout = std::min(2 * timeout, longest);
    }
    return d;
}

Result<void> check(std::int64_t value, std::int64_t lowest, std::int64_t highest) {
    if (value < lowest || value > highest) return std::unexpected{Errc::InvalidArgument};
    return {};
}

template <typename T>
Result<OptionEffect> assign(T& field, std::int64_t value, std::int64_t lowest,
                            std::int64_t highest) {
    if (const auto good = check(value, lowest, highest); !good) {
        return std::unexpected{good.error()};
    }
    field = static_cast<T>(value);
    return OptionEffect{};
}

Result<OptionEffect> set_socket_option(tcp::Connection& c, Option option, std::int64_t value,
                                       const Config& config) {
    tcp::Options& o = c.options;
    switch (option) {
        case Option::ReuseAddress: o.reuse_address = value != 0; return OptionEffect{};
        case Option::ReusePort: o.reuse_port = value != 0; return OptionEffect{};
        case Option::BindAddressNoPort: o.bind_address_no_port = value != 0; return OptionEffect{};
        case Option::KeepAlive: o.keep_alive = value != 0; return OptionEffect{.changed = true};
        case Option::ReceiveError: o.receive_error = value != 0; return OptionEffect{};
        case Option::ZeroCopy: o.zero_copy = value != 0; return OptionEffect{};
        case Option::OutOfBandInline: o.out_of_band_inline = value != 0; return OptionEffect{};
        case Option::Broadcast:
        case Option::Priority:
        case Option::Mark: return OptionEffect{};
        case Option::SendBuffer:
            o.send_buffer = buffer_size(value, config.wmem_max, kSmallestSendBuffer);
            return OptionEffect{.changed = true};
        case Option::ReceiveBuffer:
            o.receive_buffer = buffer_size(value, config.rmem_max, kSmallestReceiveBuffer);
            c.set_receive_buffer(o.receive_buffer);
            return OptionEffect{};
        case Option::ReceiveLowWater: {
            // More than half of the buffer may never be there to be read.
            const std::int64_t most =
                (o.receive_buffer != 0 ? o.receive_buffer : config.tcp_rmem[2]) / 2;
            const std::int64_t wanted = value < 0 ? INT32_MAX : value;
            o.receive_low_water =
                static_cast<std::uint32_t>(std::max<std::int64_t>(std::min(wanted, most), 1));
            return OptionEffect{};
        }
        case Option::BindToDevice: return assign(o.device, value, 0, INT32_MAX);
        case Option::LingerSeconds:
            o.linger_seconds =
                static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -1, INT32_MAX));
            return OptionEffect{};
        default: return std::unexpected{Errc::NoSuchOption};
    }
}

Result<OptionEffect> clamp_window(tcp::Connection& c, std::int64_t value) {
    if (value == 0) {
        if (c.state() != TcpState::Closed) return std::unexpected{Errc::InvalidArgument};
        c.options.window_clamp = 0;
        return OptionEffect{};
    }
    c.options.window_clamp = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(value, kSmallestReceiveBuffer / 2, INT32_MAX));
    c.set_window_clamp(c.options.window_clamp);
    return OptionEffect{};
}

}  // namespace

Result<OptionEffect> set_tcp_option(tcp::Connection& c, Option option, std::int64_t value,
                                    const Config& config) {
    tcp::Options& o = c.options;
    switch (option) {
        case Option::Ttl:
            if (value != -1) return assign(o.ttl, value, 1, 255);
            o.ttl = 0;
            return OptionEffect{};
        case Option::Tos:
            // The two bits of ECN are TCP's own. Only IPv6 has a range.
            if (!c.key.local.address.is_v4()) {
                if (value == -1) value = 0;
                if (const auto good = check(value, 0, 255); !good) {
                    return std::unexpected{good.error()};
                }
            }
            o.tos = static_cast<std::uint8_t>(value & kNotEcn);
            return OptionEffect{};
        case Option::V6Only:
            if (c.filing.is_bound) return std::unexpected{Errc::InvalidArgument};
            o.v6_only = value != 0;
            return OptionEffect{};
        case Option::MtuDiscover:
            if (const auto good = check(value, 0, 5); !good) return std::unexpected{good.error()};
            o.mtu_discovery = static_cast<ip::MtuDiscovery>(value);
            return OptionEffect{};
        case Option::NoDelay: o.no_delay = value != 0; return OptionEffect{.push = value != 0};
        case Option::Cork:
            o.cork = value != 0;
            if (o.cork) return OptionEffect{};
            return OptionEffect{.push = o.no_delay, .looks = true};
        case Option::MaxSegment: return assign(o.max_segment, value, value == 0 ? 0 : 88, 32767);
        case Option::KeepIdle: {
            const auto done = assign(o.keep_idle, value, 1, kLongestKeepAlive);
            if (!done) return done;
            return OptionEffect{.changed = true};
        }
        case Option::KeepInterval: return assign(o.keep_interval, value, 1, kLongestKeepAlive);
        case Option::KeepCount: return assign(o.keep_count, value, 1, kMostProbes);
        case Option::ThinLinearTimeouts:
            if (const auto good = check(value, 0, 1); !good) return std::unexpected{good.error()};
            o.thin_linear_timeouts = value != 0;
            return OptionEffect{};
        case Option::SynCount: return assign(o.syn_retries, value, 1, kMostProbes);
        case Option::FinTimeout:
            o.fin_timeout =
                static_cast<std::int8_t>(value < 0 ? -1 : std::min(value, kLongestFinTimeout));
            return OptionEffect{};
        case Option::DeferAccept:
            o.defer_accept = defer_until([&](const Deferral& d) { return d.seconds >= value; },
                                         config.tcp_rto_max_ms / 1000)
                                 .timeouts;
            return OptionEffect{};
        case Option::WindowClamp: return clamp_window(c, value);
        case Option::QuickAck:
            c.set_quick_ack(value != 0, config);
            return OptionEffect{.acks = value != 0 && (c.state() == tcp::State::Established ||
                                                       c.state() == tcp::State::CloseWait)};
        case Option::UserTimeout: return assign(o.user_timeout_ms, value, 0, INT32_MAX);
        case Option::NotSentLowWater: return assign(o.not_sent_low_water, value, 0, UINT32_MAX);
        default: return set_socket_option(c, option, value, config);
    }
}

Result<std::int64_t> tcp_option(tcp::Connection& c, Option option, const Config& config) {
    const tcp::Options& o = c.options;
    const auto value_or = [](std::int64_t set, std::int64_t otherwise) {
        return set != 0 ? set : otherwise;
    };
    switch (option) {
        case Option::ReuseAddress: return o.reuse_address;
        case Option::ReusePort: return o.reuse_port;
        case Option::BindAddressNoPort: return o.bind_address_no_port;
        case Option::KeepAlive: return o.keep_alive;
        case Option::OutOfBandInline: return o.out_of_band_inline;
        case Option::ReceiveError: return o.receive_error;
        case Option::ZeroCopy: return o.zero_copy;
        case Option::SendBuffer:
            if (o.send_buffer != 0) return o.send_buffer;
            return value_or(c.send_buffer_limit(), config.tcp_wmem[1]);
        case Option::ReceiveBuffer:
            if (o.receive_buffer != 0) return o.receive_buffer;
            return value_or(c.receive_buffer_limit(), config.tcp_rmem[1]);
        case Option::ReceiveLowWater: return o.receive_low_water;
        case Option::Error: return to_errno(c.take_error_or_hint());
        case Option::Type: return 1;
        case Option::Listening: return c.state() == TcpState::Listen;
        case Option::BindToDevice: return o.device;
        case Option::LingerSeconds: return o.linger_seconds;
        case Option::Ttl: return value_or(o.ttl, config.ip_default_ttl);
        case Option::Tos: return o.tos;
        case Option::MtuDiscover: return static_cast<std::int64_t>(o.mtu_discovery);
        case Option::V6Only: return o.v6_only;
        case Option::NoDelay: return o.no_delay;
        case Option::ThinLinearTimeouts: return o.thin_linear_timeouts;
        case Option::Cork: return o.cork;
        case Option::MaxSegment: {
            const bool is_open = c.state() != TcpState::Closed && c.state() != TcpState::Listen;
            return is_open || o.max_segment == 0 ? c.send_mss() : o.max_segment;
        }
        case Option::KeepIdle: return value_or(o.keep_idle, config.tcp_keepalive_time);
        case Option::KeepInterval: return value_or(o.keep_interval, config.tcp_keepalive_intvl);
        case Option::KeepCount: return value_or(o.keep_count, config.tcp_keepalive_probes);
        case Option::SynCount: return value_or(o.syn_retries, config.tcp_syn_retries);
        case Option::FinTimeout: return value_or(o.fin_timeout, config.tcp_fin_timeout);
        case Option::DeferAccept:
            return defer_until([&](const Deferral& d) { return d.timeouts >= o.defer_accept; },
                               config.tcp_rto_max_ms / 1000)
                .seconds;
        case Option::WindowClamp: return o.window_clamp;
        case Option::QuickAck: return c.is_quick_ack(config);
        case Option::UserTimeout: return o.user_timeout_ms;
        case Option::NotSentLowWater: return o.not_sent_low_water;
        default: return std::unexpected{Errc::NoSuchOption};
    }
}

}  // namespace fairlead::socket
