#include "cli/host_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace fairlead::cli {
namespace {

// A fault: where it is, and what.
struct Fault {
    toml::source_position at{};
    std::string what{};
};
using Read = std::expected<void, Fault>;
using Check = Done (*)(const std::string& text);

Done check_address(const std::string& text) {
    const auto read = parse_address(text);
    return read ? Done{} : because(read.error());
}

Done check_route(const std::string& text) {
    const auto read = parse_route(text);
    return read ? Done{} : because(read.error());
}

std::unexpected<Fault> fault(const toml::node& node, std::string what) {
    return std::unexpected{Fault{.at = node.source().begin, .what = std::move(what)}};
}

Read read_text(const toml::node& node, std::string& into) {
    const auto* text = node.as_string();
    if (text == nullptr) return fault(node, "a text is wanted, in quotes");
    into = text->get();
    return {};
}

// One text, or a list of them.
Read read_texts(const toml::node& node, std::vector<std::string>& into, Check check) {
    const auto take = [&](const toml::node& one) -> Read {
        std::string text;
        if (const auto read = read_text(one, text); !read) return read;
        if (const auto is_good = check(text); !is_good) return fault(one, is_good.error());
        into.push_back(std::move(text));
        return {};
    };
    const auto* list = node.as_array();
    if (list == nullptr) return take(node);
    for (const toml::node& one : *list) {
        if (const auto read = take(one); !read) return read;
    }
    return {};
}

template <typename T>
Read read_number(const toml::node& node, T& into, std::int64_t least, std::int64_t most) {
    const auto* number = node.as_integer();
    if (number == nullptr || number->get() < least || number->get() > most) {
        return fault(node, fmt::format("a number from {} to {} is wanted", least, most));
    }
    into = static_cast<T>(number->get());
    return {};
}

// net.ipv4.tcp_sack = 0 is a table of tables to TOML; "net.ipv4.tcp_sack" = 0 is a name.
Read read_sysctls(const toml::table& table, const std::string& before,
                  std::vector<std::string>& into) {
    for (const auto& [key, node] : table) {
        const std::string name = before + std::string{key.str()};
        if (const auto* deeper = node.as_table()) {
            if (const auto read = read_sysctls(*deeper, name + ".", into); !read) return read;
            continue;
        }
        std::string value;
        if (const auto* number = node.as_integer()) {
            value = fmt::format("{}", number->get());
        } else if (const auto* text = node.as_string()) {
            value = text->get();
        } else {
            return fault(node, fmt::format("{}: a number or a text is wanted", name));
        }
        const std::string setting = fmt::format("{}={}", name, value);
        if (const auto is_good = parse_settings({setting}); !is_good) {
            return fault(node, is_good.error());
        }
        into.push_back(setting);
    }
    return {};
}

Read read_sysctls(const toml::node& node, std::vector<std::string>& into) {
    const auto* table = node.as_table();
    if (table == nullptr) return fault(node, "a table is wanted: [sysctl]");
    return read_sysctls(*table, "", into);
}

Read read_key(std::string_view key, const toml::node& node, HostOptions& options) {
    if (key == "device") return read_text(node, options.device);
    if (key == "address") return read_texts(node, options.addresses, check_address);
    if (key == "host-address") return read_texts(node, options.host_addresses, check_address);
    if (key == "route") return read_texts(node, options.routes, check_route);
    if (key == "sysctl") return read_sysctls(node, options.settings);
    if (key == "spin") return read_number(node, options.spin_us, 0, kMostSpinUs);
    if (key == "program-spin") return read_number(node, options.program_spin_us, 0, kMostSpinUs);
    if (key == "program-sockets") {
        return read_number(node, options.program_sockets, 1, host::kSlots);
    }
    if (key == "program-memory") {
        return read_number(node, options.program_memory_mib, 1, kMostProgramMiB);
    }
    if (key == "program-buffers") {
        return read_number(node, options.program_buffers_mib, 1, kMostProgramMiB);
    }
    return fault(
        node,
        "there is no such key; there are device, address, host-address, route, "
        "spin, program-spin, program-sockets, program-memory, program-buffers and [sysctl]");
}

}  // namespace

std::expected<HostOptions, std::string> read_host_file(const std::string& path) {
    const std::ifstream file{path};
    std::ostringstream text;
    if (!file || !(text << file.rdbuf())) {
        return because(fmt::format("{}: {}", path, std::strerror(errno)));
    }
    const toml::parse_result parsed = toml::parse(text.str());
    if (!parsed) {
        return because(fmt::format("{}:{}: {}", path, parsed.error().source().begin.line,
                                   parsed.error().description()));
    }
    HostOptions options;
    for (const auto& [key, node] : parsed.table()) {
        if (const auto read = read_key(key.str(), node, options); !read) {
            const auto& [at, what] = read.error();
            return because(fmt::format("{}:{}: {}: {}", path, at.line, key.str(), what));
        }
    }
    return options;
}

}  // namespace fairlead::cli
