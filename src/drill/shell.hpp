// drill/shell.hpp — the shell lines that are understood without a shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::drill {

struct Sysctl {
    std::string name{};
    std::string value{};
    bool may_fail = false;  // -e

    bool operator==(const Sysctl&) const = default;
};

// sysctl [-q] [-w] [-e] NAME=VALUE..., several joined by ';' or new lines. Nothing: it is something
// else.
std::optional<std::vector<Sysctl>> read_sysctl(std::string_view command);

}  // namespace fairlead::drill
