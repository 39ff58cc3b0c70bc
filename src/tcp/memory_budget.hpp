// tcp/memory_budget.hpp — what all connections of a stack may hold together (tcp_mem).
//
// Owns:   MemoryBudget: the sum of what they are charged for, and what follows from its size.
// Knows:  Linux's sk_mem_raise_allocated: above the second number is pressure, until the first is
//         met again; above the third, nothing more but each connection's least.
// Not here: what a connection does about it (receiver, connection_output).
#pragma once

#include <cstdint>

#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "fairlead/time.hpp"

namespace fairlead::tcp {

class MemoryBudget {
public:
    void change(std::int64_t bytes, const Config& config, Counters& counters, Instant now) {
        allocated_ += bytes;
        const std::int64_t pages = (allocated_ + kPage - 1) / kPage;
        if (is_calm_ && pages < config.tcp_mem[0]) return;
        judge(pages, config, counters, now);
    }

    std::int64_t allocated() const { return allocated_; }
    // No buffer grows, and windows are kept to a few segments.
    bool is_under_pressure() const { return is_under_pressure_; }
    // Buffers may grow: not even the first number is reached.
    bool may_grow() const { return may_grow_; }
    // Only who holds less than the least of its buffer may take more.
    bool is_exhausted() const { return is_exhausted_; }

private:
    static constexpr std::int64_t kPage = 4096;

    void judge(std::int64_t pages, const Config& config, Counters& counters, Instant now) {
        may_grow_ = pages < config.tcp_mem[0];
        is_exhausted_ = pages > config.tcp_mem[2];
        if (pages > config.tcp_mem[1] && !is_under_pressure_) {
            is_under_pressure_ = true;
            since_ = now;
            counters.add(Counter::TcpExtTCPMemoryPressures);
        } else if (may_grow_ && is_under_pressure_) {
            is_under_pressure_ = false;
            counters.add(Counter::TcpExtTCPMemoryPressuresChrono,
                         static_cast<std::uint64_t>((now - since_).ns() / 1'000'000));
        }
        is_calm_ = may_grow_ && !is_exhausted_ && !is_under_pressure_;
    }

    std::int64_t allocated_ = 0;
    Instant since_{};
    bool is_under_pressure_ = false;
    bool is_calm_ = true;  // nothing of what follows is to be looked at
    bool may_grow_ = true;
    bool is_exhausted_ = false;
};

}  // namespace fairlead::tcp
