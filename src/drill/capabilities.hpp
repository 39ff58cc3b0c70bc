// drill/capabilities.hpp — what cap_set("cap_net_admin=ep") says.
//
// Owns:   the names of Linux's capabilities (include/uapi/linux/capability.h of Linux 6.18), and
//         the text form that libcap gives sets of them (cap_from_text(3)).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace fairlead::drill {

struct CapabilitySets {  // a bit for each capability
    std::uint64_t effective = 0;
    std::uint64_t permitted = 0;
    std::uint64_t inheritable = 0;

    bool operator==(const CapabilitySets&) const = default;
};

// Clauses of names, an operator (= + -) and flags (e p i); "=" alone is none at all. The error
// names what is not understood.
std::expected<CapabilitySets, std::string> read_capabilities(std::string_view text);

}  // namespace fairlead::drill
