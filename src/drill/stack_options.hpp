// drill/stack_options.hpp — Linux's numbers of socket options, as the stack names them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "fairlead/socket.hpp"

namespace fairlead::drill {

std::optional<Option> stack_option(int level, int name);

// The int that an option's bytes hold (the least significant byte first); nothing: too short.
std::optional<std::int64_t> option_value(Option option, std::span<const std::uint8_t> bytes);

}  // namespace fairlead::drill
