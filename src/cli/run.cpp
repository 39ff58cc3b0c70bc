// fairlead run: a program whose internet sockets are a host's.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/host_process.hpp"
#include "cli/preloadable.hpp"
#include "cli/running.hpp"
#include "cli/running_hosts.hpp"
#include "cli/subcommands.hpp"
#include "cli/supervised.hpp"
#include "device/file_descriptor.hpp"
#include "host/control_client.hpp"
#include "host/protocol.hpp"
#include "lab/open_device.hpp"

namespace fairlead::cli {
namespace {

constexpr const char* kLibrary = "libfairlead-preload.so";
constexpr int kHighDoor = 990;
constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;

struct RunOptions {
    std::string host{};
    HostOptions own{};
    std::vector<std::string> program{};
    bool keeps_network = false;
    bool is_stopped = false;  // at each of its socket calls
};

// Beside the program, or in the folder of libraries beside that.
std::string find_library() {
    std::error_code fault;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", fault).parent_path();
    for (const auto& place : {folder / kLibrary, folder / "../lib" / kLibrary}) {
        if (std::filesystem::exists(place, fault)) {
            return std::filesystem::canonical(place, fault).string();
        }
    }
    fail("run", fmt::format("{} is not beside {}", kLibrary, folder.string()));
}

void write_file(const char* path, const std::string& text) {
    const device::FileDescriptor file{::open(path, O_WRONLY | O_CLOEXEC)};
    if (file.is_open()) (void)!::write(file.get(), text.data(), text.size());
}

// The kernel's network is out of the program's reach: what slips by fails, and is not silently done.
void leave_network() {
    const auto uid = ::geteuid();
    const auto gid = ::getegid();
    if (::unshare(CLONE_NEWNET) == 0) return;
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", fmt::format("{} {} 1", uid, uid));
        write_file("/proc/self/gid_map", fmt::format("{} {} 1", gid, gid));
        return;
    }
    fail("run", fmt::format("the kernel's network cannot be taken from the program ({}); with "
                            "--keep-network it is left there",
                            std::strerror(errno)));
}

// The path of its socket. The host ends after this process, and its children, when what they wrote has arrived.
std::string start_private_host(const HostOptions& options) {
    std::array<int, 2> ready{};
    if (::pipe2(ready.data(), O_CLOEXEC) != 0) fail("run", std::strerror(errno));
    device::FileDescriptor reader{ready[0]};
    device::FileDescriptor writer{ready[1]};
    HostOptions own = options;
    own.until = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0u));
    own.is_private = true;
    own.name = fmt::format("run-{}", ::getpid());
    const pid_t child = ::fork();
    if (child < 0 || own.until < 0) fail("run", std::strerror(errno));
    if (child == 0) {
        reader.reset();
        (void)::setsid();  // the terminal's signals are the program's
        const auto done = run_host(own, [&](const std::string& path) {
            (void)!::write(writer.get(), path.data(), path.size());
            writer.reset();
        });
        if (!done) fmt::print(stderr, "fairlead run: {}\n", done.error());
        ::_exit(done ? 0 : 1);
    }
    ::close(own.until);
    writer.reset();
    std::array<char, 256> path{};
    const ssize_t got = ::read(reader.get(), path.data(), path.size());
    if (got > 0) return {path.data(), static_cast<std::size_t>(got)};
    int status = 0;
    (void)::waitpid(child, &status, 0);
    throw CLI::RuntimeError{1};  // it has said why
}

std::string find_host(const RunOptions& options) {
    const bool wants_own = !options.own.device.empty() || !options.own.addresses.empty();
    const auto hosts = running_hosts();
    const bool is_any_up =
        !std::ranges::all_of(hosts, [](const lab::RunningStack& host) { return host.is_private; });
    if (options.host.empty() && (wants_own || !is_any_up)) return start_private_host(options.own);
    return programs_path(or_fail("run", choose_host(options.host)));
}

