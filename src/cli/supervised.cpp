#include "cli/supervised.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/running.hpp"
#include "cli/supervisor.hpp"
#include "host/control_client.hpp"
#include "host/pair.hpp"

namespace fairlead::cli {
namespace {

constexpr int kNotFound = 127;
constexpr int kNotExecutable = 126;
constexpr int kBySignal = 128;
constexpr std::uint32_t kOtherAbi = 0x40000000;  // __X32_SYSCALL_BIT
constexpr std::uint32_t kKindOfType = 0xf;
constexpr std::array kStopped{SYS_connect,     SYS_bind,       SYS_listen,
                              SYS_accept,      SYS_accept4,    SYS_getsockname,
                              SYS_getpeername, SYS_setsockopt, SYS_getsockopt};

volatile std::sig_atomic_t g_program = 0;

void pass_on(int signal) {
    if (g_program > 0) (void)::kill(static_cast<pid_t>(g_program), signal);
}

constexpr std::uint32_t argument_at(std::size_t i) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + i * sizeof(std::uint64_t));
}

// Jumps count from the next line on.
std::vector<sock_filter> filter() {
    const auto load = [](std::size_t at) {
        return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
    };
    const auto unless = [](std::uint32_t value, std::uint8_t skipped) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
    };
    const auto end = [](std::uint32_t how) { return sock_filter BPF_STMT(BPF_RET | BPF_K, how); };
    const sock_filter allow = end(SECCOMP_RET_ALLOW);
    const sock_filter stop = end(SECCOMP_RET_USER_NOTIF);
    std::vector<sock_filter> all{load(offsetof(seccomp_data, arch)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                                 allow,
                                 load(offsetof(seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kOtherAbi, 0, 1),
                                 allow};
    for (const long number : kStopped) {
        all.push_back(unless(static_cast<std::uint32_t>(number), 1));
        all.push_back(stop);
    }
    const std::vector<sock_filter> of_socket{unless(SYS_socket, 7),
                                             load(argument_at(0)),
                                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),
                                             unless(AF_INET6, 4),
                                             load(argument_at(1)),
                                             BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kKindOfType),
                                             unless(SOCK_STREAM, 1),
                                             stop,
                                             allow};
    all.insert(all.end(), of_socket.begin(), of_socket.end());
    return all;
}

// Where the kernel tells of calls; -1 and errno.
int install_filter() {
    std::vector<sock_filter> lines = filter();
    const sock_fprog program{.len = static_cast<unsigned short>(lines.size()),
                             .filter = lines.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                      SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

[[noreturn]] void become(const std::vector<std::string>& program, int to_parent) {
    const int notices = install_filter();
    const int fault = errno;
    const std::byte byte{};
    if (notices < 0 || host::send_with_descriptors(to_parent, {&byte, 1}, {&notices, 1}) != 0) {
        fmt::print(stderr, "fairlead run: its calls cannot be taken over: {}\n",
                   std::strerror(fault));
        ::_exit(kNotExecutable);
    }
    ::close(notices);
    ::close(to_parent);
    std::vector<char*> arguments;
    for (const std::string& word : program) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    const int error = errno;
    fmt::print(stderr, "fairlead run: {}: {}\n", program[0], std::strerror(error));
    ::_exit(error == ENOENT ? kNotFound : kNotExecutable);
}

int exit_code_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return kNotExecutable;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status);
}

}  // namespace

int run_supervised(const std::string& host_path, const std::vector<std::string>& program,
                   const std::function<void()>& prepare) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        fail("run", std::strerror(errno));
    }
    const pid_t child = ::fork();
    if (child < 0) fail("run", std::strerror(errno));
    if (child == 0) {
        ::close(ends[0]);
        prepare();
        become(program, ends[1]);
    }
    ::close(ends[1]);
    g_program = child;
    // The terminal's are the program's own; what is meant for it alone comes to
    // us.
    for (const int signal : {SIGINT, SIGQUIT}) (void)std::signal(signal, SIG_IGN);
    for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) (void)std::signal(signal, pass_on);
    const device::FileDescriptor from_child{ends[0]};
    std::byte byte{};
    const auto notices = host::receive_descriptors(from_child.get(), {&byte, 1});
    if (notices.empty()) return exit_code_of(child);
    auto supervisor = Supervisor::open(host_path, notices[0].get());
    if (!supervisor) {
        (void)::kill(child, SIGKILL);
        (void)exit_code_of(child);
        fail("run", supervisor.error());
    }
    (*supervisor)->work();
    return exit_code_of(child);
}

}  // namespace fairlead::cli
