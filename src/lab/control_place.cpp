#include "lab/control_place.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "device/file_descriptor.hpp"

namespace fairlead::lab {
namespace {

constexpr std::size_t kLongestName = 32;
constexpr const char* kShared = "/run/fairlead";

// Where a folder may be; the first one is ours.
std::vector<std::string> places() {
    std::vector<std::string> all;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && runtime[0] == '/') all.push_back(fmt::format("{}/fairlead", runtime));
    all.emplace_back(kShared);
    return all;
}

// A folder that others may write to, or that somebody else made, is nobody's to trust.
bool is_ours(const std::string& folder) {
    struct stat s{};
    return ::lstat(folder.c_str(), &s) == 0 && S_ISDIR(s.st_mode) && s.st_uid == ::geteuid() &&
           (s.st_mode & 077) == 0;
}

enum class Answer : std::uint8_t { Listens, Refuses, Unknown };

Answer knock(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path) return Answer::Unknown;
    path.copy(name.sun_path, path.size());
    const device::FileDescriptor fd{
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd.is_open()) return Answer::Unknown;
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
        return Answer::Listens;
    }
    // A full queue is somebody's too.
    if (errno == EAGAIN) return Answer::Listens;
    return errno == ECONNREFUSED ? Answer::Refuses : Answer::Unknown;
}

bool read_name(const std::string& file, RunningStack& found) {
    const std::size_t dot = file.rfind('.');
    if (dot == std::string::npos || !is_good_name(std::string_view{file}.substr(0, dot))) {
        return false;
    }
    const char* end = file.data() + file.size();
    const auto [stop, fault] = std::from_chars(file.data() + dot + 1, end, found.pid);
    found.name = file.substr(0, dot);
    return fault == std::errc{} && stop == end && found.pid > 0;
}

}  // namespace

bool is_good_name(std::string_view name) {
    const auto is_good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, is_good);
}

std::expected<std::string, std::string> control_folder() {
    std::string why = "XDG_RUNTIME_DIR is not set";
    for (const std::string& folder : places()) {
        if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
            why = fmt::format("{}: {}", folder, std::strerror(errno));
        } else if (is_ours(folder)) {
            return folder;
        } else {
            why = fmt::format("{} is not this user's alone", folder);
        }
    }
    return std::unexpected{why};
}

std::string control_path(const std::string& folder, std::string_view name, std::int64_t pid) {
    return fmt::format("{}/{}.{}", folder, name, pid);
}

void remove_control(const std::string& path) {
    (void)::unlink(path.c_str());
    (void)::unlink((path + kHistorySuffix).c_str());
    (void)::unlink((path + kProgramsSuffix).c_str());
    (void)::unlink((path + kPrivateSuffix).c_str());
}

std::vector<RunningStack> running_stacks() {
    std::vector<RunningStack> all;
    for (const std::string& folder : places()) {
        if (!is_ours(folder)) continue;
        std::error_code fault;
        for (const auto& entry : std::filesystem::directory_iterator{folder, fault}) {
            RunningStack found{.path = entry.path()};
            if (!read_name(entry.path().filename(), found)) continue;
            found.is_private = ::access((found.path + kPrivateSuffix).c_str(), F_OK) == 0;
            switch (knock(found.path)) {
                case Answer::Listens: all.push_back(std::move(found)); break;
                case Answer::Refuses: remove_control(found.path); break;
                case Answer::Unknown: break;
            }
        }
    }
    std::ranges::sort(all, {}, [](const RunningStack& s) { return std::tie(s.name, s.pid); });
    return all;
}

}  // namespace fairlead::lab