// Through it the program reaches its host, whichever user it becomes before it starts another program.
void leave_door_open(const std::string& path) {
    const device::FileDescriptor control = host::connect_to_host(path);
    if (!control.is_open()) fail("run", fmt::format("{}: {}", path, std::strerror(errno)));
    const host::Request request{.op = host::Op::Door};
    if (::send(control.get(), &request, sizeof request, MSG_NOSIGNAL) < 0) return;
    host::Reply reply{};
    const auto door =
        host::receive_descriptors(control.get(), std::as_writable_bytes(std::span{&reply, 1}));
    if (door.empty()) return;
    rlimit limit{};
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    // Out of the way of the numbers that programs count on.
    const auto least = std::min<rlim_t>(kHighDoor, std::max<rlim_t>(limit.rlim_cur, 1) - 1);
    const int high = ::fcntl(door[0].get(), F_DUPFD, static_cast<int>(least));
    if (high >= 0) ::setenv(host::kDoorVariable, std::to_string(high).c_str(), 1);
}

// Its calls are taken over by the kernel's help, and not by a library.
bool is_supervised(const RunOptions& options) {
    return options.is_stopped || is_static(path_of_program(options.program[0]));
}

// It runs all the same: there is much that a program does beside its sockets.
void warn_of_what_slips_by(const RunOptions& options) {
    const std::string why = why_not_preloadable(path_of_program(options.program[0]));
    if (why.empty() || is_supervised(options)) return;
    fmt::print(stderr, "fairlead run: {}: {}, so no library can take its calls over: {}\n",
               options.program[0], why,
               options.keeps_network ? "its sockets are the kernel's"
                                     : "it has no network, and what needs one fails");
}

void run(const RunOptions& options) {
    warn_of_what_slips_by(options);
    std::string preload = find_library();
    const std::string path = find_host(options);
    ::setenv(host::kHostVariable, path.c_str(), 1);
    leave_door_open(path);
    const char* others = std::getenv("LD_PRELOAD");
    if (others != nullptr && others[0] != '\0') preload += fmt::format(":{}", others);
    ::setenv("LD_PRELOAD", preload.c_str(), 1);
    if (is_supervised(options)) {
        throw CLI::RuntimeError{run_supervised(path, options.program, [&] {
            if (!options.keeps_network) leave_network();
        })};
    }
    if (!options.keeps_network) leave_network();
    std::vector<char*> arguments;
    for (const std::string& word : options.program) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    const int error = errno;
    fmt::print(stderr, "fairlead run: {}: {}\n", options.program[0], std::strerror(error));
    throw CLI::RuntimeError{error == ENOENT ? kNotFound : kNotExecutable};
}

}  // namespace

void add_run(CLI::App& app) {
    auto options = std::make_shared<RunOptions>();
    CLI::App* command =
        app.add_subcommand("run", "Run a program whose internet sockets are a host's");
    add_host_option(*command, options->host);
    command->add_option("--device", options->own.device,
                        fmt::format("A host for this program alone: {}", lab::kDeviceForms));
    const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* help) {
        command->add_option(name, list, help)->allow_extra_args(false);
    };
    add_list("--address", options->own.addresses, "Of that host: 192.0.2.1/24");
    add_list("--host-address", options->own.host_addresses,
             "Of the kernel's end of its device: 192.0.2.2/24");
    add_list("--route", options->own.routes, "Of that host: 0.0.0.0/0=192.0.2.254");
    add_list("--set", options->own.settings, "A sysctl of that host: net.ipv4.tcp_sack=0");
    add_tuning_options(*command, options->own);
    command->add_flag("--keep-network", options->keeps_network,
                      "Leave the kernel's network to what the library does not take over");
    command->add_flag(
        "--stop-calls", options->is_stopped,
        "Take its calls over by the kernel's help (seccomp), as those of a static program: for "
        "one that makes its system calls itself");
    command->add_option("program", options->program, "The program and its arguments, after --")
        ->required();
    command->positionals_at_end();
    command->prefix_command();
    command->callback([options] { run(*options); });
}

}  // namespace fairlead::cli
