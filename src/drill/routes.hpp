// drill/routes.hpp — routes as ip(8) has them: its words, and its lines.
//
// Owns:   `ip route add PREFIX via A dev D src A metric N mtu lock N advmss N ...` as a Route, and a
//         Route as `ip route show` prints it.
// Not here: window, rtt and other metrics that no part of the stack asks for: refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fairlead/stack.hpp"

namespace fairlead::drill {

struct RouteWords {
    Route route{};         // but for the destination and the interface
    std::string device{};  // its name; empty: none
    std::string fault{};   // what is not known, or lacks its value
};

// `default`, an address or a prefix.
std::optional<Prefix> read_prefix(const std::string& word, Family family);
// The words from `at` on, behind the prefix.
RouteWords read_route(const std::vector<std::string>& words, std::size_t at);
// "198.51.100.0/24 via 192.168.0.9 dev tun0 mtu lock 1300", as iproute2 has it.
std::string format_route(const Route& route, std::string_view device);

}  // namespace fairlead::drill
