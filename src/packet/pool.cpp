#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "base/assert.hpp"
#include "fairlead/packet.hpp"

namespace fairlead {
namespace {

constexpr std::size_t kPacketsPerSlab = 64;
constexpr std::size_t kBytesPerSlab = 256 * 1024;
constexpr std::align_val_t kLine{64};

}  // namespace

// What the pool asked of the heap, to give back at its end.
struct PacketPool::State {
    struct BufferSlab {
        Buffer* buffers;
        std::byte* memory;
        std::size_t count;
    };
    std::vector<Packet*> packet_slabs;
    std::vector<BufferSlab> buffer_slabs;
};

PacketPool::PacketPool(Limits limits)
    : limits_{limits},
      small_{nullptr, kSmallBytes, this},
      large_{nullptr, kLargeBytes, this},
      state_{std::make_unique<State>()} {}

PacketPool::~PacketPool() {
    FAIRLEAD_ASSERT(usage_.packets == 0 && usage_.buffer_bytes == 0);
    for (Packet* slab : state_->packet_slabs) {
        std::destroy_n(slab, kPacketsPerSlab);
        ::operator delete(slab, std::align_val_t{alignof(Packet)});
    }
    for (const State::BufferSlab& slab : state_->buffer_slabs) {
        std::destroy_n(slab.buffers, slab.count);
        ::operator delete(slab.buffers);
        ::operator delete(slab.memory, kLine);
    }
}

bool PacketPool::grow_packets() {
    void* memory = ::operator new(sizeof(Packet) * kPacketsPerSlab,
                                  std::align_val_t{alignof(Packet)}, std::nothrow);
    if (memory == nullptr) return false;
    auto* packets = static_cast<Packet*>(memory);
    state_->packet_slabs.push_back(packets);
    ++usage_.slabs;
    for (std::size_t i = kPacketsPerSlab; i-- > 0;) {
        Packet* p = ::new (static_cast<void*>(packets + i)) Packet;
        p->pool_ = this;
        p->next = free_packets_;
        free_packets_ = p;
    }
    return true;
}

bool PacketPool::grow(Arena& arena) {
    const std::size_t count = kBytesPerSlab / arena.bytes;
    void* memory = ::operator new(kBytesPerSlab, kLine, std::nothrow);
    void* heads = ::operator new(sizeof(Buffer) * count, std::nothrow);
    if (memory == nullptr || heads == nullptr) {
        ::operator delete(memory, kLine);
        ::operator delete(heads);
        return false;
    }
    auto* bytes = static_cast<std::byte*>(memory);
    auto* buffers = static_cast<Buffer*>(heads);
    state_->buffer_slabs.push_back({buffers, bytes, count});
    ++usage_.slabs;
    for (std::size_t i = count; i-- > 0;) {
        Buffer* b = ::new (static_cast<void*>(buffers + i))
            Buffer{bytes + i * arena.bytes, arena.bytes, &release_buffer, &arena};
        b->next_free_ = arena.free;
        arena.free = b;
    }
    return true;
}

PacketPtr PacketPool::more_packets() {
    if (usage_.packets >= limits_.packets || !grow_packets()) {
        ++usage_.refused;
        return nullptr;
    }
    return packet();
}

Slice PacketPool::take(Arena& arena) {
    if (usage_.buffer_bytes + arena.bytes > limits_.buffer_bytes ||
        (arena.free == nullptr && !grow(arena))) {
        ++usage_.refused;
        return {};
    }
    Buffer* b = arena.free;
    arena.free = b->next_free_;
    usage_.buffer_bytes += arena.bytes;
    return Slice{*b, 0, arena.bytes};
}

void PacketPool::release_buffer(Buffer& buffer) noexcept {
    auto* arena = static_cast<Arena*>(buffer.owner());
    buffer.next_free_ = arena->free;
    arena->free = &buffer;
    arena->pool->usage_.buffer_bytes -= arena->bytes;
}

Slice PacketPool::small_buffer() { return take(small_); }
Slice PacketPool::large_buffer() { return take(large_); }

PacketPtr PacketPool::copy(Bytes content) {
    PacketPtr p = packet();
    while (p != nullptr && !content.empty()) {
        Slice s = content.size() <= kSmallBytes ? small_buffer() : large_buffer();
        if (s.empty()) return nullptr;
        const std::size_t n = std::min<std::size_t>(content.size(), s.size());
        std::memcpy(s.mutable_bytes().data(), content.data(), n);
        s.trim_back(static_cast<std::uint32_t>(s.size() - n));
        if (!p->append(std::move(s))) return nullptr;
        content = content.subspan(n);
    }
    return p;
}

PacketPtr PacketPool::clone(const Packet& from) {
    PacketPtr p = packet();
    if (p == nullptr) return nullptr;
    p->meta = from.meta;
    p->position_ = from.position_;
    p->network_ = from.network_;
    p->transport_ = from.transport_;
    p->head_begin_ = from.head_begin_;
    p->head_end_ = from.head_end_;
    std::memcpy(p->room_.data() + p->head_begin_, from.room_.data() + from.head_begin_,
                from.head_size());
    for (const Slice& s : from.slices()) p->slices_[p->end_++] = s;
    p->size_ = from.size_;
    return p;
}

}  // namespace fairlead
