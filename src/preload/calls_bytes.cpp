// Bytes are read and written.
#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/taken.hpp"
#include "preload/transfer.hpp"
#include "preload/unusual.hpp"

namespace fairlead::preload {
namespace {

constexpr std::size_t kMostVectors = 1024;  // UIO_MAXIOV

iovec vector_of(const void* bytes, std::size_t size) {
    return {.iov_base = const_cast<void*>(bytes), .iov_len = size};
}

ssize_t receive_message(const Socket& socket, int fd, msghdr& message, int flags) {
    if (message.msg_iovlen > kMostVectors) return failed(EMSGSIZE);
    if (!is_readable(message.msg_iov, message.msg_iovlen * sizeof(iovec))) return failed(EFAULT);
    if ((flags & MSG_ERRQUEUE) != 0) return receive_error(socket, fd, message);
    if (!socket.is_stream()) return receive_datagram(socket, fd, message, flags);
    message.msg_namelen = 0;
    message.msg_controllen = 0;
    message.msg_flags = 0;
    const Vectors into{message.msg_iov, message.msg_iovlen};
    if ((flags & MSG_OOB) != 0) return receive_urgent(socket, fd, into, flags, message.msg_flags);
    return read_stream(socket, fd, into, flags);
}

ssize_t send_message(const Socket& socket, int fd, const msghdr& message, int flags) {
    if (message.msg_iovlen > kMostVectors) return failed(EMSGSIZE);
    if (!is_readable(message.msg_iov, message.msg_iovlen * sizeof(iovec))) return failed(EFAULT);
    if (!socket.is_stream()) return send_datagram(socket, fd, message, flags);
    return write_stream(socket, fd, {message.msg_iov, message.msg_iovlen}, flags);
}

ssize_t receive_into(const Socket& socket, int fd, Vectors into, int flags) {
    constexpr int kBeside = MSG_OOB | MSG_ERRQUEUE;
    if (socket.is_stream() && (flags & kBeside) == 0) return read_stream(socket, fd, into, flags);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(into.data());
    message.msg_iovlen = into.size();
    return receive_message(socket, fd, message, flags);
}

ssize_t send_from(const Socket& socket, int fd, Vectors from, int flags) {
    if (socket.is_stream()) return write_stream(socket, fd, from, flags);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(from.data());
    message.msg_iovlen = from.size();
    return send_datagram(socket, fd, message, flags);
}

ssize_t receive_from(const Socket& socket, int fd, iovec piece, int flags, sockaddr* name,
                     socklen_t* size) {
    const bool is_told = name != nullptr && size != nullptr;
    if (is_told && !is_writable(size, sizeof *size)) return failed(EFAULT);
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_name = size == nullptr ? nullptr : name;
    message.msg_namelen = is_told ? *size : 0;
    const ssize_t got = receive_message(socket, fd, message, flags);
    if (got >= 0 && is_told) *size = message.msg_namelen;
    return got;
}

// Descriptors that came along may be sockets of the host.
void adopt_received(msghdr& message) {
    if (message.msg_controllen == 0 || !is_hosted()) return;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const int* fds = reinterpret_cast<const int*>(CMSG_DATA(head));
        for (std::size_t i = 0; i < count; ++i) adopt(fds[i]);
    }
}

// One piece of the file at a time, through memory of ours.
ssize_t send_file(const Socket& socket, int out, int in, off_t* offset, std::size_t count) {
    constexpr std::size_t kPiece = 16 * 1024;
    std::array<std::byte, kPiece> bytes;
    std::size_t done = 0;
    while (done < count) {
        const std::size_t most = std::min(count - done, bytes.size());
        const off_t at = offset != nullptr ? *offset : ::lseek(in, 0, SEEK_CUR);
        if (at < 0) return failed(EINVAL);
        const ssize_t got = ::pread(in, bytes.data(), most, at);
        if (got < 0) return done > 0 ? static_cast<ssize_t>(done) : -1;
        if (got == 0) break;
        const iovec piece = vector_of(bytes.data(), static_cast<std::size_t>(got));
        const ssize_t sent = send_from(socket, out, {&piece, 1}, 0);
        if (sent < 0) return done > 0 ? static_cast<ssize_t>(done) : -1;
        if (offset != nullptr) {
            *offset = at + sent;
        } else {
            (void)::lseek(in, at + sent, SEEK_SET);
        }
        done += static_cast<std::size_t>(sent);
        if (sent < got) break;
    }
    return static_cast<ssize_t>(done);
}

}  // namespace
}  // namespace fairlead::preload

using namespace fairlead::preload;

FAIRLEAD_TAKEN ssize_t read(int fd, void* into, size_t size) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().read(fd, into, size);
    if (size == 0) return 0;
    const iovec piece = vector_of(into, size);
    return receive_into(*socket, fd, {&piece, 1}, 0);
}

FAIRLEAD_TAKEN ssize_t readv(int fd, const iovec* into, int count) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().readv(fd, into, count);
    if (count < 0 || static_cast<size_t>(count) > kMostVectors) return failed(EINVAL);
    const Vectors vectors{into, static_cast<size_t>(count)};
    if (!is_readable(into, vectors.size_bytes())) return failed(EFAULT);
    return size_of(vectors) == 0 ? 0 : receive_into(*socket, fd, vectors, 0);
}

FAIRLEAD_TAKEN ssize_t recv(int fd, void* into, size_t size, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().recv(fd, into, size, flags);
    const iovec piece = vector_of(into, size);
    return receive_into(*socket, fd, {&piece, 1}, flags);
}

