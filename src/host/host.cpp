// Programs come and go; a turn of the host.
#include "host/host.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "host/tag.hpp"

namespace fairlead::host {
namespace {

constexpr int kMostDescriptors = 1 << 20;
constexpr int kBacklog = 128;
constexpr std::size_t kMostPrograms = 4096;
// A process has one connection, and by exec a second one for a moment.
constexpr std::ptrdiff_t kMostOfAProcess = 4;
// Descriptors that sockets leave to programs that come, and to what is on its way.
constexpr rlim_t kReserved = 2048;
constexpr std::size_t kEventsAtOnce = 64;
constexpr std::size_t kScratch = 70'000;  // a datagram, its name and its control messages
// A byte that the program owes is waited for; a queue that was full is tried again.
constexpr Duration kRetry = 1_ms;
// While it looks for bytes, the kernel is asked for the rest at each so-manieth look.
constexpr std::uint32_t kLooksPerKernel = 8;

std::unexpected<std::string> because(std::string_view what) {
    return std::unexpected{fmt::format("{}: {}", what, std::strerror(errno))};
}

// A descriptor for each socket of a program: how many they may have.
std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > kReserved ? limit.rlim_cur - kReserved : limit.rlim_cur / 2;
}

}  // namespace

Host::Host(Stack& stack, std::string path, const HostSettings& settings)
    : stack_{stack},
      path_{std::move(path)},
      settings_{settings},
      spin_{settings.spin.ns()},
      files_{stack},
      client_{files_, {.most_descriptors = kMostDescriptors}},
      scratch_(kScratch) {}

std::expected<std::unique_ptr<Host>, std::string> Host::open(Stack& stack, std::string path,
                                                             const HostSettings& settings) {
    std::unique_ptr<Host> host{new Host{stack, std::move(path), settings}};
    if (const auto started = host->start(); !started) return std::unexpected{started.error()};
    return host;
}

std::expected<void, std::string> Host::start() {
    most_sockets_ = raise_descriptor_limit();
    // What a program remembers of a host before this one names no socket of this one.
    if (::getrandom(&next_generation_, sizeof next_generation_, 0) != sizeof next_generation_) {
        return because("no chance");
    }
    const auto charge = Charge::probe();
    if (!charge) {
        errno = charge.error();
        return because("the kernel's socket pairs do not do what is needed");
    }
    charge_ = *charge;
    auto state = SharedMemory::make("fairlead-state", kPage, Writers::HostAlone);
    if (!state) {
        errno = state.error();
        return because("no memory to share");
    }
    state_.emplace(std::move(*state));
    auto& page = *reinterpret_cast<StatePage*>(state_->base());
    page.pid = ::getpid();
    page.spin_us = static_cast<std::int32_t>(settings_.program_spin.us());

    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path_.size() >= sizeof name.sun_path) {
        return std::unexpected{fmt::format("{} is too long for a socket's name", path_)};
    }
    path_.copy(name.sun_path, path_.size());
    epoll_ = FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)};
    closes_ = FileDescriptor{::epoll_create1(EPOLL_CLOEXEC)};
    listener_ = FileDescriptor{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    (void)::unlink(path_.c_str());
    const mode_t mask = ::umask(0177);
    const int bound =
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
    ::umask(mask);
    if (bound != 0 || ::listen(listener_.get(), kBacklog) != 0) return because(path_);
    if (!watch(epoll_.get(), listener_.get(), EPOLLIN, tag(TagKind::Listener, 0, 0)) ||
        !watch(epoll_.get(), closes_.get(), EPOLLIN, tag(TagKind::Closes, 0, 0))) {
        return because("epoll");
    }
    const auto set = client_.epoll_create();
    FAIRLEAD_ASSERT(set.has_value());
    stack_events_ = *set;
    return {};
}

Host::~Host() {
    if (listener_.is_open()) (void)::unlink(path_.c_str());
}

