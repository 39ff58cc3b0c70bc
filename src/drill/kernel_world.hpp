// drill/kernel_world.hpp — a network namespace with one TUN device in it.
//
// A namespace belongs to the thread that enters it: sockets made and sysctls written there are its
// own, and it goes when the thread and the device do.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "drill/settings.hpp"

namespace fairlead::drill {

// Moves the calling thread into a new namespace; returns the TUN's descriptor, up and with the
// addresses and routes of the settings.
std::expected<int, std::string> enter_new_world(const Settings& settings);

// The calling thread's namespace as a descriptor, and into one by its descriptor.
std::expected<int, std::string> open_world();
std::expected<void, std::string> join_world(int world);

// For the namespace of the calling thread. NAME as sysctl(8) has it, of net only.
std::expected<std::string, std::string> read_sysctl(std::string_view name);
std::expected<void, std::string> write_sysctl(std::string_view name, std::string_view value);
// The whole of a file of /proc, up to a mebibyte.
std::expected<std::string, std::string> read_kernel_file(const std::string& path);

}  // namespace fairlead::drill
