#include "preload/session.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "preload/real.hpp"
#include "preload/restricted.hpp"

namespace fairlead::preload {
namespace {

constexpr int kMostArenas = 64;
constexpr int kHighDescriptors = 64;  // below the limit: where ours lie out of the way
constexpr int kHighest = 1000;

struct Session {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int fd = -1;
    bool was_attached = false;
    std::array<std::byte, host::kSecretBytes> secret{};
    std::array<Arena, kMostArenas> arenas{};
    int arena_count = 0;
};
Session g_session;

// Signals wait, so that no handler asks while we do.
class Quiet {
public:
    Quiet() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former_);
        ::pthread_mutex_lock(&g_session.mutex);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() {
        ::pthread_mutex_unlock(&g_session.mutex);
        ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
    }

private:
    sigset_t former_{};
};

// To a number that programs do not count on.
int moved_up(int fd) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const int least = std::max(
        0, std::min(static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1u << 20)) - kHighDescriptors,
                    kHighest));
    const int high = real().fcntl(fd, F_DUPFD_CLOEXEC, least);
    if (high < 0) return fd;
    real().close(fd);
    return high;
}

void put_away(int& fd) {
    fd = moved_up(fd);
    set_internal(fd);
}

// Of a message; returns how many there were.
int take_descriptors(msghdr& message, std::array<int, 3>& fds) {
    int count = 0;
    for (cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        count = static_cast<int>((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        count = std::min(count, static_cast<int>(fds.size()));
        std::memcpy(fds.data(), CMSG_DATA(head), static_cast<std::size_t>(count) * sizeof(int));
    }
    return count;
}

bool send_request(const Ask& what) {
    host::Request request{.op = what.op,
                          .key = what.key,
                          .arguments = what.arguments,
                          .size = static_cast<std::uint32_t>(what.bytes.size())};
    std::array<iovec, 2> pieces{
        iovec{.iov_base = &request, .iov_len = sizeof request},
        iovec{.iov_base = const_cast<std::byte*>(what.bytes.data()), .iov_len = what.bytes.size()}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = what.bytes.empty() ? 1 : 2;
    if (what.fd >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(head), &what.fd, sizeof(int));
    }
    return real().sendmsg(g_session.fd, &message, MSG_NOSIGNAL) >= 0;
}

bool receive_reply(Told& told) {
    std::array<iovec, 3> pieces{iovec{.iov_base = &told.reply, .iov_len = sizeof told.reply},
                                iovec{.iov_base = told.bytes.data(), .iov_len = told.bytes.size()},
                                iovec{.iov_base = told.more.data(), .iov_len = told.more.size()}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = real().recvmsg(g_session.fd, &message, MSG_CMSG_CLOEXEC);
    if (got < static_cast<ssize_t>(sizeof told.reply)) return false;
    told.fd_count = take_descriptors(message, told.fds);
    // The program has no number left for what came.
    if ((message.msg_flags & MSG_CTRUNC) != 0) told.reply.result = -EMFILE;
    return true;
}

// Without descriptors, and without a call that takes them.
bool exchange_bytes(const Ask& what, Told& told) {
    std::array<std::byte, sizeof(host::Request) + host::kMostBytes> bytes{};
    static_assert(sizeof(host::Request) >= sizeof(host::Reply));
    const host::Request request{.op = what.op,
                                .key = what.key,
                                .arguments = what.arguments,
                                .size = static_cast<std::uint32_t>(what.bytes.size())};
    if (what.fd >= 0 || what.bytes.size() > host::kMostBytes) return false;
    std::memcpy(bytes.data(), &request, sizeof request);
    std::ranges::copy(what.bytes, bytes.begin() + sizeof request);
    if (real().write(g_session.fd, bytes.data(), sizeof request + what.bytes.size()) < 0) {
        return false;
    }
    const ssize_t got = real().read(g_session.fd, bytes.data(), bytes.size());
    if (got < static_cast<ssize_t>(sizeof told.reply)) return false;
    std::memcpy(&told.reply, bytes.data(), sizeof told.reply);
    std::memcpy(told.bytes.data(), bytes.data() + sizeof told.reply,
                std::min(static_cast<std::size_t>(got) - sizeof told.reply, told.bytes.size()));
    return true;
}

int exchange(const Ask& what, Told& told) {
    const bool is_told =
        is_restricted() ? exchange_bytes(what, told) : send_request(what) && receive_reply(told);
    if (is_told) return told.reply.result;
    set_socket(g_session.fd, nullptr);
    real().close(g_session.fd);
    g_session.fd = -1;
    return -ENETDOWN;
}

// Of what came with a reply: memory, state page, doorbell.
int map_arena(Told& told) {
    if (told.fd_count < 3 || g_session.arena_count == kMostArenas) return -ENOMEM;
    void* memory =
        ::mmap(nullptr, host::kArenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED, told.fds[0], 0);
    void* state = ::mmap(nullptr, host::kPage, PROT_READ, MAP_SHARED, told.fds[1], 0);
    void* sockets = ::mmap(nullptr, host::kSlots * sizeof(Socket), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    real().close(told.fds[0]);
    real().close(told.fds[1]);
    if (memory == MAP_FAILED || state == MAP_FAILED || sockets == MAP_FAILED) return -ENOMEM;
    // What others read and wrote is not of this program's core.
    (void)::madvise(memory, host::kArenaBytes, MADV_DONTDUMP);
    Arena& arena = g_session.arenas[static_cast<std::size_t>(g_session.arena_count)];
    put_away(told.fds[2]);
    arena = {.number = told.reply.key.arena,
             .view = host::ArenaView{static_cast<std::byte*>(memory)},
             .state = static_cast<const host::StatePage*>(state),
             .doorbell = told.fds[2],
             .sockets = static_cast<Socket*>(sockets)};
    ++g_session.arena_count;
    return 0;
}

Arena* arena_of(std::uint32_t number) {
    const auto all =
        std::span{g_session.arenas}.first(static_cast<std::size_t>(g_session.arena_count));
    // The newest: a host that was started again counts from the beginning.
    for (auto i = all.rbegin(); i != all.rend(); ++i) {
        if (i->number == number) return &*i;
    }
    return nullptr;
}

bool connect_at(int fd, std::string_view folder, std::string_view file) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (folder.size() + file.size() >= sizeof name.sun_path) return false;
    file.copy(name.sun_path + folder.copy(name.sun_path, folder.size()), file.size());
    return real().connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

// A host that was started again has its name still, and another process: NAME.PID.programs.
bool connect_to_successor(int fd, std::string_view path) {
    const std::size_t slash = path.rfind('/');
    const std::size_t suffix = path.rfind('.');
    if (slash == path.npos || suffix == path.npos || suffix <= slash) return false;
    const std::size_t pid = path.rfind('.', suffix - 1);
    if (pid == path.npos || pid <= slash) return false;
    std::array<char, sizeof(sockaddr_un)> folder{};
    if (slash + 1 >= folder.size()) return false;
    path.copy(folder.data(), slash + 1);
    const std::string_view name = path.substr(slash + 1, pid - slash);
    DIR* all = ::opendir(folder.data());
    if (all == nullptr) return false;
    bool is_done = false;
    while (const dirent* entry = is_done ? nullptr : ::readdir(all)) {
        const std::string_view file{entry->d_name};
        const bool is_candidate = file.starts_with(name) && file.ends_with(path.substr(suffix));
        is_done = is_candidate && connect_at(fd, folder.data(), file);
    }
    ::closedir(all);
    return is_done;
}

// The door that this program has inherited; -1: none.
int inherited_door() {
    const char* number = std::getenv(host::kDoorVariable);
    const int door = number == nullptr ? -1 : std::atoi(number);
    int type = 0;
    socklen_t size = sizeof type;
    if (door <= STDERR_FILENO || real().getsockopt(door, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        return -1;
    }
    return type == SOCK_SEQPACKET ? door : -1;
}

// The end of a connection whose other end the host is given.
int connect_by_door() {
    const int door = inherited_door();
    std::array<int, 2> ends{};
    if (door < 0) return -1;
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return -1;
    char byte{};
    iovec piece{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &ends[1], sizeof(int));
    const bool is_sent = real().sendmsg(door, &message, MSG_NOSIGNAL) >= 0;
    real().close(ends[1]);
    if (is_sent) return ends[0];
    real().close(ends[0]);
    return -1;
}

int open_connection() {
    const char* known = std::getenv(host::kHostVariable);
    if (known == nullptr) return -ENETDOWN;
    int fd = real().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    const std::string_view path{known};
    if (!connect_at(fd, path, {}) && !connect_to_successor(fd, path)) {
        real().close(fd);
        fd = connect_by_door();
        if (fd < 0) return -ENETDOWN;
    }
    g_session.fd = fd;
    put_away(g_session.fd);
    return 0;
}

int attach() {
    if (g_session.fd >= 0) return 0;
    if (const int fault = open_connection(); fault != 0) return fault;
    Told told;
    Ask what{.op = host::Op::Attach, .arguments = {host::kLayoutVersion}};
    if (g_session.was_attached) what.bytes = g_session.secret;
    if (const int result = exchange(what, told); result < 0) return result;
    const bool is_same =
        g_session.was_attached &&
        std::equal(g_session.secret.begin(), g_session.secret.end(), told.bytes.begin());
    g_session.was_attached = true;
    std::copy_n(told.bytes.begin(), host::kSecretBytes, g_session.secret.begin());
    if (!is_same) return map_arena(told);
    for (int i = 0; i < told.fd_count; ++i) real().close(told.fds[static_cast<std::size_t>(i)]);
    return 0;
}

void before_fork() { ::pthread_mutex_lock(&g_session.mutex); }
void after_fork_in_parent() { ::pthread_mutex_unlock(&g_session.mutex); }
void after_fork_in_child() {
    g_session.mutex = PTHREAD_MUTEX_INITIALIZER;
    if (g_session.fd < 0) return;
    set_socket(g_session.fd, nullptr);
    real().close(g_session.fd);
    g_session.fd = -1;
    const Quiet quiet;
    const int kept = errno;
    (void)attach();
    errno = kept;
}

bool is_unix_stream(int fd) {
    int domain = 0;
    int type = 0;
    socklen_t size = sizeof domain;
    if (real().getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
    size = sizeof type;
    if (real().getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
    return domain == AF_UNIX && type == SOCK_STREAM;
}

// The other end was made by the host.
bool is_of_host(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (real().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    const auto all =
        std::span{g_session.arenas}.first(static_cast<std::size_t>(g_session.arena_count));
    return std::ranges::any_of(all, [&](const Arena& a) { return a.state->pid == peer.pid; });
}

// Before the other constructors of the library.
[[gnu::constructor(200)]] void start() {
    if (!is_hosted()) return;
    ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (const int door = inherited_door(); door >= 0) set_internal(door);
    DIR* folder = ::opendir("/proc/self/fd");
    if (folder == nullptr) return;
    const int kept = errno;
    while (const dirent* entry = ::readdir(folder)) {
        const int fd = std::atoi(entry->d_name);
        if (fd != ::dirfd(folder) && is_unix_stream(fd)) adopt(fd);
    }
    ::closedir(folder);
    errno = kept;
}

}  // namespace

bool is_hosted() {
    // As it was at the start: 1, or 0.
    static std::atomic<int> known{-1};
    int is = known.load(std::memory_order_relaxed);
    if (is < 0) known = is = std::getenv(host::kHostVariable) != nullptr ? 1 : 0;
    return is == 1;
}

std::int64_t spin_of_host() {
    return g_session.arena_count == 0 ? -1 : g_session.arenas[0].state->spin_us;
}

bool is_any_unusual() {
    const auto all =
        std::span{g_session.arenas}.first(static_cast<std::size_t>(g_session.arena_count));
    return std::ranges::any_of(all, [](const Arena& a) {
        return a.state->has_unusual.load(std::memory_order_relaxed) != 0;
    });
}

int ask(const Ask& what, Told& told) {
    const int kept = errno;
    const Quiet quiet;
    int result = attach();
    if (result == 0) result = exchange(what, told);
    // The connection was to a host that is gone; another may be there by now.
    const bool is_anew = what.op == host::Op::Socket && result == -ENETDOWN && g_session.fd < 0;
    if (is_anew && attach() == 0) result = exchange(what, told);
    errno = kept;
    return result;
}

int ask(const Ask& what) {
    Told told;
    return ask(what, told);
}

Socket* place_socket(const host::SocketKey& key, std::uint32_t flags) {
    Arena* arena = arena_of(key.arena);
    if (arena == nullptr || key.slot >= host::kSlots) return nullptr;
    Socket& socket = arena->sockets[key.slot];
    socket = {.arena = arena, .number = key.slot, .generation = key.generation, .flags = flags};
    return &socket;
}

void make_locks(const Socket& socket) {
    pthread_mutexattr_t how;
    ::pthread_mutexattr_init(&how);
    ::pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutexattr_settype(&how, PTHREAD_MUTEX_ERRORCHECK);
    static_assert(sizeof(pthread_mutex_t) <= host::kLine);
    for (std::byte* place : {socket.slot().locks, socket.slot().locks + host::kLine}) {
        ::pthread_mutex_init(reinterpret_cast<pthread_mutex_t*>(place), &how);
    }
    ::pthread_mutexattr_destroy(&how);
}

void adopt(int fd) {
    if (!is_unix_stream(fd) || socket_of(fd) != nullptr) return;
    const Quiet quiet;
    if (attach() != 0 || !is_of_host(fd)) return;
    Told told;
    if (exchange({.op = host::Op::Identify, .fd = fd}, told) != 0) return;
    if (told.fd_count > 0 && map_arena(told) != 0) return;
    set_socket(fd, place_socket(told.reply.key, told.reply.flags));
}

}  // namespace fairlead::preload
