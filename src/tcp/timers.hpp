// tcp/timers.hpp — the alarms of one connection, one line each.
//
// The stack's wheel holds one entry a connection, filed at next(); Connection::on_timer()
// takes what is due. Nothing here calls anything.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "fairlead/time.hpp"

namespace fairlead::tcp {

enum class Timer : std::uint8_t {
    Retransmit,  // RFC 6298: the oldest byte in flight is overdue; SYN and FIN too
    DelayedAck,  // RFC 9293 §3.8.6.3
    Persist,     // RFC 9293 §3.8.6.1: nothing is in flight and what waits may not go
    KeepAlive,   // RFC 9293 §3.8.4
};
inline constexpr std::size_t kTimerCount = 4;
static_assert(std::to_underlying(Timer::KeepAlive) + 1 == kTimerCount);

class TimerTable {
public:
    constexpr TimerTable() { due_.fill(Instant::never()); }

    constexpr void arm(Timer t, Instant at) { due_[index(t)] = at; }
    constexpr void cancel(Timer t) { due_[index(t)] = Instant::never(); }
    constexpr bool is_armed(Timer t) const { return due_[index(t)] != Instant::never(); }
    constexpr Instant due(Timer t) const { return due_[index(t)]; }
    constexpr Instant next() const {
        Instant first = due_[0];
        for (std::size_t i = 1; i < kTimerCount; ++i) first = std::min(first, due_[i]);
        return first;
    }
    constexpr void cancel_all() { due_.fill(Instant::never()); }

    // True once: the alarm is cancelled as it is taken.
    constexpr bool take(Timer t, Instant now) {
        if (due_[index(t)] > now) return false;
        cancel(t);
        return true;
    }

private:
    static constexpr std::size_t index(Timer t) { return std::to_underlying(t); }
    std::array<Instant, kTimerCount> due_{};
};

}  // namespace fairlead::tcp
