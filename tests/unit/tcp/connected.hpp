// unit/tcp/connected.hpp — a sender past its handshake, and what a peer would see of it.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tcp/sender.hpp"
#include "unit/tcp/stream.hpp"

namespace fairlead::tcp {

inline constexpr std::uint16_t kMss = 1000;
inline constexpr RtoLimits kLimits{};
using Phase = CongestionState;

// The first byte is 1.
struct Connected {
    explicit Connected(std::int64_t window = 1'000'000) {
        sender.start_accepted(window);
        sender.set_mss(kMss);
        sender.set_uses_sack(true);
        peer_window = window;
        ack(1);  // the third segment of the handshake
    }
    ~Connected() { sender.clear(memory); }

    void write(std::int64_t n) {
        const Position end = sender.written();
        ASSERT_EQ(sender.write(bytes_of({end, end + n}), memory), n);
        sender.mark_push();
    }
    // Sends what may leave; what left, as "begin-end" with r for a retransmission and F for a FIN.
    std::string flush(const PushRules& rules = {}) {
        std::string out;
        for (int i = 0; i < 1000; ++i) {
            const Sender::Plan plan = sender.next_segment(rules, memory);
            if (plan.chunk == nullptr) return out;
            const Chunk& c = *plan.chunk;
            EXPECT_LE(c.mss == 0 ? 0 : c.mss, kMss);
            EXPECT_EQ(content(c), bytes_of({c.begin, c.begin + c.payload()}));
            if (!out.empty()) out += ' ';
            out += std::to_string(c.begin.value()) + '-' +
                   std::to_string((c.begin + c.payload()).value());
            if (c.fin) out += 'F';
            if (plan.is_retransmission) {
                out += 'r';
                retransmitted += c.segments;
            }
            sender.on_sent(plan, now);
        }
        ADD_FAILURE() << "it sends for ever";
        return out;
    }
    Sender::AckOutcome ack(std::int64_t position, std::initializer_list<Range> sacks = {},
                           std::optional<Duration> echo = {}) {
        ToSender a{.ack = at(position), .window = peer_window};
        for (const Range& r : sacks) a.sack_blocks[a.sack_count++] = r;
        return sender.on_ack(a, at(1), 0, context(echo));
    }
    SendContext context(std::optional<Duration> echo = {}) {
        return {.now = now,
                .config = config,
                .counters = counters,
                .memory = memory,
                .echo = echo,
                .retransmitted = retransmitted,
                .timeouts = timeouts};
    }
    // The alarm: what goes again.
    std::string time_out() {
        sender.on_timeout(context());
        ++timeouts;
        Chunk* c = sender.first_out({}, memory);
        if (c == nullptr) return "";
        const std::string what =
            std::to_string(c->begin.value()) + '-' + std::to_string(c->end.value());
        retransmitted += c->segments;
        sender.on_sent({c, true}, now);
        return what;
    }
    std::int32_t window() const { return sender.congestion().segments; }
    std::uint64_t count(Counter c) const { return counters[c]; }

    PacketPool pool;
    Slab<Chunk> chunks;
    WriteArena arena{pool};
    Slab<Backroom> backrooms;
    SendMemory memory{chunks, arena, backrooms};
    Config config;
    Counters counters;
    std::uint32_t retransmitted = 0;
    std::uint8_t timeouts = 0;
    Sender sender;
    std::int64_t peer_window = 0;
    Instant now = ms(1000);
};
}  // namespace fairlead::tcp
