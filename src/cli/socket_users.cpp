#include "cli/socket_users.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace fairlead::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> number_in(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// "socket:[123]"
std::uint64_t inode_in(std::string_view target) {
    constexpr std::string_view kPrefix = "socket:[";
    if (!target.starts_with(kPrefix) || !target.ends_with(']')) return 0;
    target.remove_prefix(kPrefix.size());
    target.remove_suffix(1);
    return static_cast<std::uint64_t>(number_in(target).value_or(0));
}

std::string name_of_process(const fs::path& process) {
    std::string name;
    std::getline(std::ifstream{process / "comm"}, name);
    return name;
}

}  // namespace

SocketUsers::SocketUsers(const std::vector<inspect::Holder>& holders) {
    std::map<std::uint64_t, SocketId> sockets;
    for (const inspect::Holder& holder : holders) sockets[holder.inode] = holder.socket;
    std::error_code fault;
    for (const auto& process : fs::directory_iterator{"/proc", fault}) {
        const auto pid = number_in(process.path().filename().string());
        if (!pid) continue;
        std::string name;
        for (const auto& fd : fs::directory_iterator{process.path() / "fd", fault}) {
            const auto socket = sockets.find(inode_in(fs::read_symlink(fd.path(), fault).string()));
            if (socket == sockets.end()) continue;
            if (name.empty()) name = name_of_process(process.path());
            const auto number = number_in(fd.path().filename().string()).value_or(0);
            users_[socket->second].push_back(
                {.name = name, .pid = *pid, .fd = static_cast<int>(number)});
        }
    }
    for (auto& [socket, users] : users_) {
        std::ranges::sort(users, [](const SocketUser& a, const SocketUser& b) {
            return std::pair{a.pid, a.fd} < std::pair{b.pid, b.fd};
        });
    }
}

std::string SocketUsers::text_of(const SocketInfo& socket) const {
    std::string text;
    const auto found = users_.find(socket.socket);
    if (found == users_.end()) return text;
    for (const SocketUser& user : found->second) {
        if (!text.empty()) text += ',';
        text += fmt::format("(\"{}\",pid={},fd={})", user.name, user.pid, user.fd);
    }
    return text;
}

std::string SocketUsers::program_of(const SocketInfo& socket) const {
    const auto found = users_.find(socket.socket);
    if (found == users_.end()) return {};
    return fmt::format("{}/{}", found->second.front().pid, found->second.front().name);
}

}  // namespace fairlead::cli
