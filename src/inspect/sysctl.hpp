// inspect/sysctl.hpp — settings by name, as sysctl of procps has them.
//
// Owns:      names with dots, with slashes and as paths below /proc/sys; patterns of a shell; the
//            lines "name = value", "name=value" of a file.
// Not here:  what a setting does (fairlead/config.hpp), reaching a stack (cli/sysctl.cpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fairlead/config.hpp"

namespace fairlead::inspect {

// "net.ipv4.tcp_sack" of "net/ipv4/tcp_sack", "/proc/sys/net/ipv4/tcp_sack" and itself.
std::string dotted(std::string_view name);
// The names that a pattern ("net.ipv4.tcp_*mem") or a plain name means; none: there is no such.
std::vector<std::string_view> matching_settings(std::string_view pattern);

enum class SysctlForm { Whole, Value, Name };  // "a = 1", "1" (-n), "a" (-N)
std::string sysctl_line(const Config& config, std::string_view name, SysctlForm form);

// "name=value"; nothing: it asks and sets nothing.
std::optional<std::pair<std::string, std::string>> assignment(std::string_view word);
// Of a line of sysctl.conf; nothing: it is empty or a comment.
std::optional<std::pair<std::string, std::string>> file_assignment(std::string_view line);

}  // namespace fairlead::inspect
