#include "lab/loop.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <sys/random.h>
#include <sys/signalfd.h>

#include "base/assert.hpp"

namespace fairlead::lab {
namespace {

// A device that has no room is asked again after this long.
constexpr Duration kRetry = 200_us;
// Where there is always something to do, the others are looked after at each so-manieth turn.
constexpr std::uint32_t kTurnsUnwatched = 16;

std::int64_t read_clock(clockid_t clock) {
    timespec t{};
    FAIRLEAD_ASSERT(::clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

Instant real_now() { return Instant::from_ns(read_clock(CLOCK_MONOTONIC)); }

std::int64_t real_epoch_ns() { return read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC); }

std::int64_t wall_seconds() { return read_clock(CLOCK_REALTIME_COARSE) / 1'000'000'000; }

std::array<std::uint8_t, 32> entropy() {
    std::array<std::uint8_t, 32> bytes{};
    // Up to 256 bytes come whole (getrandom(2)).
    FAIRLEAD_ASSERT(::getrandom(bytes.data(), bytes.size(), 0) ==
                    static_cast<ssize_t>(bytes.size()));
    return bytes;
}

StopSignals::StopSignals() {
    sigset_t ours;
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGINT);
    ::sigaddset(&ours, SIGTERM);
    ::sigaddset(&ours, SIGHUP);
    ::pthread_sigmask(SIG_BLOCK, &ours, &former_);
    fd_ = device::FileDescriptor{::signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC)};
    FAIRLEAD_ASSERT(fd_.is_open());
}

StopSignals::~StopSignals() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

bool StopSignals::is_raised() {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) > 0) is_raised_ = true;
    return is_raised_;
}

void Loop::watch(int fd, std::function<void()> on_readable) {
    watched_.push_back({.fd = fd, .on_readable = std::move(on_readable)});
}

void Loop::unwatch(int fd) {
    std::erase_if(watched_, [fd](const Watched& w) { return w.fd == fd; });
}

void Loop::run(const Work& work, Instant deadline) {
    is_stopped_ = false;
    while (!is_stopped_) {
        const Instant now = real_now();
        if (now >= deadline) return;
        const PollResult polled = stack_->poll(now);
        const Instant next = std::min(work(now), deadline);
        stack_->flush();
        if (is_stopped_) return;
        if (polled.is_busy && polled.received != 0) {
            sleep_until(now);
        } else if (polled.is_busy) {
            sleep_until(now + kRetry);
        } else if (next > now || ++turns_ % kTurnsUnwatched == 0) {
            sleep_until(std::min(next, stack_->next_deadline()));
        }
    }
}

void Loop::sleep_until(Instant when) {
    poll_set_.clear();
    for (const Watched& w : watched_) {
        poll_set_.push_back({.fd = w.fd, .events = POLLIN, .revents = 0});
    }
    const std::int64_t left = std::max<std::int64_t>((when - real_now()).ns(), 0);
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    const int ready = ::ppoll(poll_set_.data(), poll_set_.size(),
                              when == Instant::never() ? nullptr : &timeout, nullptr);
    if (ready <= 0) return;
    for (const pollfd& p : poll_set_) {
        if (p.revents == 0) continue;
        // By descriptor, for what is called may watch and unwatch.
        const auto found = std::ranges::find(watched_, p.fd, &Watched::fd);
        if (found == watched_.end() || !found->on_readable) continue;
        const auto call = found->on_readable;
        call();
    }
}

}  // namespace fairlead::lab
