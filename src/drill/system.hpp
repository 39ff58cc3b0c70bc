// drill/system.hpp — the machine that a script's shell lines speak to.
//
// Owns:     System, the seam below the commands (commands.hpp): settings, tables, routes
//           and queues of what the script runs on. Files of the script's own (scratch_files.hpp).
// Systems:  the stack's own tables (stack_system.hpp), a kernel in a private namespace
//           (kernel_system.hpp).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "drill/scratch_files.hpp"

namespace fairlead::drill {

// How a command ended.
struct Finished {
    int status = 0;  // as a shell's $?
    std::string output{};
    std::string error{};
};

inline Finished failed(std::string error, int status = 1) {
    return {.status = status, .error = std::move(error) + "\n"};
}

class System {
public:
    System() = default;
    System(const System&) = delete;
    System& operator=(const System&) = delete;
    virtual ~System() = default;

    // A sysctl by its name; the error says why not.
    virtual std::expected<std::string, std::string> config(std::string_view name) = 0;
    virtual std::expected<void, std::string> set_config(std::string_view name,
                                                        std::string_view value) = 0;
    // Of the module tcp_cubic, as below /sys/module/tcp_cubic/parameters.
    virtual std::expected<std::string, std::string> parameter(std::string_view name) = 0;
    virtual std::expected<void, std::string> set_parameter(std::string_view name,
                                                           std::string_view value) = 0;
    // /proc/net/tcp and its like.
    virtual std::expected<std::string, std::string> table(std::string_view path) = 0;
    // ip, tc and ethtool, in the forms that commands.hpp lets through.
    virtual Finished configure_network(const std::vector<std::string>& words) = 0;
    // By a real shell: asked only where the user allows it.
    virtual Finished run_shell(const std::string& line) = 0;

    ScratchFiles& files() { return files_; }

private:
    ScratchFiles files_;
};

}  // namespace fairlead::drill
