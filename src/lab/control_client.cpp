#include "lab/control_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace fairlead::lab {
namespace {

std::string list_of(const std::vector<RunningStack>& running) {
    std::string text;
    for (const RunningStack& s : running) text += fmt::format("\n  --host {:<8} {}", s.pid, s.name);
    return text;
}

}  // namespace

std::expected<RunningStack, std::string> choose_stack(const std::vector<RunningStack>& running,
                                                      std::string_view wanted) {
    std::vector<RunningStack> chosen;
    std::ranges::copy_if(running, std::back_inserter(chosen), [&](const RunningStack& s) {
        return wanted.empty() || s.name == wanted || std::to_string(s.pid) == wanted;
    });
    // Those of single programs come and go: nobody is to name the others because of them.
    const auto is_private = [](const RunningStack& s) { return s.is_private; };
    if (wanted.empty() && !std::ranges::all_of(chosen, is_private)) {
        std::erase_if(chosen, is_private);
    }
    if (chosen.size() == 1) return chosen.front();
    if (running.empty()) {
        return std::unexpected{
            std::string{"no stack of this user is running; fairlead serve starts one"}};
    }
    if (chosen.empty()) {
        return std::unexpected{
            fmt::format("there is no stack {}; these are running:{}", wanted, list_of(running))};
    }
    return std::unexpected{
        fmt::format("{} stacks are running; say which:{}", chosen.size(), list_of(chosen))};
}

std::expected<ControlClient, std::string> ControlClient::connect(const RunningStack& stack) {
    constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};
    ControlClient client{stack};
    client.fd_ = device::FileDescriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    stack.path.copy(name.sun_path, sizeof name.sun_path - 1);
    const int fd = client.fd_.get();
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0 ||
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience) != 0 ||
        ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return std::unexpected{fmt::format("{}: {}", stack.path, std::strerror(errno))};
    }
    return client;
}

std::expected<void, std::string> ControlClient::exchange(std::string_view request,
                                                         inspect::SnapshotReader& reader) {
    const auto lost = [this] {
        const bool is_slow = errno == EAGAIN;
        return std::unexpected{fmt::format("{} ({}) {}", stack_.name, stack_.pid,
                                           is_slow ? "does not answer" : "hung up")};
    };
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
        return lost();
    }
    std::size_t at = 0;
    while (true) {
        const std::size_t end = in_.find('\n', at);
        if (end != std::string::npos) {
            const bool is_last = !reader.take(std::string_view{in_}.substr(at, end - at));
            at = end + 1;
            if (!is_last) continue;
            in_.erase(0, at);
            if (reader.fault()) return std::unexpected{*reader.fault()};
            return {};
        }
        in_.erase(0, std::exchange(at, 0));
        if (in_.size() > inspect::kMostLineBytes) {
            return std::unexpected{std::string{"the stack's answer cannot be read"}};
        }
        std::array<char, 65536> bytes;
        errno = 0;
        const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
        if (got <= 0) return lost();
        in_.append(bytes.data(), static_cast<std::size_t>(got));
    }
}

std::expected<inspect::Snapshot, std::string> ControlClient::ask(
    std::initializer_list<std::string_view> requests) {
    inspect::SnapshotReader reader;
    for (const std::string_view request : requests) {
        const auto done = exchange(fmt::format("{}\n", request), reader);
        if (!done) return std::unexpected{done.error()};
    }
    return std::move(reader.snapshot);
}

std::expected<void, std::string> ControlClient::tell(const inspect::ControlLine& request) {
    inspect::SnapshotReader reader;
    return exchange(inspect::write_line(request), reader);
}

}  // namespace fairlead::lab
