// Doors: how a program connects that has become another user's since it was started.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "host/host.hpp"
#include "host/tag.hpp"

namespace fairlead::host {
namespace {

constexpr std::size_t kMostDoors = 4096;
constexpr int kMostVisits = 32;  // at one door, in one turn

bool is_control_end(int fd) {
    int domain = 0;
    int type = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
    size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
    return domain == AF_UNIX && type == SOCK_SEQPACKET;
}

struct Visit {
    bool is_any = false;
    bool is_end = false;  // nobody has the other side any more
    FileDescriptor fd{};
};

Visit read_visit(int door) {
    std::byte byte{};
    iovec piece{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(door, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return {.is_end = errno != EAGAIN && errno != EINTR};
    if (got == 0) return {.is_end = true};
    Visit visit{.is_any = true};
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        int received = -1;
        std::memcpy(&received, CMSG_DATA(head), sizeof received);
        visit.fd = FileDescriptor{received};
    }
    return visit;
}

}  // namespace

int Host::open_door(Outgoing& out) {
    if (doors_.size() >= kMostDoors) return -EMFILE;
    std::array<int, 2> ends{};
    constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (::socketpair(AF_UNIX, kType, 0, ends.data()) != 0) return -errno;
    Door door{.number = next_program_++, .fd = FileDescriptor{ends[0]}};
    out.kept = FileDescriptor{ends[1]};
    if (!watch(epoll_.get(), door.fd.get(), EPOLLIN, tag(TagKind::Door, door.number, 0))) {
        return -errno;
    }
    doors_.push_back(std::move(door));
    out.fds = {out.kept.get()};
    return 0;
}

void Host::answer_door(std::uint32_t number) {
    const auto door = std::ranges::find(doors_, number, &Door::number);
    if (door == doors_.end()) return;
    for (int i = 0; i < kMostVisits; ++i) {
        Visit visit = read_visit(door->fd.get());
        if (visit.is_end) return void(doors_.erase(door));
        if (!visit.is_any) return;
        if (visit.fd.is_open() && is_control_end(visit.fd.get())) {
            take_program(std::move(visit.fd), true);
        }
    }
}

}  // namespace fairlead::host