bool Host::watch(int epoll, int fd, std::uint32_t events, std::uint64_t tag) const {
    epoll_event event{.events = events, .data = {.u64 = tag}};
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

Instant Host::work(Instant now) {
    auto& state = *reinterpret_cast<StatePage*>(state_->base());
    state.is_asleep.store(0);
    now_ = now;
    was_busy_ = false;
    if (!is_looking_ || ++looks_ % kLooksPerKernel == 0) take_kernel_events();
    take_dirty();
    take_turns();
    take_stack_events();
    const Instant lingers_until = lingering_.empty() ? Instant::never() : end_lingering();
    is_looking_ = queue_.empty() && looks_again(now);
    if (is_looking_ || !queue_.empty()) return now;
    // Whoever makes something dirty from here on rings.
    state.is_asleep.store(1);
    if (is_any_dirty()) return now;
    if (!owing_.empty() || !waiting_.empty() || !held_.empty()) return now + kRetry;
    return lingers_until;
}

bool Host::looks_again(Instant now) {
    if (was_busy_) {
        spin_.came_after((now - busy_at_).ns());
        busy_at_ = now;
    }
    return spin_.goes_on((now - busy_at_).ns());
}

void Host::take_kernel_events() {
    std::array<epoll_event, kEventsAtOnce> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    was_busy_ |= count > 0;
    for (int i = 0; i < count; ++i) {
        const std::uint64_t from = events[static_cast<std::size_t>(i)].data.u64;
        switch (kind_of(from)) {
            case TagKind::Listener: accept_program(); break;
            case TagKind::Doorbell: on_ring(number_of(from)); break;
            case TagKind::Program: {
                const auto p = std::ranges::find_if(
                    programs_, [&](const auto& one) { return one->number == number_of(from); });
                if (p != programs_.end()) serve(**p);
                break;
            }
            case TagKind::Closes: drain_closes(); break;
            case TagKind::Plain: on_plain_event(from); break;
            case TagKind::Door: answer_door(number_of(from)); break;
            case TagKind::End:
            case TagKind::CloseWatch: break;
        }
    }
}

void Host::on_ring(std::uint32_t arena) {
    if (arena >= arenas_.size() || arenas_[arena] == nullptr) return;
    std::uint64_t rings = 0;
    (void)!::read(arenas_[arena]->doorbell(), &rings, sizeof rings);
}

void Host::take_stack_events() {
    std::array<posix::EpollEvent, kEventsAtOnce> events{};
    for (;;) {
        const posix::Call call = client_.epoll_wait(stack_events_, events, Duration{});
        const auto count = static_cast<std::size_t>(call.value().value_or(0));
        was_busy_ |= count > 0;
        for (std::size_t i = 0; i < count; ++i) {
            ProgramSocket* s = nullptr;
            const std::uint32_t number = number_of(events[i].data);
            if (number < sockets_.size()) s = sockets_[number].get();
            if (s == nullptr || s->arena == nullptr) continue;
            if (generation_of(events[i].data) != tag_generation(s->generation)) continue;
            on_stack_event(*s, events[i].events);
        }
        if (count < events.size()) return;
    }
}

bool Host::is_any_dirty() const {
    return std::ranges::any_of(
        arenas_, [](const auto& arena) { return arena != nullptr && arena->is_dirty(); });
}

void Host::take_dirty() {
    turns_.clear();
    for (const auto& arena : arenas_) {
        if (arena == nullptr) continue;
        arena->collect_dirty([&](std::uint32_t number) { turns_.push_back(number); });
    }
    if (turns_.empty()) return;
    was_busy_ = true;
    // What was closed before something was written is closed before that is sent.
    drain_closes();
    // A socket may go on the way, and its arena with it.
    for (const std::uint32_t number : turns_) {
        ProgramSocket& s = *sockets_[number];
        if (s.arena != nullptr) on_dirty(s);
    }
}

void Host::take_turns() {
    turns_.swap(queue_);
    queue_.clear();
    const std::vector<std::uint32_t> now = turns_;
    for (const std::uint32_t number : now) {
        ProgramSocket& s = *sockets_[number];
        s.is_queued = false;
        if (s.arena != nullptr) on_dirty(s);
    }
    std::vector<std::uint32_t> owing;
    owing.swap(owing_);
    for (const std::uint32_t number : owing) {
        if (sockets_[number]->arena != nullptr) pay_fillers(*sockets_[number]);
    }
    try_held();
    std::vector<std::uint32_t> waiting;
    waiting.swap(waiting_);
    for (const std::uint32_t number : waiting) {
        if (sockets_[number]->arena != nullptr) hand_over_connections(*sockets_[number]);
    }
}

void Host::queue(ProgramSocket& s) {
    if (s.is_queued) return;
    s.is_queued = true;
    queue_.push_back(s.number);
}

void Host::accept_program() {
    take_program(
        FileDescriptor{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)},
        false);
}

// A new connection. By a door everybody comes who has it.
void Host::take_program(FileDescriptor fd, bool is_known_user) {
    if (!fd.is_open() || programs_.size() >= kMostPrograms) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    if (!is_known_user && peer.uid != 0 && peer.uid != ::geteuid()) return;
    const auto of_process =
        std::ranges::count_if(programs_, [&](const auto& p) { return p->pid == peer.pid; });
    // Processes that this one cannot see have no number here.
    if (peer.pid != 0 && of_process >= kMostOfAProcess) return;
    auto p = std::make_unique<Program>();
    p->number = next_program_++;
    p->pid = peer.pid;
    p->is_privileged = peer.uid == 0;
    p->group = peer.gid;
    if (!watch(epoll_.get(), fd.get(), EPOLLIN, tag(TagKind::Program, p->number, 0))) return;
    p->fd = std::move(fd);
    programs_.push_back(std::move(p));
}

void Host::end_program(std::uint32_t number) {
    const auto found =
        std::ranges::find_if(programs_, [&](const auto& p) { return p->number == number; });
    if (found == programs_.end()) return;
    const std::unique_ptr<Program> p = std::move(*found);
    programs_.erase(found);
    for (ProgramArena* arena : p->arenas) {
        --arena->members;
        leave(*arena);
    }
}

// It goes when nobody is left: sockets may live longer than who made them.
void Host::leave(ProgramArena& arena) {
    if (arena.members != 0 || arena.socket_count() != 0) return;
    arenas_[arena.number()].reset();
}

std::vector<Owner> Host::owners() {
    std::vector<Owner> all;
    for (const auto& s : sockets_) {
        if (s->arena == nullptr) continue;
        const auto id = client_.socket_of(s->fd);
        if (id) all.push_back({.socket = *id, .inode = s->inode, .pid = s->pid});
    }
    return all;
}

}  // namespace fairlead::host
