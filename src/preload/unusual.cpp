#include "preload/unusual.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "host/ring.hpp"
#include "preload/real.hpp"
#include "preload/restricted.hpp"
#include "preload/session.hpp"

namespace fairlead::preload {
namespace {

using host::RecordHead;
using host::Slot;

constexpr std::uint32_t kOver = host::kStatusReadEnd | host::kStatusReset;

bool is_ring_empty(const Slot& slot) {
    return slot.host.rx_tail.load(std::memory_order_acquire) ==
           slot.program.rx_head.load(std::memory_order_relaxed);
}

// Of an urgent byte that was neither read over nor, by itself, read.
bool is_urgent_there(const Slot& slot) {
    const std::uint32_t word = slot.host.urgent.load(std::memory_order_acquire);
    const std::uint32_t count = host::urgent_count(word);
    if (count == slot.program.urgent_passed.load() || count == slot.program.urgent_taken.load()) {
        return false;
    }
    // Where it lies among the others it may be on its way into the ring still.
    const std::uint32_t beyond = slot.host.rx_tail.load(std::memory_order_acquire) -
                                 slot.host.urgent_at.load(std::memory_order_relaxed);
    return (word & host::kUrgentInline) == 0 || static_cast<std::int32_t>(beyond) > 0;
}

struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, Free>;

// Of what the host told of an error: where its parts go.
ssize_t tell_error(const Told& told, std::span<const std::byte> rest, msghdr& message) {
    RecordHead head{};
    std::memcpy(&head, told.bytes.data(), sizeof head);
    const std::byte* at = told.bytes.data() + sizeof head;
    message.msg_flags = static_cast<int>(head.flags);
    if (message.msg_name != nullptr) {
        std::memcpy(message.msg_name, at, std::min<std::size_t>(head.name, message.msg_namelen));
        message.msg_namelen = head.name;
    }
    at += head.name;
    std::memcpy(message.msg_control, at, head.control);
    message.msg_controllen = head.control;
    for (const iovec& v : Vectors{message.msg_iov, message.msg_iovlen}) {
        const std::size_t part = std::min(rest.size(), v.iov_len);
        std::memcpy(v.iov_base, rest.data(), part);
        rest = rest.subspan(part);
    }
    return head.payload;
}

}  // namespace

std::optional<std::uint32_t> mark_of(const Socket& socket) {
    const Slot& slot = socket.slot();
    const std::uint32_t word = slot.host.urgent.load(std::memory_order_acquire);
    if (word == 0) return std::nullopt;
    const bool is_passed = host::urgent_count(word) == slot.program.urgent_passed.load();
    if (is_passed) return std::nullopt;
    return slot.host.urgent_at.load(std::memory_order_relaxed);
}

void pass_mark(const Socket& socket, int fd, bool has_more) {
    Slot& slot = socket.slot();
    const std::uint32_t word = slot.host.urgent.load();
    if ((word & host::kUrgentInline) != 0 && !has_more) return;
    slot.program.urgent_passed.store(host::urgent_count(word));
    lower_urgent(socket, fd);
}

void lower_urgent(const Socket& socket, int fd) {
    Slot& slot = socket.slot();
    if (is_restricted() || slot.both.has_urgent_token.exchange(0) == 0) return;
    char byte{};
    (void)real().recv(fd, &byte, sizeof byte, MSG_OOB | MSG_DONTWAIT);
    if (slot.both.rx_tokens.load() != 0) return;
    // What is left of it in the queue goes with the next byte that is asked for. If that is one, it
    // came this moment, and the host sends another.
    if (real().recv(fd, &byte, sizeof byte, MSG_DONTWAIT) <= 0) return;
    slot.both.rx_tokens.fetch_sub(1);
    slot.both.wants_edge.store(1);
    socket.notify();
}

ssize_t receive_urgent(const Socket& socket, int fd, Vectors into, int flags, int& message_flags) {
    if ((socket.status() & host::kStatusListening) != 0) return failed(ENOTCONN);
    const RingLock lock{socket, fd, Side::Reader};
    if (!lock.is_held()) return failed(EAGAIN);
    Slot& slot = socket.slot();
    const std::uint32_t word = slot.host.urgent.load(std::memory_order_acquire);
    if (!is_urgent_there(slot) || (word & host::kUrgentInline) != 0) return failed(EINVAL);
    const auto byte = static_cast<std::byte>(word & host::kUrgentByte);
    if ((flags & MSG_PEEK) == 0) {
        slot.program.urgent_taken.store(host::urgent_count(word));
        lower_urgent(socket, fd);
    }
    message_flags = MSG_OOB;
    const auto first = std::ranges::find_if(into, [](const iovec& v) { return v.iov_len > 0; });
    if (first == into.end()) {
        message_flags |= MSG_TRUNC;
        return 0;
    }
    if ((flags & MSG_TRUNC) == 0) std::memcpy(first->iov_base, &byte, 1);
    return 1;
}

ssize_t receive_error(const Socket& socket, int fd, msghdr& message) {
    Told told;
    const std::size_t room = size_of({message.msg_iov, message.msg_iovlen});
    const std::size_t most = std::min<std::size_t>(room, host::kMostPayload);
    const Memory rest{static_cast<std::byte*>(std::malloc(most + 1))};
    if (rest == nullptr) return failed(ENOMEM);
    told.more = {rest.get(), most};
    const int result = ask({.op = host::Op::ReceiveError,
                            .key = socket.key(),
                            .arguments = {static_cast<std::uint32_t>(std::min<std::size_t>(
                                              message.msg_controllen, host::kMostControl)),
                                          static_cast<std::uint32_t>(most)}},
                           told);
    if (result < 0) return failed(-result);
    RecordHead head{};
    std::memcpy(&head, told.bytes.data(), sizeof head);
    if (head.payload > most || head.control > message.msg_controllen) return failed(EIO);
    const ssize_t got = tell_error(told, told.more.first(head.payload), message);
    const RingLock lock{socket, fd, Side::Reader};
    const bool is_last = (socket.status() & host::kStatusErrors) == 0;
    if (lock.is_held() && is_last && is_ring_empty(socket.slot())) lower_in(socket, fd);
    return got;
}

namespace {

// What poll() is to add, and to take away, of all that a descriptor shows.
struct Shown {
    short added = 0;
    short removed = 0;
    // And select(), in which of its sets.
    bool is_read = false;
    bool is_written = false;
    bool is_watched = false;
};

Shown shown_beside(const Socket& socket) {
    const Slot& slot = socket.slot();
    Shown shown;
    const std::uint32_t error = slot.host.error.load(std::memory_order_acquire);
    const bool has_errors =
        (error & host::kErrorQueued) != 0 || (socket.status() & host::kStatusErrors) != 0;
    const bool is_urgent = is_urgent_there(slot);
    if (has_errors) shown.added |= POLLERR;
    if (is_urgent) shown.added |= POLLPRI;
    const bool is_error_next = !socket.is_stream() && (error & host::kErrorNumber) != 0 &&
                               error != slot.both.error_taken.load();
    const bool may_be_alone = has_errors || slot.both.has_urgent_token.load() != 0 || is_error_next;
    if (may_be_alone && is_ring_empty(slot) && (socket.status() & kOver) == 0) {
        shown.removed |= POLLIN | POLLRDNORM;
    }
    if (is_error_next) shown.added |= POLLERR;
    if (!is_urgent) shown.removed |= POLLPRI;
    return shown;
}

constexpr short kAlways = POLLERR | POLLHUP | POLLNVAL;
constexpr std::size_t kMostKept = 64;

// One question to the kernel. An error queue wakes as bytes do: where there are none, they are asked
// for, too. `left`: something came that nobody asked for, and there is still time to wait.
int poll_once(std::span<pollfd> entries, AskKernel ask, void* user, bool& left) {
    std::array<short, kMostKept> kept{};
    const bool is_short = entries.size() <= kMostKept;
    bool is_now = false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        pollfd& e = entries[i];
        if (is_short) kept[i] = e.events;
        const Socket* socket = socket_of(e.fd);
        if (socket == nullptr) continue;
        is_now |= (shown_beside(*socket).added & (e.events | kAlways)) != 0;
        if (is_short && is_ring_empty(socket->slot())) e.events |= POLLIN;
    }
    const int asked = ask(user, is_now);
    const int error = errno;
    int ready = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        pollfd& e = entries[i];
        if (is_short) e.events = kept[i];
        if (asked < 0) continue;
        if (const Socket* socket = socket_of(e.fd)) {
            const Shown shown = shown_beside(*socket);
            const auto asked_for = static_cast<short>(e.events | kAlways);
            e.revents = static_cast<short>((e.revents & ~shown.removed & asked_for) |
                                           (shown.added & asked_for));
        }
        if (e.revents != 0) ++ready;
    }
    left = ready == 0 && asked > 0;
    errno = error;
    return asked < 0 ? asked : ready;
}

