#include "cli/stack_setup.hpp"

#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace fairlead::cli {
std::expected<Route, std::string> parse_route(const std::string& text) {
    const std::size_t equals = text.find('=');
    const auto destination = Prefix::parse(text.substr(0, equals));
    const auto gateway =
        equals == std::string::npos ? std::nullopt : IpAddress::parse(text.substr(equals + 1));
    if (destination && gateway) return Route{.destination = *destination, .gateway = *gateway};
    return because(fmt::format("\"{}\" is no route; one reads 0.0.0.0/0=192.0.2.254", text));
}

std::expected<Prefix, std::string> parse_address(const std::string& text) {
    const auto prefix = Prefix::parse(text);
    if (prefix && text.find('/') != std::string::npos) return *prefix;
    return because(
        fmt::format("\"{}\" is no address with its network's length, as 192.0.2.1/24 or "
                    "2001:db8::1/64 are",
                    text));
}

Done configure(Stack& stack, Device& device, const std::vector<std::string>& addresses,
               const std::vector<std::string>& routes) {
    const auto interface = stack.add_interface(device);
    if (!interface) return because(fmt::format("no interface: {}", message_of(interface.error())));
    for (const std::string& text : addresses) {
        const auto address = parse_address(text);
        if (!address) return because(address.error());
        if (const auto added = stack.add_address(*interface, *address); !added) {
            return because(
                fmt::format("cannot take the address {}: {}", text, message_of(added.error())));
        }
    }
    for (const std::string& text : routes) {
        const auto route = parse_route(text);
        if (!route) return because(route.error());
        if (const auto added = stack.add_route(*route); !added) {
            return because(
                fmt::format("cannot take the route {}: {}", text, message_of(added.error())));
        }
    }
    return {};
}

std::expected<Config, std::string> parse_settings(const std::vector<std::string>& settings,
                                                  Config config) {
    for (const std::string& text : settings) {
        const std::size_t equals = text.find('=');
        const std::string_view name = std::string_view{text}.substr(0, equals);
        const std::string_view value =
            equals == std::string::npos ? "" : std::string_view{text}.substr(equals + 1);
        if (const auto set = config.set(name, value); !set) {
            return because(fmt::format("cannot set {}: {}", text, message_of(set.error())));
        }
    }
    return config;
}

}  // namespace fairlead::cli
