// What programs ask for over the control connection.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "host/host.hpp"
#include "host/tag.hpp"
#include "posix/abi.hpp"

namespace fairlead::host {
namespace {

constexpr int kMostRequests = 32;          // of one program in one turn
constexpr std::uint32_t kMostAhead = 128;  // connections that lie in a listener's descriptor
constexpr int kShutRead = 0;
constexpr int kShutWrite = 1;
constexpr int kShutBoth = 2;

int as_result(const Result<void>& done) { return done ? 0 : -to_errno(done.error()); }

// What fills an error queue, of which a descriptor shows nothing.
bool asks_for_errors(int level, int name) {
    namespace abi = posix::abi;
    switch (level) {
        case abi::kSolSocket: return name == abi::so::kZeroCopy || name == abi::so::kTimestamping;
        case abi::kSolIp: return name == abi::ip::kReceiveError;
        case abi::kSolIpV6: return name == abi::ip6::kReceiveError;
        default: return false;
    }
}

Duration since_of(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return Duration::from_s(t.tv_sec) + Duration::from_ns(t.tv_nsec);
}

// The stack's time is the kernel's since it started.
Duration epoch() { return since_of(CLOCK_REALTIME) - since_of(CLOCK_MONOTONIC); }

struct Letter {
    std::array<std::byte, sizeof(Request) + kMostBytes> bytes{};
    std::size_t size = 0;
    FileDescriptor fd{};  // the one that came with it
};

// False: it is over with this program. Nothing came: size is 0.
bool read_letter(int fd, Letter& letter) {
    iovec piece{.iov_base = letter.bytes.data(), .iov_len = letter.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        int received = -1;
        std::memcpy(&received, CMSG_DATA(head), sizeof received);
        letter.fd = FileDescriptor{received};
    }
    letter.size = static_cast<std::size_t>(got);
    const bool is_whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    return letter.size >= sizeof(Request) && is_whole;
}

bool send_letter(int fd, std::span<const std::byte> reply, std::span<const int> fds) {
    return send_with_descriptors(fd, reply, fds) == 0;
}

}  // namespace

void Host::serve(Program& p) {
    for (int i = 0; i < kMostRequests; ++i) {
        Letter letter;
        if (!read_letter(p.fd.get(), letter)) return end_program(p.number);
        if (letter.size == 0) return;
        Incoming in{.fd = letter.fd.get()};
        std::memcpy(&in.request, letter.bytes.data(), sizeof in.request);
        in.bytes = Bytes{letter.bytes}.first(letter.size).subspan(sizeof(Request));
        if (in.request.size != in.bytes.size()) return end_program(p.number);
        Outgoing out;
        answer(p, in, out);
        std::vector<std::byte> bytes(sizeof(Reply) + out.reply.size + out.more.size());
        std::memcpy(bytes.data(), &out.reply, sizeof out.reply);
        std::memcpy(bytes.data() + sizeof(Reply), out.bytes.data(), out.reply.size);
        std::ranges::copy(out.more, bytes.end() - std::ssize(out.more));
        // Whoever does not read its replies does not wait for them.
        if (!send_letter(p.fd.get(), bytes, out.fds)) return end_program(p.number);
    }
}

void Host::answer(Program& p, const Incoming& in, Outgoing& out) {
    switch (in.request.op) {
        case Op::Attach: out.reply.result = attach(p, in, out); return;
        case Op::Identify: out.reply.result = identify(p, in, out); return;
        case Op::Door: out.reply.result = open_door(out); return;
        case Op::Socket: out.reply.result = open_socket(p, in, out); return;
        case Op::Await:
            out.reply.result =
                has_joined(p, in.request.key.arena) ? await_end(in.request.key, out) : -EPERM;
            return;
        default: out.reply.result = of_socket(p, in, out); return;
    }
}

int Host::attach(Program& p, const Incoming& in, Outgoing& out) {
    if (!p.arenas.empty()) return -EALREADY;
    if (in.request.arguments[0] != kLayoutVersion) return -EPROTO;
    ProgramArena* arena = nullptr;
    if (in.bytes.size() == kSecretBytes) {
        const auto found = std::ranges::find_if(arenas_, [&](const auto& one) {
            return one != nullptr && std::ranges::equal(one->secret(), in.bytes);
        });
        if (found != arenas_.end()) arena = found->get();
    }
    if (arena == nullptr) {
        Secret secret{};
        if (::getrandom(secret.data(), secret.size(), 0) != kSecretBytes) return -EIO;
        const auto free =
            std::ranges::find_if(arenas_, [](const auto& one) { return one == nullptr; });
        const auto number = static_cast<std::uint32_t>(free - arenas_.begin());
        auto made = ProgramArena::make(number, secret);
        if (!made) return -made.error();
        const std::uint64_t bell = tag(TagKind::Doorbell, number, 0);
        if (!watch(epoll_.get(), (*made)->doorbell(), EPOLLIN, bell)) return -errno;
        if (number == arenas_.size()) arenas_.emplace_back();
        arenas_[number] = std::move(*made);
        arena = arenas_[number].get();
    }
    ++arena->members;
    p.arenas.push_back(arena);
    out.reply.key.arena = arena->number();
    out.reply.size = kSecretBytes;
    std::memcpy(out.bytes.data(), arena->secret().data(), kSecretBytes);
    out.fds = {arena->memory_fd(), state_->fd(), arena->doorbell()};
    return 0;
}

int Host::open_socket(Program& p, const Incoming& in, Outgoing& out) {
    if (p.arenas.empty()) return -EPERM;
    drain_closes();  // what the program has closed counts no more
    const auto& [domain, kind, protocol] = in.request.arguments;
    const std::uint32_t type = kind & ~kPlainSocket;
    client_.set_group(p.group);
    client_.set_epoch(epoch());
    const auto fd =
        client_.socket(static_cast<int>(domain), static_cast<int>(type) | posix::abi::kNonblock,
                       static_cast<int>(protocol));
    if (!fd) return -to_errno(fd.error());
    const bool is_stream = static_cast<int>(type) == posix::abi::kStream;
    const bool is_inet6 = static_cast<int>(domain) == posix::abi::kInet6;
    const bool is_plain = is_stream && (kind & kPlainSocket) != 0;
    auto made = make_socket(*p.arenas.front(), *fd,
                            {.is_stream = is_stream, .is_inet6 = is_inet6, .is_plain = is_plain});
    if (!made) return -made.error();
    made->socket->pid = p.pid;
    out.reply.key = made->socket->key();
    made->socket->is_ping = !is_stream && protocol != 0 && protocol != posix::abi::kUdp;
    out.reply.flags = made->socket->flags();
    out.kept = std::move(made->program);
    out.fds = {out.kept.get()};
    return 0;
}

bool Host::has_joined(const Program& p, std::uint32_t arena) const {
    return std::ranges::any_of(p.arenas,
                               [&](const ProgramArena* a) { return a->number() == arena; });
}

// Whoever holds a socket's descriptor may use the socket, and so the arena it lies in.
int Host::identify(Program& p, const Incoming& in, Outgoing& out) {
    if (p.arenas.empty()) return -EPERM;
    const std::uint64_t inode = in.fd >= 0 ? inode_of(in.fd) : 0;
    const auto found = std::ranges::find_if(sockets_, [&](const auto& s) {
        return inode != 0 && s->arena != nullptr && s->inode == inode && !s->is_plain;
    });
    if (found == sockets_.end()) return -ENOTSOCK;
    const ProgramSocket& s = **found;
    out.reply.key = s.key();
    out.reply.flags = s.flags();
    if (has_joined(p, s.arena->number())) return 0;
    ++s.arena->members;
    p.arenas.push_back(s.arena);
    out.fds = {s.arena->memory_fd(), state_->fd(), s.arena->doorbell()};
    return 0;
}

int Host::of_socket(Program& p, const Incoming& in, Outgoing& out) {
    if (!has_joined(p, in.request.key.arena)) return -EPERM;
    drain_closes();
    ProgramSocket* s = find(in.request.key);
    if (s == nullptr) return -EBADF;
    // What was written before is done before.
    if (s->phase == Phase::Open) {
        raise_wanted_edge(*s);
        pump_tx(*s);
    }
    if (s->arena == nullptr) return -EBADF;
    const auto& a = in.request.arguments;
    if (in.request.op == Op::Renew) {
        auto program = renew(*s);
        if (!program) return -program.error();
        out.kept = std::move(*program);
        out.fds = {out.kept.get()};
        return 0;
    }
    if (s->fd < 0) return -ECONNRESET;
    switch (in.request.op) {
        case Op::Bind:
            client_.set_privileged(p.is_privileged);
            return as_result(client_.bind(s->fd, in.bytes));
        case Op::Listen: return listen(*s, static_cast<int>(a[0]));
        case Op::Connect: return connect(*s, in.bytes);
        case Op::Shutdown: return shutdown(*s, static_cast<int>(a[0]), a[1]);
        case Op::SetOption:
            if (asks_for_errors(static_cast<int>(a[0]), static_cast<int>(a[1]))) show_unusual();
            return as_result(client_.setsockopt(s->fd, static_cast<int>(a[0]),
                                                static_cast<int>(a[1]), in.bytes));
        case Op::GetOption: {
            const MutableBytes into =
                MutableBytes{out.bytes}.first(std::min<std::size_t>(a[2], kMostBytes));
            const auto got =
                client_.getsockopt(s->fd, static_cast<int>(a[0]), static_cast<int>(a[1]), into);
            if (!got) return -to_errno(got.error());
            out.reply.size = static_cast<std::uint32_t>(*got);
            return 0;
        }
        case Op::ReceiveError: return receive_error(*s, a[0], a[1], out);
        case Op::GetName: return tell(client_.getsockname(s->fd), out);
        case Op::GetPeer: return tell(client_.getpeername(s->fd), out);
        case Op::Ioctl: {
            auto argument = static_cast<std::int32_t>(a[1]);
            const auto done = client_.ioctl(s->fd, a[0], argument);
            if (!done) return -to_errno(done.error());
            out.reply.size = sizeof argument;
            std::memcpy(out.bytes.data(), &argument, sizeof argument);
            return *done;
        }
        default: return -EPROTO;
    }
}

int Host::tell(Result<posix::SocketName> name, Outgoing& out) {
    if (!name) return -to_errno(name.error());
    out.reply.size = static_cast<std::uint32_t>(name->size);
    std::memcpy(out.bytes.data(), name->storage.data(), name->size);
    return 0;
}

int Host::listen(ProgramSocket& s, int backlog) {
    if (s.phase != Phase::Idle && s.phase != Phase::Listening) return -EINVAL;
    const auto done = client_.listen(s.fd, backlog);
    if (!done) {
        if (s.phase == Phase::Idle) raise_out(s);
        return -to_errno(done.error());
    }
    s.phase = Phase::Listening;
    s.most_waiting = std::clamp(static_cast<std::uint32_t>(std::max(backlog, 1)), 1u, kMostAhead);
    set_status(s, kStatusListening);
    hand_over_connections(s);
    return 0;
}

int Host::connect(ProgramSocket& s, Bytes name) {
    if (s.phase == Phase::Over) return -ESTALE;
    const posix::Call call = client_.connect(s.fd, name);
    const bool is_none = posix::family_of(name) == posix::abi::kUnspecified;
    if (call.value()) {
        if (!s.is_stream) {
            set_status(s, is_none ? 0 : kStatusConnected, is_none ? kStatusConnected : 0);
            raise_out(s);
        } else if (!is_none) {
            open_stream(s);
        } else {
            s.phase = Phase::Idle;
            set_status(s, 0, kStatusConnected | kStatusConnecting | kStatusListening);
            raise_out(s);
        }
        return 0;
    }
    const Errc error = call.value().error();
    if (error == Errc::InProgress) {
        s.phase = Phase::Connecting;
        s.peer.size = std::min(name.size(), s.peer.storage.size());
        std::copy_n(name.begin(), s.peer.size, s.peer.storage.begin());
        set_status(s, kStatusConnecting);
    } else if (error != Errc::AlreadyInProgress) {
        raise_out(s);
    }
    return -to_errno(error);
}

int Host::shutdown(ProgramSocket& s, int how, std::uint32_t written) {
    const bool writes = how == kShutWrite || how == kShutBoth;
    if (writes && s.is_stream && s.phase == Phase::Open && s.tx.used() > 0 &&
        written == s.tx.tail) {
        // After what is on its way.
        s.has_fin_to_send = true;
        set_status(s, kStatusWriteEnd);
        if (how == kShutBoth) (void)client_.shutdown(s.fd, kShutRead);
        if (how == kShutBoth) pump_rx(s);
        return 0;
    }
    const int result = as_result(client_.shutdown(s.fd, how));
    if (result != 0) return result;
    if (writes) {
        s.has_sent_fin = true;
        set_status(s, kStatusWriteEnd);
        show_hangup(s);
    }
    if (s.phase == Phase::Open) pump_rx(s);
    return 0;
}

}  // namespace fairlead::host
