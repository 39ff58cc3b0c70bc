// drill/encapsulation.hpp — the headers around a packet: IP in IP, GRE, MPLS.
//
// Knows:  RFC 2003 and RFC 2473 (IP in IP), RFC 2784 and RFC 2890 (GRE with key and sequence),
//         RFC 1701 (the offset beside GRE's checksum), RFC 3032 (label stacks), RFC 4023 (MPLS in IP
//         and in GRE).
// Not here: the packet within (inbound.hpp, seen.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "drill/script.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead::drill {

// The headers before the packet, the first of them outermost.
std::vector<std::uint8_t> encapsulate(const std::vector<OuterHeader>& headers,
                                      std::vector<std::uint8_t> packet);

struct Unwrapped {
    std::vector<OuterHeader> headers{};
    Bytes packet{};  // from its own IP header on
};
// Nothing: what is carried is no IP packet. The error says what is malformed.
std::expected<std::optional<Unwrapped>, std::string> unwrap(Bytes packet);

// Whether what left has the headers that a script names: what it leaves out of one is not looked at.
bool is_same_encapsulation(const std::vector<OuterHeader>& scripted,
                           const std::vector<OuterHeader>& live);

}  // namespace fairlead::drill
