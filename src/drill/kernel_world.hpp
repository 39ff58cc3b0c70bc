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

// For the namespace of the calling thread. NAME as sysctl(8) has it.
std::expected<void, std::string> write_sysctl(std::string_view name, std::string_view value);

}  // namespace fairlead::drill
