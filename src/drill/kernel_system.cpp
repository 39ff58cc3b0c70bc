#include "drill/kernel_system.hpp"

#include <fmt/format.h>

#include "drill/kernel_world.hpp"
#include "drill/program.hpp"

namespace fairlead::drill {
namespace {

constexpr std::string_view kTables = "/proc/net/";

std::expected<std::string, std::string> read_table(std::string_view name) {
    // The process's own /proc/net is its first thread's; this is ours.
    return read_kernel_file(fmt::format("/proc/thread-self/net/{}", name));
}

}  // namespace

std::expected<std::string, std::string> KernelSystem::config(std::string_view name) {
    return ask([&]() -> std::expected<std::string, std::string> { return read_sysctl(name); });
}

std::expected<void, std::string> KernelSystem::set_config(std::string_view name,
                                                          std::string_view value) {
    return ask([&]() -> std::expected<void, std::string> { return write_sysctl(name, value); });
}

std::expected<std::string, std::string> KernelSystem::parameter(std::string_view name) {
    if (name.find('/') != std::string_view::npos) {
        return std::unexpected{std::string{"no parameter of CUBIC"}};
    }
    auto text = read_kernel_file(fmt::format("/sys/module/tcp_cubic/parameters/{}", name));
    if (text && text->ends_with('\n')) text->pop_back();
    return text;
}

// They are the whole machine's: what is so already may be set, and nothing else.
std::expected<void, std::string> KernelSystem::set_parameter(std::string_view name,
                                                             std::string_view value) {
    const auto now = parameter(name);
    if (!now) return std::unexpected{now.error()};
    if (*now == value) return {};
    return std::unexpected{fmt::format(
        "{} is {}, and belongs to the whole machine: a script does not change it", name, *now)};
}

std::expected<std::string, std::string> KernelSystem::table(std::string_view path) {
    const std::string name{path.substr(kTables.size())};
    if (name.find("..") != std::string::npos) {
        return std::unexpected{std::string{"no table of the network"}};
    }
    return ask([&]() -> std::expected<std::string, std::string> { return read_table(name); });
}

Finished KernelSystem::configure_network(const std::vector<std::string>& words) {
    return ask([&] { return run_program(words); });
}

Finished KernelSystem::run_shell(const std::string& line) {
    return ask([&] { return run_program({"/bin/sh", "-c", line}); });
}

}  // namespace fairlead::drill
