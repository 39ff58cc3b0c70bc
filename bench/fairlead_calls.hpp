// fairlead_calls.hpp — our stack as the bench calls it: what fails ends the row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "bench/machine.hpp"
#include "fairlead/stack.hpp"

namespace fairlead::bench {

template <typename T>
T must(Result<T> result, const char* call) {
    if (!result) {
        throw std::runtime_error{fmt::format("{}: {}", call, message_of(result.error()))};
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Of a send or a receive that may move nothing now.
inline std::size_t moved(const Result<std::size_t>& result, const char* call) {
    if (!result && result.error() == Errc::WouldBlock) return 0;
    return must(result, call);
}

inline Instant clock_now() { return Instant::from_ns(static_cast<std::int64_t>(now_ns())); }

// A stack for many connections, set as a busy server sets it; the kernel's peers are set the same.
inline StackOptions stack_options(std::uint8_t seed, PacketPool* pool = nullptr) {
    StackOptions options{.pool = pool};
    options.seed.fill(seed);
    options.config.tcp_max_tw_buckets = 1'000'000;
    options.config.somaxconn = 1'000'000;
    options.config.tcp_max_syn_backlog = 1'000'000;
    options.config.tcp_syncookies = 0;
    return options;
}

inline void begin_connect(Stack& stack, SocketId socket, const Endpoint& to) {
    const auto begun = stack.connect(socket, to);
    if (!begun && begun.error() != Errc::InProgress) must(begun, "connect");
}

}  // namespace fairlead::bench
