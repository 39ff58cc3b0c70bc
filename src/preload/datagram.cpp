// Datagrams: records in rings.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>

#include "host/ring.hpp"
#include "preload/pointers.hpp"
#include "preload/real.hpp"
#include "preload/session.hpp"
#include "preload/transfer.hpp"

namespace fairlead::preload {
namespace {

using host::RecordHead;
using host::Slot;

constexpr std::size_t kMostDatagram = 65507;
constexpr std::size_t kMostPing = 65515;

// Names that datagrams went to, or came from: what lies on the way to them was asked once.
constexpr std::size_t kKnown = 1024;
std::array<std::atomic<std::uint64_t>, kKnown> g_known{};

// Of a socket and a name.
std::uint64_t mark_of(const Socket& socket, const void* name, std::size_t size) {
    constexpr std::uint64_t kBasis = 0xcbf29ce484222325;  // FNV-1a
    constexpr std::uint64_t kPrime = 0x100000001b3;
    std::uint64_t mark = (kBasis ^ socket.number) * kPrime;
    mark = (mark ^ socket.generation) * kPrime;
    for (std::size_t i = 0; i < size; ++i) {
        mark = (mark ^ static_cast<const unsigned char*>(name)[i]) * kPrime;
    }
    return mark;
}

bool is_known(std::uint64_t mark) {
    return g_known[mark % kKnown].load(std::memory_order_relaxed) == mark;
}

void note_known(std::uint64_t mark) {
    g_known[mark % kKnown].store(mark, std::memory_order_relaxed);
}

// What of the ring, from `index` on, fits into the pieces.
std::size_t scatter(const Socket& socket, std::uint32_t index, std::size_t size, Vectors into) {
    std::size_t done = 0;
    for (const iovec& v : into) {
        const std::size_t part = std::min(size - done, v.iov_len);
        host::ring_get(socket.rx_ring(), index + static_cast<std::uint32_t>(done),
                       {static_cast<std::byte*>(v.iov_base), part});
        done += part;
    }
    return done;
}

// A part of a record behind its head.
std::size_t tell(const Socket& socket, std::uint32_t index, std::size_t size, void* into,
                 std::size_t room) {
    const std::size_t n = std::min(size, room);
    host::ring_get(socket.rx_ring(), index, {static_cast<std::byte*>(into), n});
    return n;
}

ssize_t take_record(const Socket& socket, std::uint32_t head, const RecordHead& record,
                    msghdr& message, int flags) {
    std::uint32_t at = head + static_cast<std::uint32_t>(sizeof record);
    message.msg_flags = static_cast<int>(record.flags);
    if (message.msg_name != nullptr) {
        (void)tell(socket, at, record.name, message.msg_name, message.msg_namelen);
        note_known(mark_of(socket, message.msg_name,
                           std::min<std::size_t>(record.name, message.msg_namelen)));
        message.msg_namelen = record.name;
    }
    at += record.name;
    if (message.msg_controllen < record.control) message.msg_flags |= MSG_CTRUNC;
    message.msg_controllen =
        tell(socket, at, record.control, message.msg_control, message.msg_controllen);
    at += record.control;
    const std::size_t copied =
        scatter(socket, at, record.payload, {message.msg_iov, message.msg_iovlen});
    if (copied < record.payload) message.msg_flags |= MSG_TRUNC;
    return static_cast<ssize_t>((flags & MSG_TRUNC) != 0 ? record.payload : copied);
}

// Whether there is memory for what the program is to be told.
bool has_memory(const RecordHead& record, const msghdr& message) {
    const bool is_named =
        message.msg_name == nullptr ||
        is_writable(message.msg_name, std::min<std::size_t>(record.name, message.msg_namelen));
    return is_named &&
           is_writable(message.msg_control,
                       std::min<std::size_t>(record.control, message.msg_controllen)) &&
           (record.payload == 0 || are_writable(message.msg_iov, message.msg_iovlen));
}

constexpr ssize_t kNothing = -1;
constexpr ssize_t kFault = -2;

// kNothing: there is none. kFault: it is gone, as by the kernel.
ssize_t take(const Socket& socket, int fd, msghdr& message, int flags) {
    const RingLock lock{socket, fd, Side::Reader};
    if (!lock.is_held()) return kNothing;
    Slot& slot = socket.slot();
    const std::uint32_t head = slot.program.rx_head.load(std::memory_order_relaxed);
    const std::uint32_t tail = slot.host.rx_tail.load(std::memory_order_acquire);
    if (head == tail) {
        lower_in(socket, fd);
        return kNothing;
    }
    RecordHead record{};
    host::ring_get(socket.rx_ring(), head, std::as_writable_bytes(std::span{&record, 1}));
    const ssize_t result =
        has_memory(record, message) ? take_record(socket, head, record, message, flags) : kFault;
    if ((flags & MSG_PEEK) != 0) return result;
    const std::uint32_t next = head + host::record_bytes(record);
    slot.program.rx_head.store(next, std::memory_order_release);
    if (next != tail || !lower_in(socket, fd)) keep_edges(socket, fd);
    tell_of_space(socket, host::kRingBytes - (tail - next));
    return result;
}

void put_record(const Socket& socket, const RecordHead& record, const msghdr& message) {
    Slot& slot = socket.slot();
    const std::uint32_t tail = slot.program.tx_tail.load(std::memory_order_relaxed);
    std::uint32_t at = tail;
    const auto put = [&](const void* bytes, std::size_t size) {
        host::ring_put(socket.tx_ring(), at, {static_cast<const std::byte*>(bytes), size});
        at += static_cast<std::uint32_t>(size);
    };
    put(&record, sizeof record);
    put(message.msg_name, record.name);
    put(message.msg_control, record.control);
    for (const iovec& v : Vectors{message.msg_iov, message.msg_iovlen}) put(v.iov_base, v.iov_len);
    slot.program.tx_tail.store(tail + host::record_bytes(record), std::memory_order_release);
}

// False: there is no room.
bool put(const Socket& socket, int fd, const RecordHead& record, const msghdr& message) {
    const RingLock lock{socket, fd, Side::Writer};
    if (!lock.is_held()) return false;
    const Slot& slot = socket.slot();
    const std::uint32_t wanted = host::record_bytes(record);
    for (;;) {
        const std::uint32_t used = slot.program.tx_tail.load(std::memory_order_relaxed) -
                                   slot.host.tx_head.load(std::memory_order_acquire);
        if (host::kRingBytes - used >= wanted) {
            put_record(socket, record, message);
            socket.notify();
            return true;
        }
        if (lower_out(socket, fd, wanted)) return false;
    }
}

// As udp_sendmsg() and udpv6_sendmsg() look at a name: 0, or an errno.
int fault_of_name(const Socket& socket, const msghdr& message) {
    constexpr std::size_t kLeastInet6 = 24;  // without the scope (RFC 2133)
    const bool is_inet6 = (socket.flags & host::kFlagInet6) != 0;
    const std::size_t size = message.msg_namelen;
    if (size < (is_inet6 ? sizeof(sa_family_t) : sizeof(sockaddr_in))) return EINVAL;
    sockaddr_in name{};  // the port of both lies at the same place
    std::memcpy(&name, message.msg_name, std::min(size, sizeof name));
    if ((socket.flags & host::kFlagPing) != 0) name.sin_port = 1;
    switch (name.sin_family) {
        case AF_UNSPEC: return is_inet6 || name.sin_port != 0 ? 0 : EINVAL;
        case AF_INET: return size < sizeof name || name.sin_port == 0 ? EINVAL : 0;
        case AF_INET6:
            if (!is_inet6) return EAFNOSUPPORT;
            return size < kLeastInet6 || name.sin_port == 0 ? EINVAL : 0;
        default: return is_inet6 ? EINVAL : EAFNOSUPPORT;
    }
}

// The first datagram to somebody waits for the host to have sent it: 0, or why it could not.
int await_sent(const Socket& socket, int fd) {
    // What was written before a request is done before it.
    (void)ask({.op = host::Op::GetName, .key = socket.key()});
    const bool is_of_send = (socket.slot().host.error.load() & host::kErrorOfSend) != 0;
    return is_of_send ? take_error(socket, fd) : 0;
}

}  // namespace

ssize_t receive_datagram(const Socket& socket, int fd, msghdr& message, int flags) {
    for (;;) {
        if (const int error = take_error(socket, fd); error != 0) return failed(error);
        const ssize_t got = take(socket, fd, message, flags);
        if (got >= 0) return got;
        if (got == kFault) return failed(EFAULT);
        if (!may_block(fd, flags)) return failed(EAGAIN);
        if (const int fault = wait_to_read(socket, fd); fault != 0) return failed(fault);
    }
}

ssize_t send_datagram(const Socket& socket, int fd, const msghdr& message, int flags) {
    const std::size_t size = size_of({message.msg_iov, message.msg_iovlen});
    const bool is_ping = (socket.flags & host::kFlagPing) != 0;
    if (size > (is_ping ? kMostPing : kMostDatagram) ||
        message.msg_controllen > host::kMostControl) {
        return failed(EMSGSIZE);
    }
    if ((flags & MSG_OOB) != 0) return failed(EOPNOTSUPP);
    const std::size_t name = message.msg_name == nullptr ? 0 : message.msg_namelen;
    if (name > host::kMostName) return failed(EINVAL);
    if (name > 0 && !is_readable(message.msg_name, name)) return failed(EFAULT);
    if (!is_readable(message.msg_control, message.msg_controllen)) return failed(EFAULT);
    const int fault_in_name = name == 0 ? 0 : fault_of_name(socket, message);
    if (fault_in_name != 0) return failed(fault_in_name);
    if (name == 0 && (socket.status() & host::kStatusConnected) == 0) return failed(EDESTADDRREQ);
    if (const int error = take_error(socket, fd); error != 0) return failed(error);
    if ((socket.status() & host::kStatusWriteEnd) != 0) return failed(EPIPE);
    if (size > 0 && !are_readable(message.msg_iov, message.msg_iovlen)) return failed(EFAULT);
    const RecordHead record{.payload = static_cast<std::uint32_t>(size),
                            .name = static_cast<std::uint16_t>(name),
                            .control = static_cast<std::uint16_t>(message.msg_controllen),
                            .flags = static_cast<std::uint32_t>(flags)};
    while (!put(socket, fd, record, message)) {
        if (!may_block(fd, flags)) return failed(EAGAIN);
        if (const int fault = wait_to_write(socket, fd); fault != 0) return failed(fault);
    }
    const std::uint64_t mark = name == 0 ? 0 : mark_of(socket, message.msg_name, name);
    if (name == 0 || is_known(mark)) return static_cast<ssize_t>(size);
    if (const int fault = await_sent(socket, fd); fault != 0) return failed(fault);
    note_known(mark);
    return static_cast<ssize_t>(size);
}

}  // namespace fairlead::preload
