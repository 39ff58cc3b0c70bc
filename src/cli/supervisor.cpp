#include "cli/supervisor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/control_client.hpp"
#include "host/pair.hpp"

namespace fairlead::cli {
namespace {

constexpr int kConnectMs = 1;   // between two looks at who connects
constexpr int kAcceptMs = 200;  // and at whether who waits for a connection is still there
constexpr std::size_t kMostName = 128;
constexpr std::uint32_t kErrorMask = 0xffff;

// The process of a thread; a descriptor of a thread alone is of newer kernels.
pid_t process_of(std::uint32_t thread) {
    std::ifstream file{"/proc/" + std::to_string(thread) + "/status"};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("Tgid:")) return std::atoi(line.c_str() + 5);
    }
    return static_cast<pid_t>(thread);
}

bool read_memory(const seccomp_notif& call, std::uint64_t at, std::span<std::byte> into) {
    const iovec here{.iov_base = into.data(), .iov_len = into.size()};
    const iovec there{.iov_base = std::bit_cast<void*>(at), .iov_len = into.size()};
    return ::process_vm_readv(static_cast<pid_t>(call.pid), &here, 1, &there, 1, 0) ==
           static_cast<ssize_t>(into.size());
}

bool write_memory(const seccomp_notif& call, std::uint64_t at, std::span<const std::byte> from) {
    const iovec here{.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
    const iovec there{.iov_base = std::bit_cast<void*>(at), .iov_len = from.size()};
    return ::process_vm_writev(static_cast<pid_t>(call.pid), &here, 1, &there, 1, 0) ==
           static_cast<ssize_t>(from.size());
}

// A value and its size, as getsockname() and its like return them: 0, or an
// errno, negative.
int tell(const seccomp_notif& call, std::uint64_t into, std::uint64_t size_at,
         std::span<const std::byte> bytes) {
    if (into == 0 || size_at == 0) return 0;
    std::int32_t room = 0;
    if (!read_memory(call, size_at, std::as_writable_bytes(std::span{&room, 1}))) return -EFAULT;
    if (room < 0) return -EINVAL;
    const auto part = bytes.first(std::min(bytes.size(), static_cast<std::size_t>(room)));
    const auto whole = static_cast<std::int32_t>(bytes.size());
    const bool is_told = (part.empty() || write_memory(call, into, part)) &&
                         write_memory(call, size_at, std::as_bytes(std::span{&whole, 1}));
    return is_told ? 0 : -EFAULT;
}

std::int32_t number(const seccomp_notif& call, std::size_t i) {
    return static_cast<std::int32_t>(call.data.args[i]);
}
std::uint32_t word(const seccomp_notif& call, std::size_t i) {
    return static_cast<std::uint32_t>(call.data.args[i]);
}

// What an argument points to; nothing: it points nowhere.
std::optional<std::vector<std::byte>> read_value(const seccomp_notif& call, std::size_t argument,
                                                 std::size_t size, std::size_t most) {
    std::vector<std::byte> value(std::min(size, most));
    if (!value.empty() && !read_memory(call, call.data.args[argument], value)) return std::nullopt;
    return value;
}

// The pair's own, whose reads and writes they are of.
bool is_timeout(const seccomp_notif& call) {
    const std::uint32_t name = word(call, 2);
    return word(call, 1) == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

// The host has gone.
bool is_hung(int fd) {
    pollfd entry{.fd = fd, .events = 0, .revents = 0};
    return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

bool is_nonblocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

void make_blocking(int fd) { (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK); }

}  // namespace

std::expected<std::unique_ptr<Supervisor>, std::string> Supervisor::open(
    const std::string& host_path, int notices) {
    std::unique_ptr<Supervisor> made{new Supervisor{notices}};
    if (!made->attach(host_path)) return std::unexpected{host_path + ": no host answers there"};
    return made;
}

Supervisor::~Supervisor() {
    if (arena_) ::munmap(arena_.base(), host::kArenaBytes);
}

bool Supervisor::attach(const std::string& host_path) {
    control_ = host::connect_to_host(host_path);
    if (!control_.is_open()) return false;
    const host::Request request{.op = host::Op::Attach, .arguments = {host::kLayoutVersion}};
    if (::send(control_.get(), &request, sizeof request, MSG_NOSIGNAL) < 0) return false;
    host::Reply reply{.result = -ENETDOWN};
    const auto fds =
        host::receive_descriptors(control_.get(), std::as_writable_bytes(std::span{&reply, 1}));
    if (reply.result != 0 || fds.size() != 3) return false;
    void* memory =
        ::mmap(nullptr, host::kArenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0].get(), 0);
    if (memory == MAP_FAILED) return false;
    arena_ = host::ArenaView{static_cast<std::byte*>(memory)};
    doorbell_ = device::FileDescriptor{::dup(fds[2].get())};
    return true;
}

std::optional<Supervisor::Told> Supervisor::ask(host::Request request,
                                                std::span<const std::byte> bytes) const {
    request.size = static_cast<std::uint32_t>(bytes.size());
    std::vector<std::byte> letter(sizeof request + bytes.size());
    std::memcpy(letter.data(), &request, sizeof request);
    std::ranges::copy(bytes, letter.begin() + sizeof request);
    if (::send(control_.get(), letter.data(), letter.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
    std::array<std::byte, sizeof(host::Reply) + host::kMostBytes> reply{};
    // Where nothing comes it stays that.
    const host::Reply none{.result = -ENETDOWN};
    std::memcpy(reply.data(), &none, sizeof none);
    auto fds = host::receive_descriptors(control_.get(), reply);
    Told told;
    std::memcpy(&told.reply, reply.data(), sizeof told.reply);
    if (told.reply.size > host::kMostBytes) return std::nullopt;
    const auto rest = std::span{reply}.subspan(sizeof told.reply, told.reply.size);
    told.bytes.assign(rest.begin(), rest.end());
    if (!fds.empty()) told.fd = std::move(fds[0]);
    return told;
}

host::Slot& Supervisor::slot(const host::SocketKey& key) const { return arena_.slot(key.slot); }

void Supervisor::work() {
    for (;;) {
        std::vector<pollfd> all{{.fd = notices_, .events = POLLIN, .revents = 0}};
        int patience = pending_.empty() ? -1 : kAcceptMs;
        for (const Pending& wait : pending_) {
            if (wait.listener.is_open()) {
                all.push_back({.fd = wait.listener.get(), .events = POLLIN, .revents = 0});
            } else {
                patience = kConnectMs;
            }
        }
        if (::poll(all.data(), all.size(), patience) < 0 && errno != EINTR) return;
        if ((all[0].revents & POLLIN) != 0) {
            take_call();
        } else if ((all[0].revents & POLLHUP) != 0) {
            return;
        }
        try_pending();
    }
}

void Supervisor::take_call() {
    seccomp_notif call{};
    if (::ioctl(notices_, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) return;
    if (call.data.nr == SYS_socket) return on_socket(call);
    auto mine = find(call);
    if (!mine) return leave_to_kernel(call);
    on_call(call, std::move(*mine));
}

void Supervisor::answer(const seccomp_notif& call, std::int64_t result) const {
    seccomp_notif_resp response{};
    response.id = call.id;
    if (result < 0) {
        response.error = static_cast<std::int32_t>(result);
    } else {
        response.val = result;
    }
    (void)::ioctl(notices_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void Supervisor::leave_to_kernel(const seccomp_notif& call) const {
    seccomp_notif_resp response{};
    response.id = call.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)::ioctl(notices_, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

// As the result of the call.
void Supervisor::give_descriptor(const seccomp_notif& call, int fd, bool closes_on_exec) const {
    seccomp_notif_addfd given{};
    given.id = call.id;
    given.flags = SECCOMP_ADDFD_FLAG_SEND;
    given.srcfd = static_cast<std::uint32_t>(fd);
    given.newfd_flags = closes_on_exec ? O_CLOEXEC : 0;
    if (::ioctl(notices_, SECCOMP_IOCTL_NOTIF_ADDFD, &given) < 0) answer(call, -errno);
}

bool Supervisor::is_over(const seccomp_notif& call) const {
    return ::ioctl(notices_, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) != 0;
}

std::optional<Supervisor::Mine> Supervisor::find(const seccomp_notif& call) const {
    const device::FileDescriptor process{
        static_cast<int>(::syscall(SYS_pidfd_open, process_of(call.pid), 0u))};
    if (!process.is_open()) return std::nullopt;
    device::FileDescriptor fd{
        static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number(call, 0), 0u))};
    if (!fd.is_open()) return std::nullopt;
    const auto known = sockets_.find(host::inode_of(fd.get()));
    if (known == sockets_.end()) return std::nullopt;
    return Mine{.fd = std::move(fd), .key = known->second};
}

// Whatever had the slot before is gone.
void Supervisor::remember(int fd, const host::SocketKey& key) {
    std::uint64_t& inode = inodes_.at(key.slot);
    sockets_.erase(inode);
    inode = host::inode_of(fd);
    sockets_[inode] = key;
}

void Supervisor::on_socket(const seccomp_notif& call) {
    constexpr std::uint32_t kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    const std::uint32_t type = word(call, 1);
    const auto told =
        ask({.op = host::Op::Socket,
             .arguments = {word(call, 0), (type & ~kFlags) | host::kPlainSocket, word(call, 2)}});
    if (!told) return answer(call, -ENETDOWN);
    if (told->reply.result < 0) return answer(call, told->reply.result);
    if ((type & SOCK_NONBLOCK) == 0) make_blocking(told->fd.get());
    remember(told->fd.get(), told->reply.key);
    give_descriptor(call, told->fd.get(), (type & SOCK_CLOEXEC) != 0);
}

void Supervisor::on_call(const seccomp_notif& call, Mine mine) {
    const auto result_of = [&](const host::Request& request,
                               std::span<const std::byte> bytes = {}) {
        const auto told = ask(request, bytes);
        answer(call, told ? told->reply.result : -ENETDOWN);
    };
    switch (call.data.nr) {
        case SYS_bind: {
            const auto name = read_value(call, 1, word(call, 2), kMostName);
            if (!name) return answer(call, -EFAULT);
            return result_of({.op = host::Op::Bind, .key = mine.key}, *name);
        }
        case SYS_listen:
            return result_of(
                {.op = host::Op::Listen, .key = mine.key, .arguments = {word(call, 1)}});
        case SYS_setsockopt: {
            if (is_timeout(call)) return leave_to_kernel(call);
            const auto value = read_value(call, 3, word(call, 4), host::kMostBytes);
            if (!value) return answer(call, -EFAULT);
            return result_of({.op = host::Op::SetOption,
                              .key = mine.key,
                              .arguments = {word(call, 1), word(call, 2)}},
                             *value);
        }
        case SYS_getsockopt: return on_get_option(call, mine);
        case SYS_getsockname: return on_name(call, mine, host::Op::GetName);
        case SYS_getpeername: return on_name(call, mine, host::Op::GetPeer);
        case SYS_connect: return on_connect(call, std::move(mine));
        default: break;
    }
    Pending wait{.call = call, .key = mine.key, .listener = std::move(mine.fd)};
    if (!try_accept(wait)) pending_.push_back(std::move(wait));
}

void Supervisor::on_name(const seccomp_notif& call, const Mine& mine, host::Op op) const {
    const auto told = ask({.op = op, .key = mine.key});
    if (!told) return answer(call, -ENETDOWN);
    // Of a connection that both sides have ended the host keeps nothing.
    if (told->reply.result == -EBADF) return answer(call, -ENOTCONN);
    if (told->reply.result < 0) return answer(call, told->reply.result);
    answer(call, tell(call, call.data.args[1], call.data.args[2], told->bytes));
}

void Supervisor::on_get_option(const seccomp_notif& call, const Mine& mine) const {
    const std::uint32_t level = word(call, 1);
    const std::uint32_t name = word(call, 2);
    if (is_timeout(call)) return leave_to_kernel(call);
    if (level == SOL_SOCKET && name == SO_ERROR) {
        const std::int32_t none = 0;
        return answer(call, tell(call, call.data.args[3], call.data.args[4],
                                 std::as_bytes(std::span{&none, 1})));
    }
    std::int32_t room = 0;
    if (!read_memory(call, call.data.args[4], std::as_writable_bytes(std::span{&room, 1}))) {
        return answer(call, -EFAULT);
    }
    const auto told =
        ask({.op = host::Op::GetOption,
             .key = mine.key,
             .arguments = {level, name, static_cast<std::uint32_t>(std::max(room, 0))}});
    if (!told) return answer(call, -ENETDOWN);
    if (told->reply.result < 0) return answer(call, told->reply.result);
    answer(call, tell(call, call.data.args[3], call.data.args[4], told->bytes));
}

void Supervisor::on_connect(const seccomp_notif& call, Mine mine) {
    const auto name = read_value(call, 1, word(call, 2), kMostName);
    if (!name) return answer(call, -EFAULT);
    const auto told = ask({.op = host::Op::Connect, .key = mine.key}, *name);
    if (!told) return answer(call, -ENETDOWN);
    if (told->reply.result != -EINPROGRESS) return answer(call, told->reply.result);
    Pending wait{.call = call, .key = mine.key};
    if (!try_connect(wait)) pending_.push_back(std::move(wait));
}

// True: it is answered, or nobody waits any more.
bool Supervisor::try_connect(const Pending& wait) const {
    const host::Slot& s = slot(wait.key);
    const std::uint32_t status = s.host.status.load(std::memory_order_acquire);
    if ((status & host::kStatusConnected) != 0) {
        answer(wait.call, 0);
        return true;
    }
    if ((status & host::kStatusReset) == 0) return is_over(wait.call);
    const std::uint32_t error = s.host.error.load(std::memory_order_acquire) & kErrorMask;
    answer(wait.call, error == 0 ? -ECONNREFUSED : -static_cast<std::int64_t>(error));
    return true;
}

bool Supervisor::try_accept(const Pending& wait) {
    if (is_over(wait.call)) return true;
    host::Accepted record{};
    auto fds = host::receive_descriptors(
        wait.listener.get(), std::as_writable_bytes(std::span{&record, 1}), MSG_DONTWAIT);
    if (fds.empty()) {
        if (is_hung(wait.listener.get())) {
            answer(wait.call, -ENETDOWN);
            return true;
        }
        const bool listens = (slot(wait.key).host.status.load() & host::kStatusListening) != 0;
        if (listens && !is_nonblocking(wait.listener.get())) return false;
        answer(wait.call, listens ? -EAGAIN : -EINVAL);
        return true;
    }
    host::Slot& listener = slot(wait.key);
    listener.program.rx_head.fetch_add(1);
    if (listener.both.wants_space.exchange(0) != 0) {
        arena_.mark_dirty(wait.key.slot);
        const std::uint64_t one = 1;
        (void)!::write(doorbell_.get(), &one, sizeof one);
    }
    slot(record.key).both.is_taken.store(1, std::memory_order_release);
    remember(fds[0].get(), record.key);
    const std::uint32_t flags = wait.call.data.nr == SYS_accept4 ? word(wait.call, 3) : 0;
    if ((flags & SOCK_NONBLOCK) == 0) make_blocking(fds[0].get());
    (void)tell(
        wait.call, wait.call.data.args[1], wait.call.data.args[2],
        std::span{record.name}.first(std::min<std::size_t>(record.name_size, record.name.size())));
    give_descriptor(wait.call, fds[0].get(), (flags & SOCK_CLOEXEC) != 0);
    return true;
}

void Supervisor::try_pending() {
    std::erase_if(pending_, [&](const Pending& wait) {
        return wait.listener.is_open() ? try_accept(wait) : try_connect(wait);
    });
}

}  // namespace fairlead::cli
