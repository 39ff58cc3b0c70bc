// drill/settings.hpp — the options of a script and of the command line.
//
// Owns:   their names, values and defaults. The command line wins over the script, as in the
//         original program.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/address.hpp"
#include "fairlead/time.hpp"

namespace fairlead::drill {

enum class IpVersion : std::uint8_t { V4, V4MappedV6, V6 };

struct Settings {
    IpVersion ip_version = IpVersion::V4;
    Duration tolerance = 4_ms;
    std::int64_t tolerance_percent_x10 = 125;  // 12.5 % of the time since the event before
    std::optional<Duration> timestamp_tick{};  // check TS val against it
    bool scale_timestamp_echo = false;         // a TS ecr that was never sent is no error
    bool strict_segments = false;              // packets are compared one by one
    std::uint16_t mtu = 1500;
    std::uint16_t mss = 0;  // longer segments come in as several of this size, merged; 0: as one
    // Shell scripts that are run before the script's own lines: first by name, then as their text.
    std::vector<std::string> init_scripts{};
    std::uint16_t bind_port = 8080;
    std::uint16_t connect_port = 8080;
    Prefix local_v4{.address = IpAddress::v4(192, 168, 0, 1), .length = 16};
    IpAddress remote_v4 = IpAddress::v4(192, 0, 2, 1);
    Prefix local_v6 = *Prefix::parse("fd3d:fa7b:d17d::1/48");
    IpAddress remote_v6 = *IpAddress::parse("2001:db8::1");
    bool is_dry_run = false;        // parsed, and not run
    bool forgives_packets = false;  // --non_fatal: what differs is told, and the script goes on
    bool forgives_calls = false;
    bool allows_shell = false;  // no option of a script: only who runs it may say so

    bool is_v6_on_the_wire() const { return ip_version == IpVersion::V6; }
    IpAddress local() const { return is_v6_on_the_wire() ? local_v6.address : local_v4.address; }
    IpAddress remote() const { return is_v6_on_the_wire() ? remote_v6 : remote_v4; }
};

// The error says what is wrong with it.
std::expected<void, std::string> apply_option(Settings& settings, std::string_view name,
                                              std::string_view value);

struct OptionForm {
    std::string_view name{};
    std::string_view form{};  // of its value, with the default
    std::string_view what{};
};
// Those that change something.
std::span<const OptionForm> option_forms();
// Those of the original's that apply_option() refuses with a reason of their own.
std::span<const std::string_view> refused_options();

}  // namespace fairlead::drill
