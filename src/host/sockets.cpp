// A program's sockets: made, told of, ended.
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "host/host.hpp"
#include "host/readiness.hpp"
#include "host/tag.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

constexpr std::uint32_t kErrorBits = 16;
// So much a connection may have received before anybody counts it.
constexpr std::uint64_t kUnseen = 128 * 1024;
// close() with SO_LINGER so ends a connection with a RST.
constexpr std::array<int, 2> kLingerNot{1, 0};

Bytes bytes_of(const auto& value) { return std::as_bytes(std::span{&value, 1}); }

}  // namespace

ProgramSocket* Host::find(const SocketKey& key) {
    if (key.arena >= arenas_.size() || arenas_[key.arena] == nullptr) return nullptr;
    const std::uint32_t number = arenas_[key.arena]->socket_of(key.slot);
    if (number == kNobody) return nullptr;
    ProgramSocket* s = sockets_[number].get();
    return s->generation == key.generation ? s : nullptr;
}

// What a program has of rings is bounded. False: so much more would be beyond that.
bool Host::charge(ProgramArena& arena, std::uint32_t bytes) const {
    if (arena.ring_bytes + bytes > settings_.program_memory) return false;
    arena.ring_bytes += bytes;
    return true;
}

// A number and a slot, or an errno, negative.
int Host::take_number(ProgramArena& arena) {
    if (socket_count_ >= most_sockets_) return -ENFILE;
    if (arena.socket_count() >= settings_.program_sockets) return -EMFILE;
    if (!has_room_in_stack(arena)) return -ENOBUFS;
    std::uint32_t number = static_cast<std::uint32_t>(sockets_.size());
    if (!free_numbers_.empty()) {
        number = free_numbers_.back();
    } else {
        sockets_.push_back(std::make_unique<ProgramSocket>());
        free_numbers_.push_back(number);
    }
    if (!charge(arena, ProgramSocket{}.ring_bytes())) return -ENOBUFS;
    const std::uint32_t slot = arena.take_slot(number);
    if (slot == kNobody) {
        arena.ring_bytes -= ProgramSocket{}.ring_bytes();
        return -EMFILE;
    }
    free_numbers_.pop_back();
    *sockets_[number] = ProgramSocket{
        .number = number, .generation = next_generation_++, .arena = &arena, .slot_number = slot};
    ++socket_count_;
    return static_cast<int>(number);
}

void Host::give_number(ProgramSocket& s) {
    ProgramArena& arena = *s.arena;
    arena.ring_bytes -= s.ring_bytes();
    arena.stack_bytes -= s.stack_bytes;
    arena.give_slot(s.slot_number, std::max(s.tx.tail, s.rx.tail));
    const std::uint32_t number = s.number;
    s = ProgramSocket{};
    free_numbers_.push_back(number);
    --socket_count_;
    leave(arena);
}

int Host::attach_pair(ProgramSocket& s, Pair pair) {
    s.inode = inode_of(pair.program.get());
    s.end_inode = inode_of(pair.host.get());
    s.end = std::move(pair.host);
    if (s.is_plain) {
        constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        const std::uint64_t mark = tag(TagKind::Plain, s.number, s.generation);
        return watch(epoll_.get(), s.end.get(), kAll, mark) ? 0 : errno;
    }
    const bool is_watched = watch(closes_.get(), s.end.get(), EPOLLRDHUP | EPOLLET,
                                  tag(TagKind::End, s.number, s.generation));
    return is_watched ? 0 : errno;
}

// For a socket of the stack that is the host's client's number `fd`, and goes if this fails.
std::expected<Host::MadeSocket, int> Host::make_socket(ProgramArena& arena, int fd,
                                                       const Kind& kind) {
    const auto failed = [&](int error) {
        (void)client_.close(fd);
        return std::unexpected{error};
    };
    auto pair = kind.is_plain ? Pair::make_plain() : Pair::make(charge_);
    if (!pair) return failed(pair.error());
    const int number = take_number(arena);
    if (number < 0) return failed(-number);
    ProgramSocket& s = *sockets_[static_cast<std::size_t>(number)];
    s.fd = fd;
    s.is_stream = kind.is_stream;
    s.is_inet6 = kind.is_inet6;
    s.is_plain = kind.is_plain;
    if (kind.is_stream) count_in_stack(s, kUnseen);
    s.phase = kind.is_stream ? Phase::Idle : Phase::Open;
    MadeSocket made{.socket = &s, .program = std::move(pair->program)};
    const int fault = attach_pair(s, std::move(*pair));
    const auto event =
        posix::EpollEvent{.events = posix::abi::kIn | posix::abi::kPriority | posix::abi::kOut |
                                    posix::abi::kReadHangup | posix::abi::kEdge,
                          .data = tag(TagKind::End, s.number, s.generation)};
    const auto told = client_.epoll_ctl(stack_events_, posix::abi::kEpollAdd, fd, event);
    if (fault == 0 && told) {
        s.inode = inode_of(made.program.get());
        return made;
    }
    give_number(s);
    return failed(fault != 0 ? fault : to_errno(told.error()));
}

