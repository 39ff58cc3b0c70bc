// cli/host_file.hpp — a host from a file: the options of `fairlead up`, as TOML.
//
// Owns:      the keys (those of the command line, and a table [sysctl]), and what is wrong with a file: a
//            line and a key for each fault that a reader can see.
// Knows:     TOML 1.0, as toml++ reads it; docs/host.md has the keys.
// Not here:  what the options mean (host_process.hpp); that a device or an address may be had.
#pragma once

#include <expected>
#include <string>

#include "cli/host_process.hpp"

namespace fairlead::cli {

// What the file says; the rest is as it is without one.
std::expected<HostOptions, std::string> read_host_file(const std::string& path);

}  // namespace fairlead::cli
