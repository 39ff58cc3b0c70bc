// tcp/chronograph.hpp — what a sender spends its time with.
//
// Owns:   Chronograph: how long something waited to be acknowledged, and how much of that the peer's
//         window or our send buffer held the rest back.
// Knows:  Linux's tcp_chrono_start() and _stop(): of what is true at once, the last named counts.
// Not here: who says so (Sender::note_limit, Connection), TCP_INFO.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

class Chronograph {
public:
    enum class Phase : std::uint8_t { Idle, Busy, PeersWindow, SendBuffer };

    void start(Phase phase, Instant now) {
        if (phase > phase_) set(phase, now);
    }
    // `is_over`: nothing waits to be sent or acknowledged.
    void stop(Phase phase, bool is_over, Instant now) {
        if (is_over) {
            if (phase_ != Phase::Idle) set(Phase::Idle, now);
        } else if (phase == phase_) {
            set(Phase::Busy, now);
        }
    }
    // In that phase alone, until now.
    Duration in(Phase phase, Instant now) const {
        const std::uint32_t running = phase == phase_ ? ticks(now) - since_ : 0;
        return Duration::from_ns((std::int64_t{spent_[index(phase)]} + running) << kShift);
    }
    // In any of them.
    Duration busy(Instant now) const {
        return in(Phase::Busy, now) + in(Phase::PeersWindow, now) + in(Phase::SendBuffer, now);
    }

    bool is_limited() const { return phase_ > Phase::Busy; }

private:
    static constexpr std::size_t index(Phase phase) { return static_cast<std::size_t>(phase) - 1; }
    // In steps of 1.05 ms, as Linux has its jiffies; no phase lasts longer than there are numbers for.
    static constexpr unsigned kShift = 20;
    static constexpr std::uint32_t ticks(Instant t) {
        return static_cast<std::uint32_t>(t.ns() >> kShift);
    }
    void set(Phase phase, Instant now) {
        const std::uint32_t at = ticks(now);
        if (phase_ != Phase::Idle) spent_[index(phase_)] += at - since_;
        since_ = at;
        phase_ = phase;
    }

    std::uint32_t since_ = 0;
    std::array<std::uint32_t, 3> spent_{};
    Phase phase_ = Phase::Idle;
};

}  // namespace fairlead::tcp
