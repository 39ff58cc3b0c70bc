#include "inspect/sysctl.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fnmatch.h>

#include "tcp/congestion/controller.hpp"

namespace fairlead::inspect {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What can be read, and not set; own controllers of an application are not told of.
constexpr std::string_view kAvailable = "net.ipv4.tcp_available_congestion_control";

std::string available() {
    std::string names;
    for (const CongestionOperations* o : tcp::kBuiltIn) {
        if (!names.empty()) names += ' ';
        names += o->name;
    }
    return names;
}

bool is_wanted(std::string_view name, const std::string& wanted) {
    const bool is_below = name.starts_with(wanted) && name.substr(wanted.size()).starts_with('.');
    return is_below || ::fnmatch(wanted.c_str(), std::string{name}.c_str(), 0) == 0;
}

}  // namespace

std::string dotted(std::string_view name) {
    constexpr std::string_view kRoot = "/proc/sys/";
    if (name.starts_with(kRoot)) name.remove_prefix(kRoot.size());
    std::string text{name};
    std::ranges::replace(text, '/', '.');
    return text;
}

std::vector<std::string_view> matching_settings(std::string_view pattern) {
    const std::string wanted = dotted(pattern);
    std::vector<std::string_view> found;
    for (const std::string_view name : Config::names()) {
        if (is_wanted(name, wanted)) found.push_back(name);
    }
    if (is_wanted(kAvailable, wanted)) {
        found.insert(std::ranges::upper_bound(found, kAvailable), kAvailable);
    }
    return found;
}

std::string sysctl_line(const Config& config, std::string_view name, SysctlForm form) {
    const std::string value = name == kAvailable ? available() : config.get(name).value_or("");
    switch (form) {
        case SysctlForm::Whole: return fmt::format("{} = {}\n", name, value);
        case SysctlForm::Value: return fmt::format("{}\n", value);
        case SysctlForm::Name: return fmt::format("{}\n", name);
    }
    return {};
}

std::optional<std::pair<std::string, std::string>> assignment(std::string_view word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    return std::pair{dotted(trimmed(word.substr(0, equals))),
                     std::string{trimmed(word.substr(equals + 1))}};
}

std::optional<std::pair<std::string, std::string>> file_assignment(std::string_view line) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') return std::nullopt;
    if (line[0] == '-') line.remove_prefix(1);  // whose failure is nobody's concern
    return assignment(line);
}

}  // namespace fairlead::inspect
