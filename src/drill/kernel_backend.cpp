#include "drill/kernel_backend.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "device/network_namespace.hpp"
#include "device/virtio_header.hpp"
#include "drill/inbound.hpp"
#include "drill/kernel_calls.hpp"
#include "drill/kernel_system.hpp"
#include "drill/kernel_world.hpp"

namespace fairlead::drill {
namespace {

constexpr std::size_t kLargestPacket = 65536;

Instant clock_now(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return Instant::from_ns(std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

Instant monotonic_now() { return clock_now(CLOCK_MONOTONIC); }

// A thread inside a namespace that does one thing after another.
class Worker {
public:
    Worker()
        : thread_{[this] {
              // Who writes to what is closed hears of it from the call.
              sigset_t broken_pipe;
              sigemptyset(&broken_pipe);
              sigaddset(&broken_pipe, SIGPIPE);
              pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
              work();
          }} {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        give({});
        thread_.join();
    }

    // An empty task ends the thread.
    void give(std::function<void()> task) {
        const std::lock_guard lock{mutex_};
        tasks_.push_back(std::move(task));
        is_there_.notify_one();
    }
    template <typename F>
    auto ask(F question) {
        std::promise<decltype(question())> answer;
        give([&] { answer.set_value(question()); });
        return answer.get_future().get();
    }

private:
    void work() {
        for (;;) {
            std::unique_lock lock{mutex_};
            is_there_.wait(lock, [this] { return !tasks_.empty(); });
            const std::function<void()> task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            if (!task) return;
            task();
        }
    }

    std::mutex mutex_;
    std::condition_variable is_there_;
    std::deque<std::function<void()>> tasks_;
    std::thread thread_;  // last: it uses the others
};

class KernelBackend final : public Backend {
public:
    ~KernelBackend() override {
        // Wakes a call that still blocks; connections leave nothing behind in their namespace.
        while (is_busy_) {
            {
                const std::lock_guard lock{mutex_};
                for (const int fd : open_) shutdown(fd, SHUT_RDWR);
            }
            pollfd done{event_, POLLIN, 0};
            poll(&done, 1, 1);
        }
        constexpr linger kAbort{.l_onoff = 1, .l_linger = 0};
        for (const int fd : open_) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &kAbort, sizeof kAbort);
            close(fd);
        }
        if (tun_ >= 0) close(tun_);
        if (event_ >= 0) close(event_);
    }

    std::expected<void, std::string> open(const Settings& settings) {
        event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        const auto tun = worker_.ask([&] { return enter_new_world(settings); });
        if (!tun) return std::unexpected{tun.error()};
        tun_ = *tun;
        if (settings.mss != 0) header_bytes_ = sizeof(device::VirtioHeader);
        const auto world = worker_.ask(&open_world);
        if (!world) return std::unexpected{world.error()};
        const auto joined = clerk_.ask([&] { return join_world(*world); });
        close(*world);
        return joined;
    }

    Instant now() const override { return monotonic_now(); }
    Duration wall_ahead() const override { return clock_now(CLOCK_REALTIME) - monotonic_now(); }

    void step(Instant until) override {
        if (drain()) return;
        const Duration left = std::max(until - now(), Duration{});
        // A call that begins at this moment is given one to come back.
        const Duration most = is_busy_ ? std::max(left, 1_ms) : left;
        const timespec timeout{.tv_sec = most.ns() / 1'000'000'000,
                               .tv_nsec = most.ns() % 1'000'000'000};
        std::array<pollfd, 2> sources{{{tun_, POLLIN, 0}, {event_, POLLIN, 0}}};
        ppoll(sources.data(), sources.size(), &timeout, nullptr);
        drain();
    }

    void inject(std::span<const std::uint8_t> packet, std::uint16_t merged) override {
        device::VirtioHeader header{};
        if (merged != 0) {
            const bool is_v4 = packet[0] >> 4 == 4;
            header.gso_type =
                is_v4 ? device::VirtioHeader::kGsoTcp4 : device::VirtioHeader::kGsoTcp6;
            header.gso_size = merged;
            header.header_bytes = static_cast<std::uint16_t>(header_bytes_of(packet));
        }
        std::vector<std::uint8_t> whole(header_bytes_ + packet.size());
        if (header_bytes_ != 0) std::memcpy(whole.data(), &header, sizeof header);
        std::ranges::copy(packet, whole.begin() + static_cast<std::ptrdiff_t>(header_bytes_));
        while (write(tun_, whole.data(), whole.size()) < 0 && errno == EINTR) {
        }
    }

    std::optional<SentPacket> take_packet() override {
        if (packets_.empty()) return std::nullopt;
        SentPacket packet = std::move(packets_.front());
        packets_.pop_front();
        return packet;
    }

    std::expected<void, std::string> start(const Request& request) override {
        is_busy_ = true;
        worker_.give([this, request] {
            const Outcome outcome = make_system_call(request, system_);
            {
                const std::lock_guard lock{mutex_};
                remember(request, outcome);
                outcome_ = outcome;
            }
            is_busy_ = false;
            eventfd_write(event_, 1);
        });
        return {};
    }

    std::optional<Outcome> take_outcome() override {
        const std::lock_guard lock{mutex_};
        return is_busy_ ? std::nullopt : std::exchange(outcome_, std::nullopt);
    }

    std::optional<Outcome> peek(const request::GetOption& request) override {
        return make_system_call(request, system_);
    }

    System& system() override { return system_; }

private:
    void remember(const Request& request, const Outcome& outcome) {
        for (const int made : made_by(request, outcome)) open_.insert(made);
        const auto* closed = std::get_if<request::Close>(&request);
        if (closed != nullptr) open_.erase(closed->fd);
    }

    // True when something was there.
    bool drain() {
        eventfd_t events = 0;
        bool is_any = eventfd_read(event_, &events) == 0;
        std::vector<std::uint8_t> buffer(header_bytes_ + kLargestPacket);
        const auto skipped = static_cast<ssize_t>(header_bytes_);
        for (;;) {
            const ssize_t n = read(tun_, buffer.data(), buffer.size());
            if (n <= skipped) return is_any;
            packets_.push_back({now(), {buffer.begin() + skipped, buffer.begin() + n}});
            is_any = true;
        }
    }

    int tun_ = -1;
    int event_ = -1;
    std::size_t header_bytes_ = 0;  // that stand before each packet on the TUN
    std::deque<SentPacket> packets_;
    std::mutex mutex_;
    std::optional<Outcome> outcome_;  // under mutex_
    std::set<int> open_;              // under mutex_
    std::atomic<bool> is_busy_ = false;
    Worker worker_;  // makes the script's calls, and may be blocked in one
    Worker clerk_;   // in the same namespace, for shell lines
    KernelSystem system_{[this](const std::function<void()>& task) {
        clerk_.ask([&] {
            task();
            return true;
        });
    }};
};

}  // namespace

std::expected<std::unique_ptr<Backend>, std::string> make_kernel_backend(const Settings& settings) {
    auto backend = std::make_unique<KernelBackend>();
    if (auto opened = backend->open(settings); !opened) return std::unexpected{opened.error()};
    return backend;
}

std::expected<std::unique_ptr<Backend>, std::string> make_private_kernel_backend(
    const Settings& settings) {
    if (geteuid() != 0) {
        if (const auto entered = device::enter_private_network(); !entered) {
            return std::unexpected{entered.error().text};
        }
    }
    return make_kernel_backend(settings);
}

}  // namespace fairlead::drill
