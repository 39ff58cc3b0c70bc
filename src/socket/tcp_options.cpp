#include "socket/tcp_options.hpp"

#include <algorithm>

namespace fairlead::socket {
namespace {

constexpr std::int64_t kSmallestSendBuffer = 4608;     // SOCK_MIN_SNDBUF
constexpr std::int64_t kSmallestReceiveBuffer = 2304;  // SOCK_MIN_RCVBUF
constexpr std::int64_t kLongestKeepAlive = 32767;      // seconds
constexpr std::int64_t kMostProbes = 127;

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
        case Option::KeepAlive: o.keep_alive = value != 0; return OptionEffect{.changed = true};
        case Option::Broadcast:
        case Option::Priority:
        case Option::Mark: return OptionEffect{};
        case Option::SendBuffer:
            // Doubled: half of it pays for what a segment costs beyond its bytes.
            o.send_buffer = static_cast<std::uint32_t>(std::max(
                2 * std::clamp<std::int64_t>(value, 0, config.wmem_max), kSmallestSendBuffer));
            return OptionEffect{.changed = true};
        case Option::ReceiveBuffer:
            o.receive_buffer = static_cast<std::uint32_t>(std::max(
                2 * std::clamp<std::int64_t>(value, 0, config.rmem_max), kSmallestReceiveBuffer));
            c.set_receive_buffer(o.receive_buffer);
            return OptionEffect{};
        case Option::ReceiveLowWater:
            o.receive_low_water = static_cast<std::uint32_t>(
                value < 0 ? INT32_MAX : std::max<std::int64_t>(value, 1));
            return OptionEffect{};
        case Option::BindToDevice: return assign(o.device, value, 0, INT32_MAX);
        case Option::LingerSeconds:
            o.linger_seconds =
                static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -1, INT32_MAX));
            return OptionEffect{};
        default: return std::unexpected{Errc::NoSuchOption};
    }
}

}  // namespace

Result<OptionEffect> set_tcp_option(tcp::Connection& c, Option option, std::int64_t value,
                                    const Config& config) {
    tcp::Options& o = c.options;
    switch (option) {
        case Option::Ttl:
            if (value == -1) value = 0;
            return assign(o.ttl, value, 0, 255);
        case Option::Tos: return assign(o.tos, value, 0, 255);
        case Option::V6Only:
            if (c.filing.has_bound_port) return std::unexpected{Errc::InvalidArgument};
            o.v6_only = value != 0;
            return OptionEffect{};
        case Option::MtuDiscover: return OptionEffect{};
        case Option::NoDelay: o.no_delay = value != 0; return OptionEffect{.push = value != 0};
        case Option::Cork: o.cork = value != 0; return OptionEffect{.push = value == 0};
        case Option::MaxSegment: return assign(o.max_segment, value, value == 0 ? 0 : 88, 32767);
        case Option::KeepIdle: {
            const auto done = assign(o.keep_idle, value, 1, kLongestKeepAlive);
            if (!done) return done;
            return OptionEffect{.changed = true};
        }
        case Option::KeepInterval: return assign(o.keep_interval, value, 1, kLongestKeepAlive);
        case Option::KeepCount: return assign(o.keep_count, value, 1, kMostProbes);
        case Option::SynCount: return assign(o.syn_retries, value, 1, kMostProbes);
        case Option::FinTimeout:
            o.fin_timeout =
                static_cast<std::int8_t>(value < 0 ? -1 : std::min<std::int64_t>(value, 120));
            return OptionEffect{};
        case Option::DeferAccept: return assign(o.defer_accept, value, 0, INT32_MAX);
        case Option::WindowClamp: return assign(o.window_clamp, value, 0, INT32_MAX);
        case Option::QuickAck:
            c.set_quick_ack(value != 0, config);
            return OptionEffect{.changed = true};
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
        case Option::KeepAlive: return o.keep_alive;
        case Option::SendBuffer:
            if (o.send_buffer != 0) return o.send_buffer;
            return value_or(c.send_buffer_limit(), config.tcp_wmem[1]);
        case Option::ReceiveBuffer:
            if (o.receive_buffer != 0) return o.receive_buffer;
            return value_or(c.receive_buffer_limit(), config.tcp_rmem[1]);
        case Option::ReceiveLowWater: return o.receive_low_water;
        case Option::Error: return to_errno(c.take_error());
        case Option::Type: return 1;
        case Option::Listening: return c.state() == TcpState::Listen;
        case Option::BindToDevice: return o.device;
        case Option::LingerSeconds: return o.linger_seconds;
        case Option::Ttl: return value_or(o.ttl, config.ip_default_ttl);
        case Option::Tos: return o.tos;
        case Option::V6Only: return o.v6_only;
        case Option::NoDelay: return o.no_delay;
        case Option::Cork: return o.cork;
        case Option::MaxSegment: return c.send_mss();
        case Option::KeepIdle: return value_or(o.keep_idle, config.tcp_keepalive_time);
        case Option::KeepInterval: return value_or(o.keep_interval, config.tcp_keepalive_intvl);
        case Option::KeepCount: return value_or(o.keep_count, config.tcp_keepalive_probes);
        case Option::SynCount: return value_or(o.syn_retries, config.tcp_syn_retries);
        case Option::FinTimeout: return value_or(o.fin_timeout, config.tcp_fin_timeout);
        case Option::DeferAccept: return o.defer_accept;
        case Option::WindowClamp: return o.window_clamp;
        case Option::QuickAck: return c.is_quick_ack(config);
        case Option::UserTimeout: return o.user_timeout_ms;
        case Option::NotSentLowWater: return o.not_sent_low_water;
        default: return std::unexpected{Errc::NoSuchOption};
    }
}

}  // namespace fairlead::socket
