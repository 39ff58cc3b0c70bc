#include "bench/machine.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fairlead::bench {

constexpr rlim_t kOpenFiles = 300'000;  // both ends of the most connections that a row opens

std::uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(t.tv_nsec);
}

std::vector<int> allowed_cores() {
    static const std::vector<int> kCores = [] {  // before anything is pinned
        cpu_set_t set;
        CPU_ZERO(&set);
        std::vector<int> cores;
        if (sched_getaffinity(0, sizeof set, &set) != 0) return std::vector<int>{0};
        for (int i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(static_cast<unsigned>(i), &set)) cores.push_back(i);
        }
        return cores;
    }();
    return kCores;
}

void pin_to(int core) { pin_to(std::vector{core}); }

void pin_to(const std::vector<int>& cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        throw std::runtime_error{fmt::format("core {}: {}", cores.front(), std::strerror(errno))};
    }
}

std::uint64_t resident_bytes() {
    std::ifstream file{"/proc/self/statm"};
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void raise_open_files() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit more{.rlim_cur = kOpenFiles, .rlim_max = std::max(kOpenFiles, limit.rlim_max)};
    if (limit.rlim_cur >= kOpenFiles || setrlimit(RLIMIT_NOFILE, &more) == 0) return;
    limit.rlim_cur = limit.rlim_max;  // as far as one may go without a privilege
    setrlimit(RLIMIT_NOFILE, &limit);
}

namespace {

struct ChildResult {
    Figures values{};
    std::array<char, 256> failure{};
};

[[noreturn]] void measure_and_exit(const std::function<Figures()>& measure, int pipe_end) {
    ChildResult result;
    try {
        result.values = measure();
    } catch (const std::exception& e) {
        std::strncpy(result.failure.data(), e.what(), result.failure.size() - 1);
    }
    const bool sent = write(pipe_end, &result, sizeof result) == sizeof result;
    _exit(sent ? 0 : 1);
}

}  // namespace

Figures figures_in_child(const std::function<Figures()>& measure) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::runtime_error{"pipe failed"};
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error{"fork failed"};
    if (child == 0) measure_and_exit(measure, ends[1]);
    close(ends[1]);
    ChildResult result;
    const bool whole = read(ends[0], &result, sizeof result) == sizeof result;
    close(ends[0]);
    waitpid(child, nullptr, 0);
    if (!whole) throw std::runtime_error{"the measuring child died"};
    if (result.failure[0] != 0) throw std::runtime_error{result.failure.data()};
    return result.values;
}

double in_child(const std::function<double()>& measure) {
    return figures_in_child([&measure] { return Figures{measure()}; })[0];
}

std::string machine_name() {
    std::ifstream file{"/proc/cpuinfo"};
    std::string model = "unknown processor";
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name") && line.find(": ") != std::string::npos) {
            model = line.substr(line.find(": ") + 2);
            break;
        }
    }
    utsname system{};
    uname(&system);
    std::string release = system.release;
    return fmt::format("{}, {} cores, Linux {}", model, allowed_cores().size(),
                       release.substr(0, release.find('-')));
}

}  // namespace fairlead::bench
