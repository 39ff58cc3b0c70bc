#include "lab/child_process.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fairlead::lab {
namespace {

using device::cannot;
using device::FileDescriptor;

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(const char* path, char* const* arguments, int output, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before we asked
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execv(path, arguments);
    ::_exit(127);
}

}  // namespace

std::optional<std::string> find_program(std::string_view name) {
    const char* variable = std::getenv("PATH");
    std::string_view path = variable != nullptr ? variable : "/usr/bin:/bin";
    while (!path.empty()) {
        const std::size_t colon = path.find(':');
        std::string candidate = fmt::format("{}/{}", path.substr(0, colon), name);
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
        path = colon == std::string_view::npos ? "" : path.substr(colon + 1);
    }
    return {};
}

device::Opened<ChildProcess> ChildProcess::start(const std::vector<std::string>& command) {
    const std::string what = fmt::format("run {}", command.front());
    const auto program = find_program(command.front());
    if (!program) {
        return cannot(what, ENOENT, fmt::format("the program {} is missing", command.front()));
    }
    FileDescriptor output{::memfd_create("output", MFD_CLOEXEC)};
    if (!output.is_open()) return cannot(what, errno);
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
        arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return cannot(what, errno);
    if (pid == 0) become(program->c_str(), arguments.data(), output.get(), parent);
    ChildProcess child{pid, FileDescriptor{}, std::move(output)};
    child.pidfd_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (!child.pidfd_.is_open()) return cannot(what, errno, "needs Linux 5.3");
    return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_{std::exchange(other.pid_, 0)},
      pidfd_{std::move(other.pidfd_)},
      output_{std::move(other.output_)},
      exit_status_{other.exit_status_} {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
    std::swap(output_, other.output_);
    std::swap(exit_status_, other.exit_status_);
    return *this;
}

bool ChildProcess::has_ended() {
    if (pid_ == 0) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    pid_ = 0;
    exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

std::string ChildProcess::output() const {
    std::string text;
    char bytes[4096];
    ssize_t n = 0;
    while ((n = ::pread(output_.get(), bytes, sizeof bytes, static_cast<off_t>(text.size()))) > 0) {
        text.append(bytes, static_cast<std::size_t>(n));
    }
    return text;
}

void ChildProcess::kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    exit_status_ = 128 + SIGKILL;
}

}  // namespace fairlead::lab
