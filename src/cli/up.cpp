// fairlead up, down, hosts: stacks to which programs of this machine connect.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/host_file.hpp"
#include "cli/host_process.hpp"
#include "cli/running.hpp"
#include "cli/running_hosts.hpp"
#include "cli/service_notice.hpp"
#include "cli/subcommands.hpp"
#include "device/file_descriptor.hpp"
#include "lab/open_device.hpp"

namespace fairlead::cli {
namespace {

constexpr int kPatienceMs = 5000;

void up(const HostOptions& options) {
    const auto taken = lab::running_stacks();
    for (const lab::RunningStack& stack : taken) {
        if (stack.name == options.name) {
            fail("up", fmt::format("\"{}\" is up already, as process {}", stack.name, stack.pid));
        }
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto say_ready = [&](const std::string&) {
        fmt::print("{} is up", options.name);
        if (!options.device.empty()) fmt::print(" on {}", options.device);
        for (const std::string& address : options.addresses) fmt::print(" {}", address);
        fmt::print("; fairlead run --host {} -- PROGRAM\n", options.name);
        notify_service("READY=1");
    };
    if (const auto done = run_host(options, say_ready); !done) fail("up", done.error());
    notify_service("STOPPING=1");
}

// A file says all of it; its faults are named by its lines, those of flags are not.
void up_from_file(const CLI::App& command, const std::string& name, const std::string& file) {
    for (const CLI::Option* option : command.get_options()) {
        const std::string given = option->get_name();
        if (option->count() > 0 && given != "name" && given != "--config") {
            fail("up", fmt::format("{} is for a host without a file: write it to {}", given, file));
        }
    }
    HostOptions options = or_fail("up", read_host_file(file));
    options.name = name;
    up(options);
}

// By a descriptor for it, so that no other process of its number is meant.
void down(const std::string& wanted) {
    const lab::RunningStack host = or_fail("down", choose_host(wanted));
    const device::FileDescriptor process{static_cast<int>(::syscall(SYS_pidfd_open, host.pid, 0u))};
    if (!process.is_open()) fail("down", std::strerror(errno));
    if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0u) != 0) {
        fail("down", std::strerror(errno));
    }
    pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ended, 1, kPatienceMs) <= 0) {
        fail("down", fmt::format("process {} has not ended yet", host.pid));
    }
}

void hosts() {
    for (const lab::RunningStack& host : running_hosts()) {
        fmt::print("{} {} {}\n", host.name, host.pid, host.path);
    }
}

}  // namespace

void add_up(CLI::App& app) {
    auto options = std::make_shared<HostOptions>();
    options->name = "host";
    CLI::App* command = app.add_subcommand(
        "up", "Start a host: a stack whose sockets belong to the programs of fairlead run");
    command->add_option("name", options->name, "By which it is found")->capture_default_str();
    command->add_option("--device", options->device,
                        fmt::format("{}; none: loopback alone", lab::kDeviceForms));
    const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* help) {
        command->add_option(name, list, help)->allow_extra_args(false);
    };
    add_list("--address", options->addresses,
             "Of the stack, with the network's length: 192.0.2.1/24; as often as needed");
    add_list("--host-address", options->host_addresses,
             "Of the kernel's end of a TAP or TUN: 192.0.2.2/24");
    add_list("--route", options->routes, "0.0.0.0/0=192.0.2.254");
    add_list("--set", options->settings, "A sysctl: net.ipv4.tcp_sack=0");
    add_tuning_options(*command, *options);
    auto file = std::make_shared<std::string>();
    command->add_option("--config", *file, "A TOML file with these options (docs/host.md)")
        ->option_text("FILE");
    command->callback([=] {
        if (file->empty()) return up(*options);
        up_from_file(*command, options->name, *file);
    });
}

void add_down(CLI::App& app) {
    auto name = std::make_shared<std::string>();
    CLI::App* command = app.add_subcommand("down", "End a host");
    command->add_option("name", *name, "Which, where several are up");
    command->callback([name] { down(*name); });
}

void add_hosts(CLI::App& app) {
    app.add_subcommand("hosts", "The hosts that are up: name, process, control socket")
        ->callback(hosts);
}

}  // namespace fairlead::cli
