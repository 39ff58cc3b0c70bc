#include "drill/settings.hpp"

#include <fmt/format.h>

#include "drill/grammar.hpp"

namespace fairlead::drill {
namespace {

using Applied = std::expected<void, std::string>;

constexpr std::string_view kNames[] = {
    "ip_version", "tolerance_usecs", "tcp_ts_tick_usecs", "tcp_ts_ecr_scaled", "strict_segments",
    "mtu",        "bind_port",       "connect_port",      "local_ip",          "remote_ip",
};

std::unexpected<std::string> refused(std::string_view name, std::string_view value) {
    return std::unexpected{fmt::format("'{}' is no value for --{}", value, name)};
}

std::expected<std::uint64_t, std::string> number(std::string_view name, std::string_view value,
                                                 std::uint64_t most) {
    for (const char c : value) {
        if (c < '0' || c > '9') return refused(name, value);
    }
    const auto parsed = parse_integer(value);
    if (value.empty() || !parsed || parsed->value > most) return refused(name, value);
    return parsed->value;
}

Applied set_duration(Duration& to, std::string_view name, std::string_view value) {
    constexpr std::uint64_t kMostMicroseconds = 3'600'000'000;
    const auto us = number(name, value, kMostMicroseconds);
    if (!us) return std::unexpected{us.error()};
    to = Duration::from_us(static_cast<std::int64_t>(*us));
    return {};
}

Applied set_u16(std::uint16_t& to, std::string_view name, std::string_view value) {
    const auto n = number(name, value, UINT16_MAX);
    if (!n) return std::unexpected{n.error()};
    to = static_cast<std::uint16_t>(*n);
    return {};
}

Applied set_version(Settings& settings, std::string_view value) {
    if (value == "ipv4") {
        settings.ip_version = IpVersion::V4;
    } else if (value == "ipv4-mapped-ipv6") {
        settings.ip_version = IpVersion::V4MappedV6;
    } else if (value == "ipv6") {
        settings.ip_version = IpVersion::V6;
    } else {
        return refused("ip_version", value);
    }
    return {};
}

Applied set_address(Settings& settings, std::string_view name, std::string_view value) {
    const auto address = IpAddress::parse(value);
    if (!address) return refused(name, value);
    const bool is_local = name == "local_ip";
    if (address->is_v4()) {
        (is_local ? settings.local_v4.address : settings.remote_v4) = *address;
    } else {
        (is_local ? settings.local_v6.address : settings.remote_v6) = *address;
    }
    return {};
}

// A flag: no value, or 1.
Applied set_flag(bool& to, std::string_view name, std::string_view value) {
    if (!value.empty() && value != "1") return refused(name, value);
    to = true;
    return {};
}

}  // namespace

std::expected<void, std::string> apply_option(Settings& settings, std::string_view name,
                                              std::string_view value) {
    if (name == "ip_version") return set_version(settings, value);
    if (name == "tolerance_usecs") return set_duration(settings.tolerance, name, value);
    if (name == "tcp_ts_tick_usecs") {
        Duration tick;
        auto applied = set_duration(tick, name, value);
        if (applied) settings.timestamp_tick = tick;
        return applied;
    }
    if (name == "tcp_ts_ecr_scaled") return set_flag(settings.scale_timestamp_echo, name, value);
    if (name == "strict_segments") return set_flag(settings.strict_segments, name, value);
    if (name == "mtu") return set_u16(settings.mtu, name, value);
    if (name == "bind_port") return set_u16(settings.bind_port, name, value);
    if (name == "connect_port") return set_u16(settings.connect_port, name, value);
    if (name == "local_ip" || name == "remote_ip") return set_address(settings, name, value);
    return std::unexpected{fmt::format("there is no option --{}", name)};
}

std::span<const std::string_view> option_names() { return kNames; }

}  // namespace fairlead::drill
