#include "drill/program.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace fairlead::drill {
namespace {

constexpr int kNotFound = 127;
constexpr int kKilled = 137;
constexpr std::int64_t kMostMilliseconds = 60'000;
constexpr std::size_t kMostOutput = std::size_t{1} << 20;

class Pipe {
public:
    Pipe() {
        if (pipe2(ends_.data(), O_CLOEXEC) < 0) ends_ = {-1, -1};
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    int read_end() const { return ends_[0]; }
    int write_end() const { return ends_[1]; }
    void close_end(std::size_t i) {
        if (ends_[i] >= 0) close(std::exchange(ends_[i], -1));
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

std::int64_t now_ms() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

// In the child, between fork and exec: system calls only.
[[noreturn]] void become(const std::array<std::string, 4>& paths, char* const* arguments,
                         int output, int error) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int signal_number : {SIGINT, SIGTERM, SIGPIPE}) signal(signal_number, SIG_DFL);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(error, STDERR_FILENO);
    for (const std::string& path : paths) execv(path.c_str(), arguments);
    _exit(kNotFound);
}

// False: the other end is closed.
bool read_some(int fd, std::string& into) {
    char piece[4096];
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n < 0) return errno == EINTR;
    const std::size_t room = kMostOutput - std::min(kMostOutput, into.size());
    into.append(piece, std::min(static_cast<std::size_t>(n), room));
    return n > 0;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// True: it has closed what it printed to, in time.
bool listen_to(Pipe& output, Pipe& error, Finished& finished) {
    const std::int64_t latest = now_ms() + kMostMilliseconds;
    while (output.read_end() >= 0 || error.read_end() >= 0) {
        const std::int64_t left = latest - now_ms();
        if (left <= 0) return false;
        std::array<pollfd, 2> ends{{{output.read_end(), POLLIN, 0}, {error.read_end(), POLLIN, 0}}};
        if (poll(ends.data(), ends.size(), static_cast<int>(left)) < 0 && errno != EINTR) {
            return false;
        }
        if (ends[0].revents != 0 && !read_some(ends[0].fd, finished.output)) output.close_end(0);
        if (ends[1].revents != 0 && !read_some(ends[1].fd, finished.error)) error.close_end(0);
    }
    return true;
}

}  // namespace

Finished run_program(const std::vector<std::string>& words) {
    std::array<std::string, 4> paths;
    constexpr std::array<const char*, 4> kFolders{"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};
    const bool is_path = words[0].find('/') != std::string::npos;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        paths[i] = is_path ? words[0] : kFolders[i] + words[0];
    }
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);

    Pipe output;
    Pipe error;
    if (error.read_end() < 0 || output.read_end() < 0) return failed(std::strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) return failed(fmt::format("{}: {}", words[0], std::strerror(errno)));
    if (pid == 0) become(paths, arguments.data(), output.write_end(), error.write_end());
    output.close_end(1);
    error.close_end(1);
    Finished finished;
    const bool is_in_time = listen_to(output, error, finished);
    // What it has started is in our process group, and ends with that (parallel.hpp).
    if (!is_in_time) kill(pid, SIGKILL);
    finished.status = wait_for(pid);
    if (!is_in_time) {
        finished.status = kKilled;
        finished.error +=
            fmt::format("{}: killed after {} s\n", words[0], kMostMilliseconds / 1000);
    } else if (finished.status == kNotFound && finished.error.empty()) {
        finished.error = fmt::format("{}: there is no such program\n", words[0]);
    }
    return finished;
}

}  // namespace fairlead::drill