// connect() after one that failed: the program's old descriptor shows the end for good.
std::expected<FileDescriptor, int> Host::renew(ProgramSocket& s) {
    if (s.phase != Phase::Over || s.is_plain) return std::unexpected{EINVAL};
    auto pair = Pair::make(charge_);
    if (!pair) return std::unexpected{pair.error()};
    FileDescriptor program = std::move(pair->program);
    s.close_watch.reset();
    s.inode = inode_of(program.get());
    if (const int fault = attach_pair(s, std::move(*pair)); fault != 0) {
        return std::unexpected{fault};
    }
    s.inode = inode_of(program.get());
    s.arena->ring_bytes -= s.ring_bytes() - ProgramSocket{}.ring_bytes();
    s.tx = {};
    s.rx = {};
    s.tx_granted = 0;
    s.has_waited_for_space = s.wants_larger_rx = false;
    s.error = 0;
    s.owed_fillers = 0;
    s.urgents = s.tx_urgents = 0;
    s.tx_urgent_at.reset();
    s.is_full = s.has_fin_to_send = s.has_sent_fin = false;
    s.phase = Phase::Idle;
    Slot& slot = s.slot();
    for (Word* word : {&slot.program.tx_tail, &slot.program.rx_head, &slot.host.tx_head,
                       &slot.host.rx_tail, &slot.program.tx_doublings, &slot.host.rx_doublings,
                       &slot.host.tx_granted, &slot.program.tx_urgents, &slot.program.urgent_passed,
                       &slot.program.urgent_taken, &slot.host.urgent, &slot.both.rx_tokens,
                       &slot.both.tx_room, &slot.both.wants_space, &slot.both.wants_edge,
                       &slot.both.edge_skipped, &slot.both.has_urgent_token, &slot.both.waiters}) {
        word->store(0);
    }
    s.status = 0;
    slot.host.status.store(0);
    return program;
}

// After what is to be read was put where the program finds it.
void Host::raise_in(ProgramSocket& s) {
    if (s.is_plain) return give_plain(s);
    raise_readable(s.slot(), &s.rx.tail,
                   [&] { return !s.end.is_open() || send_token(s.end.get()); });
}

// Something to be told that is in no ring.
void Host::raise_in_for_error(ProgramSocket& s) {
    if (s.is_plain) return;
    raise_readable(s.slot(), nullptr, [&] { return !s.end.is_open() || send_token(s.end.get()); });
}

void Host::raise_out(ProgramSocket& s) {
    if (!raise_writable(s.slot())) return;
    ++s.owed_fillers;
    pay_fillers(s);
}

// The program says that it wants room before it puts the byte there.
void Host::pay_fillers(ProgramSocket& s) {
    while (s.owed_fillers > 0 && s.end.is_open()) {
        if (!take_filler(s.end.get())) {
            owing_.push_back(s.number);
            return;
        }
        --s.owed_fillers;
    }
}

void Host::set_status(ProgramSocket& s, std::uint32_t add, std::uint32_t remove) {
    s.status = (s.status & ~remove) | add;
    s.slot().host.status.store(s.status, std::memory_order_release);
}

void Host::publish_error(ProgramSocket& s, int error) {
    ++s.errors;
    s.slot().host.error.store(s.errors << kErrorBits | static_cast<std::uint32_t>(error),
                              std::memory_order_release);
}

bool Host::put_watch(ProgramSocket& s) {
    if (s.close_watch.is_open()) return true;
    auto reader = put_close_watch(s.end.get());
    if (!reader) return false;
    s.close_watch = std::move(*reader);
    return watch(closes_.get(), s.close_watch.get(), 0,
                 tag(TagKind::CloseWatch, s.number, s.generation));
}

