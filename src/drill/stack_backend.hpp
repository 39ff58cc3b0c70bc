// drill/stack_backend.hpp — scripts on the stack, in virtual time.
//
// Owns:   one stack with one device, and the clock: it jumps from one deadline of the stack to the
//         next, so that a scripted hour costs what happens in it. The same script gives the same
//         packets, always.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "drill/backend.hpp"
#include "drill/settings.hpp"

namespace fairlead::drill {

std::expected<std::unique_ptr<Backend>, std::string> make_stack_backend(const Settings& settings);

}  // namespace fairlead::drill
