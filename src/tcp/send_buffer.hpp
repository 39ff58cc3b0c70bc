// tcp/send_buffer.hpp — what the application wrote and the peer has not acknowledged.
//
// Owns:      the chunks: sent ones, then those still to send; how many bytes they hold.
// Memory:    bytes are copied once, into large buffers that the connections of a stack share
//            (WriteArena); chunks come from the stack's slab.
// Not here:  windows, loss, the decision to send.
#pragma once

#include <cstdint>

#include "base/slab.hpp"
#include "fairlead/bytes.hpp"
#include "tcp/chunk.hpp"

namespace fairlead::tcp {

// Where written bytes go: the tail of one large buffer after the other.
class WriteArena {
public:
    explicit WriteArena(PacketPool& pool) : pool_{pool} {}
    // Copies up to bytes.size() and returns the slice; empty: no memory.
    Slice put(Bytes bytes);

private:
    PacketPool& pool_;
    Slice rest_{};
};

struct Backroom;

// What the send side takes from.
struct SendMemory {
    Slab<Chunk>& chunks;
    WriteArena& arena;
    Slab<Backroom>& backrooms;
};

class SendBuffer {
public:
    SendBuffer() = default;
    SendBuffer(const SendBuffer&) = delete;
    SendBuffer& operator=(const SendBuffer&) = delete;

    // Copies as much of `bytes` as memory has; fills the last unsent chunk up to `goal` first.
    // `mss` counts the segments. No chunk is begun where `limit` is charged already.
    std::int64_t write(Bytes bytes, std::int64_t goal, std::uint16_t mss, SendMemory& memory,
                       std::int64_t limit = INT64_MAX);
    // How much a write may put where the last one ended, or into a chunk of its own.
    std::int64_t room_of_chunk(std::int64_t goal) const {
        return may_fill(goal) ? goal - chunks_.last()->payload() : goal;
    }
    // Another write goes on where the last one ended, and will say itself where it is to be pushed.
    void begin_write(std::int64_t goal) {
        if (may_fill(goal)) chunks_.last()->psh = false;
    }
    // Moves up to n bytes from the front of its neighbour to a chunk's end (tcp_grow_skb).
    void grow(Chunk& c, std::int64_t n, SendMemory& memory);
    // A chunk of one sequence number: SYN, or FIN where the last chunk was sent. False: no memory.
    bool append_syn(Position at, SendMemory& memory);
    bool append_fin(SendMemory& memory);

    ChunkList& chunks() { return chunks_; }
    const ChunkList& chunks() const { return chunks_; }
    Chunk* first_unsent() const { return unsent_; }
    void set_first_unsent(Chunk* c) { unsent_ = c; }
    void start_at(Position p) { end_ = p; }
    Position end() const { return end_; }  // where the next byte will be written

    // Cuts the chunk `at` bytes in and returns the second part, its neighbour; null: no memory.
    Chunk* split(Chunk& c, std::int64_t at, SendMemory& memory);
    // Appends its neighbour to a chunk, which has room for its slices.
    void join(Chunk& c, Chunk& neighbour, SendMemory& memory);
    void remove(Chunk& c, SendMemory& memory);
    void clear(SendMemory& memory);

    // What counts against SO_SNDBUF: bytes, and something for each chunk.
    std::int64_t charged() const { return bytes_ + kChunkCharge * chunk_count_; }
    std::int64_t bytes() const { return bytes_; }
    void release(std::int64_t bytes) { bytes_ -= static_cast<std::int32_t>(bytes); }

    static constexpr std::int64_t kChunkCharge = 832;  // as Linux 6.18 for the head of each packet

private:
    bool may_fill(std::int64_t goal) const {
        const Chunk* c = chunks_.last();
        return c != nullptr && unsent_ != nullptr && !c->end_of_record && !c->fin && !c->syn &&
               c->payload() < goal && c->slice_count < Chunk::kMaxSlices;
    }
    Chunk* make(SendMemory& memory);

    ChunkList chunks_;
    Chunk* unsent_ = nullptr;
    Position end_{};
    std::int32_t bytes_ = 0;  // below SO_SNDBUF and a write, so below 2^31
    std::int32_t chunk_count_ = 0;
};

}  // namespace fairlead::tcp
