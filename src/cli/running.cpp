#include "cli/running.hpp"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace fairlead::cli {

void add_host_option(CLI::App& command, std::string& wanted) {
    command.add_option("--host", wanted, "The stack, where several run: its name or its process")
        ->option_text("NAME|PID");
}

void fail(const std::string& command, const std::string& why) {
    fmt::print(stderr, "fairlead {}: {}\n", command, why);
    throw CLI::RuntimeError{1};
}

lab::ControlClient reach(const std::string& command, const std::string& wanted) {
    const auto chosen = or_fail(command, lab::choose_stack(lab::running_stacks(), wanted));
    return or_fail(command, lab::ControlClient::connect(chosen));
}

}  // namespace fairlead::cli
