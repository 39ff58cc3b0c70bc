#include "drill/settings.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "drill/grammar.hpp"

namespace fairlead::drill {
namespace {

using Applied = std::expected<void, std::string>;

constexpr OptionForm kForms[] = {
    {"ip_version", "ipv4|ipv4-mapped-ipv6|ipv6 [ipv4]", "What sockets and packets are of"},
    {"tolerance_usecs", "N [4000]", "How far a time may be off"},
    {"tcp_ts_tick_usecs", "N", "Hold TS val against a clock with this tick"},
    {"tcp_ts_ecr_scaled", "", "A TS ecr that was never sent is no error"},
    {"strict_segments", "", "A line is one segment, never several that add up to it"},
    {"mtu", "N [1500]", "Of the device"},
    {"mss", "N", "Longer segments come in as several of this size that were merged"},
    {"bind_port", "N [8080]", "What `...` is in bind()"},
    {"connect_port", "N [8080]", "What `...` is in connect()"},
    {"local_ip", "ADDRESS [192.168.0.1]", "Of what is under test"},
    {"remote_ip", "ADDRESS [192.0.2.1]", "Of the script's side"},
    {"netmask_ip", "MASK [255.255.0.0]", "Of the local address"},
    {"gateway_ip", "ADDRESS", "Accepted: the wire has one other end"},
    {"init_scripts", "FILE,...", "Shell scripts that are run first"},
    {"dry_run", "", "Read the scripts only"},
    {"non_fatal", "packet,syscall", "What differs in these is told, and the script goes on"},
};

// Of the original's: how it finds python and its device, how fast that is, what it prints and when
// it frees; and what the parser has read already. They change no verdict here.
constexpr std::string_view kPassedOver[] = {
    "code_command", "code_format", "code_sockopt", "persistent_tun_dev", "speed",
    "verbose",      "debug",       "define",       "send_omit_free",
};

constexpr std::string_view kNoWire =
    "the two ends of a script are in one process, on a wire of their own: there is no other "
    "machine. Without this option the script plays both of them";
constexpr std::string_view kNoLoading =
    "the stack is built in: lib/libfairlead-packetdrill.so is for the original program to load";

constexpr std::string_view kNoAnyIp =
    "a socket has the addresses of its device: `ip addr add` gives it more";

constexpr std::string_view kRefused[] = {
    "wire_client",     "wire_server", "wire_server_ip", "wire_server_port", "wire_client_dev",
    "wire_server_dev", "so_filename", "so_flags",       "is_anyip",
};

std::string_view why_refused(std::string_view name) {
    if (name.starts_with("wire_")) return kNoWire;
    return name.starts_with("so_") ? kNoLoading : kNoAnyIp;
}

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

// 255.255.0.0: ones, and then zeros.
Applied set_netmask(Settings& settings, std::string_view value) {
    const auto mask = IpAddress::parse(value);
    if (!mask || !mask->is_v4()) return refused("netmask_ip", value);
    const std::uint32_t bits = mask->v4_value();
    const int ones = std::countl_one(bits);
    if (ones != std::popcount(bits)) return refused("netmask_ip", value);
    settings.local_v4.length = static_cast<std::uint8_t>(ones);
    return {};
}

// The wire has one other end: what the gateway is called makes no difference.
Applied check_gateway(std::string_view value) {
    if (!IpAddress::parse(value)) return refused("gateway_ip", value);
    return {};
}

// packet, syscall, or both with a comma.
Applied set_forgiven(Settings& settings, std::string_view value) {
    std::string_view rest = value;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        const std::string_view kind = rest.substr(0, end);
        if (kind != "packet" && kind != "syscall") return refused("non_fatal", value);
        (kind == "packet" ? settings.forgives_packets : settings.forgives_calls) = true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

Applied set_init_scripts(Settings& settings, std::string_view value) {
    settings.init_scripts.clear();
    while (!value.empty()) {
        const std::size_t end = std::min(value.find(','), value.size());
        if (end > 0) settings.init_scripts.emplace_back(value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
    }
    if (settings.init_scripts.empty()) return refused("init_scripts", value);
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
    if (name == "mss") return set_u16(settings.mss, name, value);
    if (name == "bind_port") return set_u16(settings.bind_port, name, value);
    if (name == "connect_port") return set_u16(settings.connect_port, name, value);
    if (name == "local_ip" || name == "remote_ip") return set_address(settings, name, value);
    if (name == "netmask_ip") return set_netmask(settings, value);
    if (name == "gateway_ip") return check_gateway(value);
    if (name == "init_scripts") return set_init_scripts(settings, value);
    if (name == "dry_run") return set_flag(settings.is_dry_run, name, value);
    if (name == "non_fatal") return set_forgiven(settings, value);
    if (std::ranges::find(kPassedOver, name) != std::end(kPassedOver)) return {};
    if (std::ranges::find(kRefused, name) != std::end(kRefused)) {
        return std::unexpected{fmt::format("--{}: {}", name, why_refused(name))};
    }
    return std::unexpected{fmt::format("there is no option --{}", name)};
}

std::span<const OptionForm> option_forms() { return kForms; }

std::span<const std::string_view> refused_options() { return kRefused; }

}  // namespace fairlead::drill
