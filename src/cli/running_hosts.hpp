// cli/running_hosts.hpp — the running stacks to which programs can connect.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "lab/control_place.hpp"

namespace fairlead::cli {

// The socket to which programs connect.
std::string programs_path(const lab::RunningStack& host);
bool is_host(const lab::RunningStack& stack);
std::vector<lab::RunningStack> running_hosts();
// By its name or its process, or the only one that is not private. What is wrong, in words.
std::expected<lab::RunningStack, std::string> choose_host(const std::string& wanted);

}  // namespace fairlead::cli
