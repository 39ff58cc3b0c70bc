// unit/tcp/stream.hpp — a stream whose byte at a position can be told from its neighbours, and the
// rooms that hold parts of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/prng.hpp"
#include "fairlead/packet.hpp"
#include "tcp/backroom.hpp"
#include "tcp/scoreboard.hpp"
#include "tcp/send_buffer.hpp"

namespace fairlead::tcp {

constexpr std::byte byte_at(std::int64_t position) {
    const auto u = static_cast<std::uint64_t>(position);
    return static_cast<std::byte>(u * 7 + (u >> 8) * 13 + (u >> 32));
}

inline std::vector<std::byte> bytes_of(Range range) {
    std::vector<std::byte> out;
    for (std::int64_t p = range.begin.value(); p < range.end.value(); ++p) {
        out.push_back(byte_at(p));
    }
    return out;
}

constexpr Position at(std::int64_t value) { return Position{value}; }
constexpr Range range(std::int64_t begin, std::int64_t end) { return {at(begin), at(end)}; }
constexpr Instant ms(std::int64_t value) { return Instant::from_ns(value * 1'000'000); }

inline std::vector<std::byte> content(const Packet& packet) {
    std::vector<std::byte> out(packet.size());
    packet.copy_to(0, out);
    return out;
}

inline std::vector<std::byte> content(const Chunk& chunk) {
    std::vector<std::byte> out;
    for (std::size_t i = 0; i < chunk.slice_count; ++i) {
        const Bytes piece = chunk.slices[i].bytes();
        out.insert(out.end(), piece.begin(), piece.end());
    }
    return out;
}

// A send buffer and what it takes from; writes the stream above.
struct Written {
    Written() { buffer.start_at(at(1)); }
    ~Written() { buffer.clear(memory); }

    std::int64_t write(std::int64_t n, std::int64_t goal, std::uint16_t mss) {
        return buffer.write(bytes_of({buffer.end(), buffer.end() + n}), goal, mss, memory);
    }
    // As the sender does when a chunk leaves.
    Chunk& send_next(Scoreboard& board, std::uint16_t mss, Instant now) {
        Chunk& c = *buffer.first_unsent();
        c.count_segments(mss);
        board.on_sent(c, now);
        buffer.set_first_unsent(c.next);
        return c;
    }
    std::vector<Range> ranges() const {
        std::vector<Range> out;
        for (const Chunk* c = buffer.chunks().first(); c != nullptr; c = c->next) {
            out.push_back(c->range());
        }
        return out;
    }

    PacketPool pool;
    Slab<Chunk> chunks;
    WriteArena arena{pool};
    Slab<Backroom> backrooms;
    SendMemory memory{chunks, arena, backrooms};
    SendBuffer buffer;
};

}  // namespace fairlead::tcp
