// drill/kernel_calls.hpp — a request as the system call it stands for. May block.
#pragma once

#include "drill/backend.hpp"

namespace fairlead::drill {

// `system` keeps the files that a script may open.
Outcome make_system_call(const Request& request, System& system);

}  // namespace fairlead::drill
