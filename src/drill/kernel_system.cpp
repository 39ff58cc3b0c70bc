#include "drill/kernel_system.hpp"

#include <charconv>

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

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> pieces;
    while (true) {
        const std::size_t begin = text.find_first_not_of(separators);
        if (begin == std::string_view::npos) return pieces;
        const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
        pieces.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
}

std::uint64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return static_cast<std::uint64_t>(value);
}

// Two lines for each group, "Tcp: NAME..." and "Tcp: VALUE...".
void add_pairs(std::vector<CounterValue>& all, std::string_view text) {
    const auto lines = split(text, "\n");
    for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
        const auto names = split(lines[i], " ");
        const auto values = split(lines[i + 1], " ");
        const std::string group{names[0].substr(0, names[0].find(':'))};
        for (std::size_t n = 1; n < std::min(names.size(), values.size()); ++n) {
            all.push_back({group + std::string{names[n]}, number(values[n])});
        }
    }
}

// "Ip6InReceives VALUE"
void add_rows(std::vector<CounterValue>& all, std::string_view text) {
    for (const std::string_view line : split(text, "\n")) {
        const auto words = split(line, " \t");
        if (words.size() == 2) all.push_back({std::string{words[0]}, number(words[1])});
    }
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

std::vector<CounterValue> KernelSystem::counters() {
    return ask([] {
        std::vector<CounterValue> all;
        for (const std::string_view name : {"snmp", "netstat"}) {
            if (const auto text = read_table(name)) add_pairs(all, *text);
        }
        if (const auto text = read_table("snmp6")) add_rows(all, *text);
        return all;
    });
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
