// cli/host_process.hpp — a host in this process: a stack, its devices, its programs, until it is told
// to end.
//
// Owns:      what `fairlead up` and the private host of `fairlead run` have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/stack_setup.hpp"
#include "host/arena.hpp"

namespace fairlead::cli {

// How long to look before sleeping, in microseconds: what suits as many cores as we may use. Nothing
// comes by looking where the one who brings it has no core.
inline constexpr int kMostSpinUs = 10'000;
int default_spin_us();
int default_program_spin_us();

// Of the rings of a program's sockets.
inline constexpr std::uint32_t kUsualProgramMiB = 4096;
// Of what the stack holds for them.
inline constexpr std::uint32_t kUsualBuffersMiB = 1024;
inline constexpr std::uint32_t kMostProgramMiB = 1 << 20;

struct HostOptions {
    std::string name{};
    bool is_private = false;  // found by nobody who does not name it
    std::string device{};     // empty: loopback alone
    std::vector<std::string> addresses{};
    std::vector<std::string> host_addresses{};
    std::vector<std::string> routes{};
    std::vector<std::string> settings{};
    int spin_us = default_spin_us();
    std::uint32_t program_sockets = host::kSlots;
    std::uint32_t program_memory_mib = kUsualProgramMiB;
    std::uint32_t program_buffers_mib = kUsualBuffersMiB;
    int program_spin_us = default_program_spin_us();
    // A descriptor: when it is readable, the host ends with its last program, and with what that
    // left to send.
    int until = -1;
};

void add_tuning_options(CLI::App& command, HostOptions& options);

// `on_ready` is given the path of the socket for programs. Returns when the host has ended.
Done run_host(const HostOptions& options, const std::function<void(const std::string&)>& on_ready);

}  // namespace fairlead::cli
