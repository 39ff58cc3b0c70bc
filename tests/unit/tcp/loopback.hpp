// unit/tcp/loopback.hpp — one stack that talks to itself over lo, at exact times.
#pragma once

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "fairlead/stack.hpp"

namespace fairlead {

class Loopback : public testing::Test {
protected:
    explicit Loopback(const StackOptions& options = {.seed = {1, 2, 3}}) : stack{options} {}

    void run(Duration for_how_long) {
        const Instant end = now + for_how_long;
        for (int i = 0; i < 100'000; ++i) {
            if (stack.poll(now).is_busy) continue;
            const Instant next = stack.next_deadline();
            if (next > end) {
                now = end;
                stack.advance(now);
                return;
            }
            now = std::max(now, next);
        }
        FAIL() << "the stack does not come to rest";
    }
    SocketId listen_on(const Endpoint& at) {
        const SocketId s = *stack.socket(at.address.family(), SocketType::Stream);
        EXPECT_TRUE(stack.bind(s, at));
        EXPECT_TRUE(stack.listen(s, 10));
        return s;
    }
    struct Pair {
        SocketId client{};
        SocketId server{};
    };
    Pair connect_to(SocketId listener, const Endpoint& at) {
        const SocketId c = *stack.socket(at.address.family(), SocketType::Stream);
        EXPECT_EQ(stack.connect(c, at).error(), Errc::InProgress);
        run(100_ms);
        EXPECT_EQ(stack.option(c, Option::Error), 0);
        const auto s = stack.accept(listener);
        EXPECT_TRUE(s) << name_of(s.error());
        return {c, s.value_or(SocketId{})};
    }

    Stack stack;
    Instant now = Instant::from_ns(1'000'000'000);
};

}  // namespace fairlead
