#include "host/pair.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::host {
namespace {

constexpr char kToken = 't';
constexpr int kMostCharge = 16;
constexpr int kPassRights = 83;  // SO_PASSRIGHTS, of Linux 6.16
constexpr std::size_t kMostSent = 4;

std::expected<Pair, int> open_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
        return std::unexpected{errno};
    }
    Pair pair{.program = FileDescriptor{ends[0]}, .host = FileDescriptor{ends[1]}};
    // A program shall not be able to make us close what it sends us. Older kernels know no such wish.
    const int none = 0;
    (void)::setsockopt(ends[1], SOL_SOCKET, kPassRights, &none, sizeof none);
    return pair;
}

std::expected<Pair, int> bare_pair() {
    auto pair = open_pair();
    const int least = 1;
    if (pair &&
        ::setsockopt(pair->program.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least) != 0) {
        return std::unexpected{errno};
    }
    return pair;
}

bool send_byte(int fd) {
    return ::send(fd, &kToken, sizeof kToken, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

bool is_writable(int fd) {
    pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT) != 0;
}

}  // namespace

std::expected<Charge, int> Charge::probe() {
    const auto pair = bare_pair();
    if (!pair) return std::unexpected{pair.error()};
    const int fd = pair->program.get();
    for (int sent = 0; sent < kMostCharge; ++sent) {
        if (!is_writable(fd)) break;
        if (!send_byte(fd)) break;
        if (!is_writable(fd)) return Charge{.bytes = sent};
    }
    return std::unexpected{ENOTSUP};
}

std::expected<Pair, int> Pair::make(const Charge& charge) {
    auto pair = bare_pair();
    if (!pair) return pair;
    for (int i = 0; i < charge.bytes; ++i) {
        if (!send_byte(pair->program.get())) return std::unexpected{errno};
    }
    return pair;
}

std::expected<Pair, int> Pair::make_plain() { return open_pair(); }

bool send_token(int host_end) { return send_byte(host_end); }

bool take_filler(int host_end) {
    char byte{};
    return ::recv(host_end, &byte, sizeof byte, MSG_DONTWAIT) == 1;
}

int send_with_descriptors(int fd, std::span<const std::byte> bytes, std::span<const int> sent) {
    iovec piece{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostSent * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!sent.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(sent.size_bytes());
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sent.size_bytes());
        std::memcpy(CMSG_DATA(head), sent.data(), sent.size_bytes());
    }
    const ssize_t done = ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0) return errno;
    return static_cast<std::size_t>(done) == bytes.size() ? 0 : EMSGSIZE;
}

std::expected<FileDescriptor, int> put_close_watch(int host_end) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return std::unexpected{errno};
    FileDescriptor reader{ends[0]};
    const FileDescriptor writer{ends[1]};
    const std::byte token{};
    const int sent = ends[1];
    const int fault = send_with_descriptors(host_end, {&token, 1}, {&sent, 1});
    if (fault != 0) return std::unexpected{fault};
    return reader;
}

std::uint64_t inode_of(int fd) {
    struct stat s{};
    return ::fstat(fd, &s) == 0 ? s.st_ino : 0;
}

}  // namespace fairlead::host
