#include "lab/control_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab/control_place.hpp"

namespace fairlead::lab {
namespace {

constexpr std::size_t kMostBuffered = 65536;

std::unexpected<std::string> because(std::string_view what) {
    return std::unexpected{fmt::format("{}: {}", what, std::strerror(errno))};
}

// Whoever runs the stack may look at it, and root.
bool is_welcome(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

std::expected<std::unique_ptr<ControlServer>, std::string> ControlServer::open(
    Stack& stack, const inspect::ControlIdentity& identity) {
    if (!is_good_name(identity.name)) {
        return std::unexpected{fmt::format(
            "\"{}\" is no name for a stack: up to 32 letters, digits, '-' and '_'", identity.name)};
    }
    const auto folder = control_folder();
    if (!folder) return std::unexpected{folder.error()};
    std::unique_ptr<ControlServer> server{new ControlServer{stack, identity}};
    if (const auto done = server->listen(*folder); !done) return std::unexpected{done.error()};
    return server;
}

std::expected<void, std::string> ControlServer::listen(const std::string& folder) {
    constexpr int kBacklog = 16;
    const std::string path = control_path(folder, identity_.name, identity_.pid);
    const std::string unnamed = control_path(folder, ".new", identity_.pid);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (unnamed.size() >= sizeof name.sun_path || path.size() >= sizeof name.sun_path) {
        return std::unexpected{fmt::format("{} is too long for a socket's name", path)};
    }
    unnamed.copy(name.sun_path, unnamed.size());
    listener_ =
        device::FileDescriptor{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    epoll_ = device::FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)};
    if (!listener_.is_open() || !epoll_.is_open()) return because("no control socket");
    (void)::unlink(unnamed.c_str());  // of a dead process that had our number
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        return because(unnamed);
    }
    if (::chmod(unnamed.c_str(), 0600) != 0 || ::listen(listener_.get(), kBacklog) != 0 ||
        ::rename(unnamed.c_str(), path.c_str()) != 0) {
        const int fault = errno;
        (void)::unlink(unnamed.c_str());
        errno = fault;
        return because(path);
    }
    path_ = path;
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener_.get()}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) {
        return because("epoll");
    }
    return {};
}

ControlServer::~ControlServer() {
    if (!path_.empty()) remove_control(path_);
}

void ControlServer::accept(Instant now) {
    // One a round: who knocks often waits.
    device::FileDescriptor fd{
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd.is_open() || clients_.size() >= kMostClients || !is_welcome(fd.get())) return;
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd.get()}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) return;
    clients_.push_back({.fd = std::move(fd), .moved = now});
}

void ControlServer::wait_for(Client& c, bool writable) {
    if (c.waits_to_write == writable) return;
    c.waits_to_write = writable;
    epoll_event event{.events = writable ? std::uint32_t{EPOLLOUT} : std::uint32_t{EPOLLIN},
                      .data = {.fd = c.fd.get()}};
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, c.fd.get(), &event);
}

Instant ControlServer::work(Instant now) {
    if (!std::exchange(is_readable_, false) && now < next_) return next_;
    accept(now);
    next_ = Instant::never();
    for (auto c = clients_.begin(); c != clients_.end();) {
        const Step step = advance(*c);
        if (step == Step::Moved) c->moved = now;
        const Instant patience = c->moved + kPatience;
        if (step == Step::Over || now >= patience) {
            c = clients_.erase(c);
            continue;
        }
        next_ = std::min(next_, step == Step::Moved ? now : patience);
        ++c;
    }
    return next_;
}

// One part of what the client waits for, or its next request.
ControlServer::Step ControlServer::advance(Client& c) {
    if (!c.answer && c.out.empty()) return read_request(c);
    if (c.answer && c.out.size() - c.written < kMostBuffered) {
        if (!c.answer->next(stack_, c.out)) c.answer.reset();
    }
    return write_out(c);
}

ControlServer::Step ControlServer::read_request(Client& c) {
    std::size_t end = c.in.find('\n');
    if (end == std::string::npos) {
        std::array<char, inspect::kMostRequestBytes> bytes;
        const ssize_t got = ::recv(c.fd.get(), bytes.data(), bytes.size() - c.in.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Step::Waits;
        if (got <= 0) return Step::Over;
        c.in.append(bytes.data(), static_cast<std::size_t>(got));
        end = c.in.find('\n');
        // Bytes without an end are no sign of life: the patience for a line goes on.
        if (end == std::string::npos) {
            return c.in.size() < inspect::kMostRequestBytes ? Step::Waits : Step::Over;
        }
    }
    if (++c.requests > kMostRequests) return Step::Over;
    c.answer.emplace(std::string_view{c.in}.substr(0, end), identity_);
    c.in.erase(0, end + 1);
    return Step::Moved;
}

ControlServer::Step ControlServer::write_out(Client& c) {
    const ssize_t sent = ::send(c.fd.get(), c.out.data() + c.written, c.out.size() - c.written,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(c, true);
        return Step::Waits;
    }
    if (sent < 0) return Step::Over;
    c.written += static_cast<std::size_t>(sent);
    if (c.written == c.out.size()) {
        c.out.clear();
        c.written = 0;
    } else if (c.written >= kMostBuffered) {
        c.out.erase(0, c.written);
        c.written = 0;
    }
    wait_for(c, false);
    return Step::Moved;
}

}  // namespace fairlead::lab
