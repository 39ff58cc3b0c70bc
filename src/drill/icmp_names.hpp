// drill/icmp_names.hpp — what the language calls the types and codes of ICMP and ICMPv6.
//
// Knows:  RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1, RFC 4443, RFC 4861.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::drill {

std::optional<std::uint8_t> icmp_type(bool is_v6, std::string_view name);
std::optional<std::uint8_t> icmp_code(bool is_v6, std::uint8_t type, std::string_view name);
// The name, or the number where there is none.
std::string icmp_type_name(bool is_v6, std::uint8_t type);
std::string icmp_code_name(bool is_v6, std::uint8_t type, std::uint8_t code);
// Errors quote the packet that they are about.
bool is_icmp_error(bool is_v6, std::uint8_t type);

}  // namespace fairlead::drill
