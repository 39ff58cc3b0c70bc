// http/target.hpp — a request target as a path below a folder (RFC 9112 §3.2, RFC 3986 §5.2.4).
//
// Owns:      decoding and the dot segments; what it yields has neither "..", "." nor NUL in it.
// Not here:  symbolic links: that a name stays below its folder is enforced where it is opened.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace fairlead::http {

struct Target {
    std::string path{};            // decoded and relative: "", "a", "a/b c"
    std::string query{};           // as it came, without the '?'
    bool names_directory = false;  // ended in a slash, or in a dot segment

    bool operator==(const Target&) const = default;
};

enum class TargetFault : std::uint8_t {
    Malformed,  // no form we know, or a broken percent-encoding, or a NUL
    Outside,    // climbs above the root
};

std::expected<Target, TargetFault> parse_target(std::string_view text);

}  // namespace fairlead::http
