// lab/control_place.hpp — where the control sockets of running stacks lie.
//
// Owns:      the folder ($XDG_RUNTIME_DIR/fairlead, else /run/fairlead), of its user alone (0700),
//            and the names in it: NAME.PID, a name of letters, digits, '-' and '_'.
// Rules:     a socket gets its name when it listens already. So one that refuses is of a process
//            that is gone, and whoever finds it removes it.
// Not here:  what is said (inspect/control_text.hpp), serving (control_server.hpp), asking
//            (control_client.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::lab {

struct RunningStack {
    std::string name{};
    std::int64_t pid = 0;
    std::string path{};
    bool is_private = false;  // a host that one run of a program has for itself
};

// What fairlead nstat keeps of its last look lies beside the socket, and goes with it.
inline constexpr const char* kHistorySuffix = ".nstat";
// So does the socket to which the programs of a host connect.
inline constexpr const char* kProgramsSuffix = ".programs";
inline constexpr const char* kPrivateSuffix = ".private";  // of a private host

bool is_good_name(std::string_view name);

// Makes the folder where it is missing. What is wrong, in words.
std::expected<std::string, std::string> control_folder();
std::string control_path(const std::string& folder, std::string_view name, std::int64_t pid);
// The socket and what lies beside it.
void remove_control(const std::string& path);

// Those that answer, by name, then by number; what dead processes left is removed.
std::vector<RunningStack> running_stacks();

}  // namespace fairlead::lab
