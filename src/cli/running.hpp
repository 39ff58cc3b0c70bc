// cli/running.hpp — the running stack that a command is about.
//
// Owns:   --host, and what is said when there is none, or several.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "lab/control_client.hpp"

namespace fairlead::cli {

// `--host NAME|PID`
void add_host_option(CLI::App& command, std::string& wanted);

// The stack's control socket. What is wrong goes to standard error; then CLI::RuntimeError.
lab::ControlClient reach(const std::string& command, const std::string& wanted);

// Ends the command with its fault.
[[noreturn]] void fail(const std::string& command, const std::string& why);

// What was asked for, or the end of the command.
template <typename T>
T or_fail(const std::string& command, std::expected<T, std::string> result) {
    if (!result) fail(command, result.error());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace fairlead::cli
