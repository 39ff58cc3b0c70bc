// cli/supervised.hpp — a program whose socket calls this process answers: one that takes no library.
//
// Owns:      the filter by which the kernel stops the program at its calls on sockets (seccomp_unotify(2)),
//            and the program itself.
// Rules:     streams of AF_INET and AF_INET6 alone. What is given to the program is one end of a pair whose
//            bytes the host carries; so read, write, poll, epoll, fork and close are not stopped. All
//            else is the kernel's.
// Not here:  what each call does (supervisor.hpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fairlead::cli {

// Returns its exit code once it and all that it has started are gone. `prepare`
// is called in the program's process before it becomes the program.
int run_supervised(const std::string& host_path, const std::vector<std::string>& program,
                   const std::function<void()>& prepare);

}  // namespace fairlead::cli
