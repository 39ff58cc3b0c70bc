// ip/icmp_error.hpp — what an ICMP error means to the socket whose packet it quotes.
//
// Owns:   the tables from type and code to errno, as Linux's icmp_err_convert[] and
//         icmpv6_err_convert() have them.
// Knows:  RFC 1122 §3.2.2.1 and §4.2.3.9 (which are hard), RFC 4443 §3.
// Not here: belief in it (RFC 5927): the transport compares ports and sequence numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "fairlead/error.hpp"

namespace fairlead::ip {

struct ErrorMeaning {
    Errc error{};
    bool is_hard = false;
};

// Nothing: not an error for a socket (Source Quench, Redirect, and codes that do not exist).
std::optional<ErrorMeaning> meaning_of_icmp(std::uint8_t type, std::uint8_t code);
std::optional<ErrorMeaning> meaning_of_icmpv6(std::uint8_t type, std::uint8_t code);

}  // namespace fairlead::ip
