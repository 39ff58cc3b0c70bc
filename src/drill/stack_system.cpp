#include "drill/stack_system.hpp"

#include <bit>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "drill/program.hpp"
#include "inspect/proc_net.hpp"

namespace fairlead::drill {
namespace {

std::string message(Errc error) { return std::string{message_of(error)}; }

}  // namespace

std::expected<std::string, std::string> StackSystem::config(std::string_view name) {
    const auto value = stack_.config().get(name);
    if (!value) return std::unexpected{fmt::format("the stack has no such setting")};
    return *value;
}

std::expected<void, std::string> StackSystem::set_config(std::string_view name,
                                                         std::string_view value) {
    const auto set = stack_.set_config(name, value);
    if (set) return {};
    if (set.error() == Errc::NoSuchEntry) {
        return std::unexpected{std::string{"the stack has no such setting"}};
    }
    return std::unexpected{message(set.error())};
}

namespace {

// Those of HyStart the stack obeys.
std::string setting_of(std::string_view parameter) {
    return "net.ipv4.tcp_cubic_" + std::string{parameter};
}

}  // namespace

std::expected<std::string, std::string> StackSystem::parameter(std::string_view name) {
    if (const auto value = stack_.config().get(setting_of(name))) return *value;
    const auto at = parameters_.find(name);
    if (at == parameters_.end()) return std::unexpected{message(Errc::NoSuchEntry)};
    return std::to_string(at->second);
}

std::expected<void, std::string> StackSystem::set_parameter(std::string_view name,
                                                            std::string_view value) {
    const auto set = stack_.set_config(setting_of(name), value);
    if (set) return {};
    if (set.error() != Errc::NoSuchEntry) return std::unexpected{message(set.error())};
    const auto at = parameters_.find(name);
    if (at == parameters_.end()) return std::unexpected{message(Errc::NoSuchEntry)};
    std::int32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) {
        return std::unexpected{message(Errc::InvalidArgument)};
    }
    at->second = number;
    return {};
}

std::expected<std::string, std::string> StackSystem::table(std::string_view path) {
    constexpr std::string_view kFolder = "/proc/net/";
    if (path.starts_with(kFolder)) {
        std::string text = inspect::proc_net(inspect::take(stack_), path.substr(kFolder.size()));
        if (!text.empty()) return text;
    }
    return std::unexpected{std::string{"the stack has no such table"}};
}

Finished StackSystem::run_shell(const std::string& line) {
    return run_program({"/bin/sh", "-c", line});
}

}  // namespace fairlead::drill
