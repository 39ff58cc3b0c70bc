// cli/stack_setup.hpp — the words of a command line that say what a stack has.
//
// Owns:   addresses, routes and settings as they are written; giving them to a stack.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "fairlead/stack.hpp"

namespace fairlead::cli {

// Why it does not work, and what to do about it.
using Done = std::expected<void, std::string>;

inline std::unexpected<std::string> because(std::string text) {
    return std::unexpected{std::move(text)};
}

// "192.0.2.1/24"
std::expected<Prefix, std::string> parse_address(const std::string& text);
// "0.0.0.0/0=192.0.2.254"
std::expected<Route, std::string> parse_route(const std::string& text);
// "net.ipv4.tcp_sack=0", ...: changes to a configuration.
std::expected<Config, std::string> parse_settings(const std::vector<std::string>& settings,
                                                  Config config = {});

// The stack gets the device, and these.
Done configure(Stack& stack, Device& device, const std::vector<std::string>& addresses,
               const std::vector<std::string>& routes);

}  // namespace fairlead::cli
