// drill/kernel_calls.hpp — a request as the system call it stands for. May block.
#pragma once

#include "drill/backend.hpp"

namespace fairlead::drill {

Outcome make_system_call(const Request& request);

}  // namespace fairlead::drill
