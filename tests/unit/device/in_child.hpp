// in_child.hpp — what changes a process for good (its namespaces, its user) is tried in a child.
#pragma once

#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace fairlead::testing_network {

// Runs `body` in a child of its own and returns what it says; empty is good.
inline std::string in_child(const std::function<std::string()>& body) {
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string said = body();
        const bool is_said = ::write(ends[1], said.data(), said.size()) >= 0;
        ::_exit(is_said ? 0 : 1);
    }
    ::close(ends[1]);
    std::string said;
    char bytes[4096];
    ssize_t n = 0;
    while ((n = ::read(ends[0], bytes, sizeof bytes)) > 0) {
        said.append(bytes, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : said + " [the child died]";
}

}  // namespace fairlead::testing_network
