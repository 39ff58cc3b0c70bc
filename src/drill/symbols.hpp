// drill/symbols.hpp — the constants that a script names, with Linux's values.
//
// Owns:   one table of names and numbers (x86-64 and all that share asm-generic), errno apart:
// there
//         a number has one name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::drill {

std::optional<std::int64_t> symbol_value(std::string_view name);  // errno names included
std::optional<int> errno_value(std::string_view name);
std::string errno_name(int value);  // "EAGAIN", or the number

}  // namespace fairlead::drill
