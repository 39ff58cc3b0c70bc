#include "host/control_client.hpp"

#include <array>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace fairlead::host {
namespace {

constexpr std::size_t kMostDescriptors = 4;

}  // namespace

device::FileDescriptor connect_to_host(const std::string& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    device::FileDescriptor fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) fd.reset();
    return fd;
}

std::vector<device::FileDescriptor> receive_descriptors(int fd, std::span<std::byte> into,
                                                        int flags) {
    iovec piece{.iov_base = into.data(), .iov_len = into.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    std::vector<device::FileDescriptor> received;
    if (::recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC) < 0) return received;
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head == nullptr || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
        return received;
    }
    std::array<int, kMostDescriptors> fds{};
    const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(fds.data(), CMSG_DATA(head), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) received.emplace_back(fds[i]);
    return received;
}

}  // namespace fairlead::host