// The peer has closed, and all it sent is in the ring.
void Host::end_reading(ProgramSocket& s) {
    if ((s.status & kStatusReadEnd) != 0) return;
    set_status(s, kStatusReadEnd);
    if (s.is_plain) return give_plain(s);
    if (!s.end.is_open()) return;
    // After this nothing can be put there any more.
    (void)put_watch(s);
    (void)::shutdown(s.end.get(), SHUT_WR);
    show_hangup(s);
}

// Both directions are closed: POLLHUP.
void Host::show_hangup(ProgramSocket& s) {
    const bool is_both = (s.status & kStatusReadEnd) != 0 && s.has_sent_fin;
    if (!is_both || s.is_plain || !s.end.is_open() || !s.close_watch.is_open()) return;
    (void)::shutdown(s.end.get(), SHUT_RDWR);
}

// The connection is over, with an error or without; the program's descriptor shows every bit.
void Host::end(ProgramSocket& s, int error) {
    if (s.phase == Phase::Over) return;
    const bool was_open = s.phase == Phase::Open;
    s.phase = Phase::Over;
    s.tx.head = s.tx.tail;
    s.slot().host.tx_head.store(s.tx.head, std::memory_order_release);
    if (error != 0) publish_error(s, error);
    set_status(s, kStatusReset | kStatusReadEnd | kStatusWriteEnd,
               kStatusConnecting | kStatusConnected | kStatusListening);
    raise_out(s);
    if (s.is_plain && was_open) return end_plain(s);
    if (s.is_plain && !s.is_gone) return;  // who waits for it to connect looks at the slot
    if (s.is_gone || !s.end.is_open()) return try_release(s);
    // With the charge unread the program's end gets an error and a hangup.
    if (put_watch(s)) {
        s.end.reset();
        s.owed_fillers = 0;
    } else {
        raise_in_for_error(s);
    }
}

// The program has done what cannot be, or is gone with bytes unread.
void Host::abort(ProgramSocket& s, int error) {
    (void)client_.setsockopt(s.fd, posix::abi::kSolSocket, posix::abi::so::kLinger,
                             bytes_of(kLingerNot));
    (void)client_.close(s.fd);
    s.fd = -1;
    end(s, error);
}

void Host::drain_closes() {
    constexpr std::size_t kAtOnce = 64;
    std::array<epoll_event, kAtOnce> events{};
    for (;;) {
        const int count =
            ::epoll_wait(closes_.get(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            const std::uint64_t from = event.data.u64;
            ProgramSocket& s = *sockets_[number_of(from)];
            const bool is_same =
                s.arena != nullptr && tag_generation(s.generation) == generation_of(from);
            if (!is_same || (event.events & EPOLLHUP) == 0) continue;
            // The host's own end hangs up by our own doing too, and then the watch tells.
            const bool is_watch = kind_of(from) == TagKind::CloseWatch;
            if (is_watch == s.close_watch.is_open()) on_close(s);
        }
        if (count < static_cast<int>(events.size())) return;
    }
}

// The last descriptor of the program has gone.
void Host::on_close(ProgramSocket& s) {
    if (s.is_gone) return;
    s.is_gone = true;
    s.close_watch.reset();
    if (s.phase == Phase::Open) pump_tx(s);
    if (s.arena == nullptr) return;
    s.end.reset();
    try_release(s);
}

void Host::try_release(ProgramSocket& s) {
    if (!s.is_gone) return;
    const bool is_open = s.fd >= 0 && s.phase == Phase::Open;
    if (is_open && !s.is_stream && s.tx.used() > 0) return;
    if (is_open && s.is_stream) {
        (void)s.rx.accept_head(s.slot().program.rx_head.load(std::memory_order_acquire));
        const bool was_never_taken =
            s.was_accepted && s.slot().both.is_taken.load(std::memory_order_acquire) == 0;
        if (s.rx.used() > 0 || was_never_taken) {
            (void)client_.setsockopt(s.fd, posix::abi::kSolSocket, posix::abi::so::kLinger,
                                     bytes_of(kLingerNot));
        } else if (s.tx.used() > 0) {
            return;  // what was written is still sent
        }
    }
    const SocketKey key = s.key();
    const int fd = s.fd;
    give_number(s);
    linger(key, fd >= 0 ? client_.close(fd) : posix::Call{posix::Answer{}});
}

}  // namespace fairlead::host