FAIRLEAD_TAKEN ssize_t recvfrom(int fd, void* into, size_t size, int flags, sockaddr* name,
                                socklen_t* name_size) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().recvfrom(fd, into, size, flags, name, name_size);
    return receive_from(*socket, fd, vector_of(into, size), flags, name, name_size);
}

FAIRLEAD_TAKEN ssize_t recvmsg(int fd, msghdr* message, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket != nullptr) {
        if (!is_writable(message, sizeof *message)) return failed(EFAULT);
        return receive_message(*socket, fd, *message, flags);
    }
    const ssize_t got = real().recvmsg(fd, message, flags);
    if (got >= 0) adopt_received(*message);
    return got;
}

FAIRLEAD_TAKEN int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags,
                            timespec* timeout) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().recvmmsg(fd, messages, count, flags, timeout);
    unsigned done = 0;
    for (; done < count; ++done) {
        if (!is_writable(&messages[done], sizeof messages[done])) {
            failed(EFAULT);
            break;
        }
        const bool waits = done == 0 || (flags & MSG_WAITFORONE) == 0;
        const ssize_t got = receive_message(*socket, fd, messages[done].msg_hdr,
                                            (flags & ~MSG_WAITFORONE) | (waits ? 0 : MSG_DONTWAIT));
        if (got < 0) break;
        messages[done].msg_len = static_cast<unsigned>(got);
    }
    return done > 0 ? static_cast<int>(done) : (count == 0 ? 0 : -1);
}

FAIRLEAD_TAKEN ssize_t write(int fd, const void* from, size_t size) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().write(fd, from, size);
    const iovec piece = vector_of(from, size);
    return send_from(*socket, fd, {&piece, 1}, 0);
}

FAIRLEAD_TAKEN ssize_t writev(int fd, const iovec* from, int count) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().writev(fd, from, count);
    if (count < 0 || static_cast<size_t>(count) > kMostVectors) return failed(EINVAL);
    const Vectors vectors{from, static_cast<size_t>(count)};
    if (!is_readable(from, vectors.size_bytes())) return failed(EFAULT);
    return send_from(*socket, fd, vectors, 0);
}

FAIRLEAD_TAKEN ssize_t send(int fd, const void* from, size_t size, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().send(fd, from, size, flags);
    const iovec piece = vector_of(from, size);
    return send_from(*socket, fd, {&piece, 1}, flags);
}

FAIRLEAD_TAKEN ssize_t sendto(int fd, const void* from, size_t size, int flags,
                              const sockaddr* name, socklen_t name_size) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().sendto(fd, from, size, flags, name, name_size);
    if (name != nullptr && !is_readable(name, name_size)) return failed(EFAULT);
    iovec piece = vector_of(from, size);
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_name = const_cast<sockaddr*>(name);
    message.msg_namelen = name == nullptr ? 0 : name_size;
    return send_message(*socket, fd, message, flags);
}

FAIRLEAD_TAKEN ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().sendmsg(fd, message, flags);
    if (!is_readable(message, sizeof *message)) return failed(EFAULT);
    return send_message(*socket, fd, *message, flags);
}

FAIRLEAD_TAKEN int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
    const Socket* socket = socket_of(fd);
    if (socket == nullptr) return real().sendmmsg(fd, messages, count, flags);
    unsigned done = 0;
    for (; done < count; ++done) {
        const bool is_there = is_writable(&messages[done], sizeof messages[done]);
        const ssize_t sent =
            is_there ? send_message(*socket, fd, messages[done].msg_hdr, flags) : failed(EFAULT);
        if (sent < 0) break;
        messages[done].msg_len = static_cast<unsigned>(sent);
    }
    return done > 0 ? static_cast<int>(done) : (count == 0 ? 0 : -1);
}

FAIRLEAD_TAKEN ssize_t sendfile(int out, int in, off_t* offset, size_t count) noexcept {
    const Socket* socket = socket_of(out);
    if (socket_of(in) != nullptr) return failed(EINVAL);  // it cannot be sought in
    if (socket == nullptr) return real().sendfile(out, in, offset, count);
    if (offset != nullptr && !is_writable(offset, sizeof *offset)) return failed(EFAULT);
    return send_file(*socket, out, in, offset, count);
}

FAIRLEAD_TAKEN ssize_t sendfile64(int out, int in, off64_t* offset, size_t count) noexcept {
    return sendfile(out, in, offset, count);
}

// What programs call that were built with _FORTIFY_SOURCE, by names that are the C library's.
FAIRLEAD_TAKEN ssize_t checked_read(int fd, void* into, size_t size,
                                    size_t room) __asm__("__read_chk");
FAIRLEAD_TAKEN ssize_t checked_recv(int fd, void* into, size_t size, size_t room,
                                    int flags) __asm__("__recv_chk");
FAIRLEAD_TAKEN ssize_t checked_recvfrom(int fd, void* into, size_t size, size_t room, int flags,
                                        sockaddr* name,
                                        socklen_t* name_size) __asm__("__recvfrom_chk");

ssize_t checked_read(int fd, void* into, size_t size, size_t room) {
    if (size > room) __builtin_trap();
    return read(fd, into, size);
}

ssize_t checked_recv(int fd, void* into, size_t size, size_t room, int flags) {
    if (size > room) __builtin_trap();
    return recv(fd, into, size, flags);
}

ssize_t checked_recvfrom(int fd, void* into, size_t size, size_t room, int flags, sockaddr* name,
                         socklen_t* name_size) {
    if (size > room) __builtin_trap();
    return recvfrom(fd, into, size, flags, name, name_size);
}
