// preload/uring.hpp — io_uring is not for programs on a host.
//
// Rules:     where it is asked for there is none, as in a kernel without it; said once, on stderr.
// Not here:  who asks (calls_uring.cpp, calls_syscall.cpp).
#pragma once

namespace fairlead::preload {

// -ENOSYS.
int refuse_uring();

}  // namespace fairlead::preload