// Tokens that stand for nothing that is there.
void lower_stale(std::span<const pollfd> entries) {
    for (const pollfd& e : entries) {
        const Socket* socket = socket_of(e.fd);
        if (socket == nullptr || (socket->status() & kOver) != 0) continue;
        const RingLock lock{*socket, e.fd, Side::Reader};
        if (lock.is_held() && is_ring_empty(socket->slot())) lower_in(*socket, e.fd);
    }
}

bool is_in(int fd, const fd_set* set) { return set != nullptr && FD_ISSET(fd, set); }

// In which sets what is shown of a socket is to be. False: in none.
bool is_for_sets(Shown& shown, int fd, const fd_set* reads, const fd_set* writes,
                 const fd_set* faults) {
    const bool is_error = (shown.added & POLLERR) != 0;
    shown.is_read = is_error && is_in(fd, reads);
    shown.is_written = is_error && is_in(fd, writes);
    shown.is_watched = (shown.added & POLLPRI) != 0 && is_in(fd, faults);
    return shown.is_read || shown.is_written || shown.is_watched;
}

}  // namespace

int poll_shown(std::span<pollfd> entries, AskKernel ask, void* user) {
    for (;;) {
        bool left = false;
        const int ready = poll_once(entries, ask, user, left);
        if (!left) return ready;
        lower_stale(entries);
    }
}

int select_shown(int count, fd_set* reads, fd_set* writes, fd_set* faults, AskKernel ask,
                 void* user) {
    std::array<Shown, kMostKept> all{};
    std::array<int, kMostKept> fds{};
    std::size_t found = 0;
    for (int fd = 0; fd < count && found < all.size(); ++fd) {
        const bool is_asked = is_in(fd, reads) || is_in(fd, writes) || is_in(fd, faults);
        const Socket* socket = is_asked ? socket_of(fd) : nullptr;
        if (socket == nullptr) continue;
        all[found] = shown_beside(*socket);
        fds[found] = fd;
        if (is_for_sets(all[found], fd, reads, writes, faults)) ++found;
    }
    int ready = ask(user, found > 0);
    if (ready < 0) return ready;
    const auto add = [&](int fd, fd_set* set) {
        if (set == nullptr || FD_ISSET(fd, set)) return;
        FD_SET(fd, set);
        ++ready;
    };
    for (std::size_t i = 0; i < found; ++i) {
        if (all[i].is_read) add(fds[i], reads);
        if (all[i].is_written) add(fds[i], writes);
        if (all[i].is_watched) add(fds[i], faults);
    }
    return ready;
}

}  // namespace fairlead::preload
