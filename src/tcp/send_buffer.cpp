#include "tcp/send_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace fairlead::tcp {

Slice WriteArena::put(Bytes bytes) {
    if (rest_.empty()) rest_ = pool_.large_buffer();
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), rest_.size()));
    if (n == 0) return {};
    Slice out = rest_.part(0, n);
    std::memcpy(out.mutable_bytes().data(), bytes.data(), n);
    rest_.trim_front(n);
    if (rest_.empty()) rest_ = Slice{};
    return out;
}

Chunk* SendBuffer::make(SendMemory& memory) {
    Chunk* c = memory.chunks.make();
    if (c != nullptr) ++chunk_count_;
    return c;
}

std::int64_t SendBuffer::write(Bytes bytes, std::int64_t goal, std::uint16_t mss,
                               SendMemory& memory, std::int64_t limit) {
    std::int64_t taken = 0;
    while (!bytes.empty()) {
        Chunk* c = chunks_.last();
        if (!may_fill(goal)) {
            if (charged() >= limit) return taken;
            c = make(memory);
            if (c == nullptr) return taken;
            c->begin = c->end = end_;
            chunks_.push_back(*c);
            if (unsent_ == nullptr) unsent_ = c;
        }
        const auto room = static_cast<std::size_t>(goal - c->payload());
        Slice slice = memory.arena.put(bytes.first(std::min(room, bytes.size())));
        const std::uint32_t n = slice.size();
        if (n == 0 || !c->append(slice)) {
            if (c->length() == 0) remove(*c, memory);
            return taken;
        }
        c->count_segments(mss);
        end_ = end_ + n;
        bytes_ += static_cast<std::int32_t>(n);
        taken += n;
        bytes = bytes.subspan(n);
    }
    return taken;
}

bool SendBuffer::append_syn(Position at, SendMemory& memory) {
    Chunk* c = make(memory);
    if (c == nullptr) return false;
    c->begin = at;
    c->end = end_ = at + 1;
    c->syn = true;
    chunks_.push_back(*c);
    unsent_ = c;
    return true;
}

bool SendBuffer::append_fin(SendMemory& memory) {
    Chunk* c = unsent_ == nullptr ? nullptr : chunks_.last();
    if (c == nullptr) {
        c = make(memory);
        if (c == nullptr) return false;
        c->begin = c->end = end_;
        chunks_.push_back(*c);
        unsent_ = c;
    }
    c->fin = true;
    c->end = c->end + 1;
    end_ = end_ + 1;
    return true;
}

Chunk* SendBuffer::split(Chunk& c, std::int64_t at, SendMemory& memory) {
    Chunk* rest = make(memory);
    if (rest == nullptr) return nullptr;
    c.split(at, *rest);
    chunks_.insert_after(&c, *rest);
    return rest;
}

void SendBuffer::join(Chunk& c, Chunk& neighbour, SendMemory& memory) {
    FAIRLEAD_ASSERT(c.next == &neighbour && c.end == neighbour.begin && !c.fin && !neighbour.syn);
    for (std::size_t i = 0; i < neighbour.slice_count; ++i) {
        const bool has_room = c.append(neighbour.slices[i]);
        FAIRLEAD_ASSERT(has_room);
    }
    c.end = neighbour.end;
    c.fin = neighbour.fin;
    c.psh = c.psh || neighbour.psh;
    c.end_of_record = neighbour.end_of_record;
    c.was_retransmitted = c.was_retransmitted || neighbour.was_retransmitted;
    remove(neighbour, memory);
}

void SendBuffer::grow(Chunk& c, std::int64_t n, SendMemory& memory) {
    Chunk* next = c.next;
    if (next == nullptr || c.end_of_record || c.syn || c.fin || next->syn) return;
    n = std::min(n, next->payload());
    if (n <= 0 || c.slice_count + std::size_t{next->slice_count} > Chunk::kMaxSlices) return;
    if (n == next->payload()) return join(c, *next, memory);
    Chunk* rest = split(*next, n, memory);
    if (rest == nullptr) return;
    join(c, *next, memory);
}

void SendBuffer::remove(Chunk& c, SendMemory& memory) {
    if (unsent_ == &c) unsent_ = c.next;
    chunks_.remove(c);
    memory.chunks.destroy(&c);
    --chunk_count_;
}

void SendBuffer::clear(SendMemory& memory) {
    while (!chunks_.empty()) remove(*chunks_.last(), memory);
    unsent_ = nullptr;
    bytes_ = 0;
}

}  // namespace fairlead::tcp
