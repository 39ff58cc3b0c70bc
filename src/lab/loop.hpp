// lab/loop.hpp — a stack in real time: where the clock, chance and signals come from.
//
// Owns:      Loop (poll the stack, let the program work, sleep until there is something to do),
//            StopSignals (SIGINT, SIGTERM and SIGHUP as something to wait for).
// Rules:     One thread. A stack's Instant is CLOCK_MONOTONIC; wall-clock time is only shown.
// Not here:  what the program does with its sockets (the caller's Work), simulated time (sim/).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include <poll.h>
#include <signal.h>

#include "device/file_descriptor.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::lab {

Instant real_now();                      // CLOCK_MONOTONIC
std::int64_t real_epoch_ns();            // wall-clock time of Instant 0, in nanoseconds since 1970
std::int64_t wall_seconds();             // since 1970
std::array<std::uint8_t, 32> entropy();  // for StackOptions::seed

// While it lives, SIGINT, SIGTERM and SIGHUP end nothing by themselves. One at a time; made before
// any thread, and a child process that is to be stopped by them needs the former mask again.
class StopSignals {
public:
    StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    ~StopSignals();

    int fd() const { return fd_.get(); }  // readable: one has come
    bool is_raised();
    const sigset_t& former_mask() const { return former_; }

private:
    sigset_t former_{};
    device::FileDescriptor fd_{};
    bool is_raised_ = false;
};

class Loop {
public:
    // Takes the stack's events and calls its sockets; says when it is to be called again even if
    // nothing happens.
    using Work = std::function<Instant(Instant now)>;

    explicit Loop(Stack& stack) : stack_{&stack} {}

    // Something of the world that ends the sleep when it is readable, and what to do about it.
    void watch(int fd, std::function<void()> on_readable = {});
    void unwatch(int fd);
    // Makes run() return once it is the loop's turn: from Work, or from what watch() calls.
    void stop() { is_stopped_ = true; }
    // Until stop() or the deadline. May be called again. Work that wants to be called at once does not
    // keep what is watched waiting for more than a few turns.
    void run(const Work& work, Instant deadline = Instant::never());

private:
    struct Watched {
        int fd = -1;
        std::function<void()> on_readable{};
    };

    void sleep_until(Instant when);

    Stack* stack_;
    bool is_stopped_ = false;
    std::uint32_t turns_ = 0;
    std::vector<Watched> watched_{};
    std::vector<pollfd> poll_set_{};
};

}  // namespace fairlead::lab
