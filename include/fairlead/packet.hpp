// fairlead/packet.hpp — what travels between a device and a socket.
//
//      head (in the packet's own room)        slices (counted ranges of buffers)
//   [ ....headroom.... | eth ip tcp ]   [ payload ][ payload ][ payload ] ...
//                      ^ front                                          ^ back
//
// Owns:   Buffer, Slice, Packet, PacketPtr, PacketQueue, PacketPool.
// Rules:  A packet may be larger than the MTU: with `gso` set it stands for several segments that
//         share one header. A frame from a device may have an empty head and lie wholly in its
//         first slice; front() hides the difference. Counts are plain integers: a pool and all that
//         came from it stay on one thread. A pool outlives what came from it.
// Not here: what the bytes mean (wire/).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "fairlead/address.hpp"
#include "fairlead/bytes.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

// Memory somebody lends: a pool, the application, a device's ring, a mapped file. When the last
// slice lets go, release(buffer) is called once.
class Buffer {
public:
    using Release = void (*)(Buffer&) noexcept;

    Buffer(std::byte* data, std::uint32_t capacity, Release release, void* owner)
        : data_{data}, capacity_{capacity}, release_{release}, owner_{owner} {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    std::byte* data() const { return data_; }
    std::uint32_t capacity() const { return capacity_; }
    std::uint32_t references() const { return references_; }
    void* owner() const { return owner_; }

private:
    friend class Slice;
    friend class PacketPool;

    std::byte* data_;
    std::uint32_t capacity_;
    std::uint32_t references_ = 0;
    Release release_;
    void* owner_;
    Buffer* next_free_ = nullptr;
};

// A counted range of one buffer. Copying a slice copies no byte.
class Slice {
public:
    Slice() = default;
    Slice(Buffer& buffer, std::uint32_t offset, std::uint32_t length)
        : buffer_{&buffer}, offset_{offset}, length_{length} {
        ++buffer.references_;
    }
    Slice(const Slice& other)
        : buffer_{other.buffer_}, offset_{other.offset_}, length_{other.length_} {
        if (buffer_ != nullptr) ++buffer_->references_;
    }
    Slice(Slice&& other) noexcept
        : buffer_{std::exchange(other.buffer_, nullptr)},
          offset_{other.offset_},
          length_{std::exchange(other.length_, 0)} {}
    Slice& operator=(const Slice& other) noexcept {
        if (this == &other) return *this;
        if (other.buffer_ != nullptr) ++other.buffer_->references_;
        drop();
        buffer_ = other.buffer_;
        offset_ = other.offset_;
        length_ = other.length_;
        return *this;
    }
    Slice& operator=(Slice&& other) noexcept {
        if (this == &other) return *this;
        drop();
        buffer_ = std::exchange(other.buffer_, nullptr);
        offset_ = other.offset_;
        length_ = std::exchange(other.length_, 0);
        return *this;
    }
    ~Slice() { drop(); }

    std::uint32_t size() const { return length_; }
    bool empty() const { return length_ == 0; }
    const std::byte* data() const { return buffer_->data_ + offset_; }
    Bytes bytes() const { return empty() ? Bytes{} : Bytes{data(), length_}; }
    // The bytes to write to, for whoever made the buffer and has shown it to nobody yet.
    MutableBytes mutable_bytes() const { return {buffer_->data_ + offset_, length_}; }
    Buffer* buffer() const { return buffer_; }
    std::uint32_t offset() const { return offset_; }

    Slice part(std::uint32_t from, std::uint32_t length) const {
        return Slice{*buffer_, offset_ + from, length};
    }
    void trim_front(std::uint32_t n) { offset_ += n, length_ -= n; }
    void trim_back(std::uint32_t n) { length_ -= n; }
    // True and longer by `next` when it lies right behind us in the same buffer.
    bool join(const Slice& next) {
        if (next.buffer_ != buffer_ || next.offset_ != offset_ + length_) return false;
        length_ += next.length_;
        return true;
    }

private:
    void drop() {
        if (buffer_ != nullptr && --buffer_->references_ == 0) buffer_->release_(*buffer_);
    }

    Buffer* buffer_ = nullptr;
    std::uint32_t offset_ = 0;
    std::uint32_t length_ = 0;
};

enum class ChecksumState : std::uint8_t {
    None,      // in: nobody looked yet; out: complete in the packet
    Verified,  // in: the device, or a trusted sender on this machine, vouches for it
    Partial,   // the pseudo-header sum is in the field; the rest is to be summed from transport on
};

enum class GsoType : std::uint8_t { None, Tcp4, Tcp6, Udp };

struct PacketMeta {
    Instant arrived{};            // when the device had it, not when we came to look
    std::uint32_t flow_hash = 0;  // 0: unknown
    InterfaceIndex interface = 0;
    ChecksumState checksum = ChecksumState::None;
    std::uint8_t checksum_offset = 0;  // Partial: where the field is, from the transport header
    GsoType gso = GsoType::None;
    std::uint16_t gso_size = 0;      // payload bytes of each segment but the last
    std::uint16_t gso_segments = 1;  // how many wire-sized segments this packet stands for
    std::uint16_t vlan = 0;          // 802.1Q tag, 0: none
    std::uint16_t queue = 0;
    bool repeats_cwr = false;  // of a large segment each piece has it, not the first alone
    std::uint64_t cookie = 0;  // the sender's; comes back with a completion
    // On the way out: not before then, where a queue of the device holds it (fq); zero: at once.
    Instant departs{};
};

class PacketPool;
struct PacketReturn;

class Packet {
public:
    static constexpr std::size_t kRoom = 192;
    static constexpr std::size_t kMaxSlices = 18;

    Packet() = default;
    Packet(const Packet&) = delete;
    Packet& operator=(const Packet&) = delete;

    PacketMeta meta{};
    // For whoever queues this packet, and for nobody else.
    Packet* next = nullptr;
    std::int64_t place = 0;
    std::int32_t charge = 0;
    std::int32_t spare = 0;

    std::size_t size() const { return size_; }
    // The first contiguous piece: every header that a device hands in lies within it, or is made
    // to by pull().
    Bytes front() const {
        if (head_begin_ != head_end_) return {room_.data() + head_begin_, head_size()};
        return first_ == end_ ? Bytes{} : slices_[first_].bytes();
    }
    MutableBytes head() { return {room_.data() + head_begin_, head_size()}; }
    Bytes head() const { return {room_.data() + head_begin_, head_size()}; }
    std::span<const Slice> slices() const { return {slices_.data() + first_, slice_count()}; }
    std::size_t slice_count() const { return static_cast<std::size_t>(end_ - first_); }
    bool has_slice_room() const { return end_ < kMaxSlices; }
    // How many slices append() surely takes; more where they touch.
    std::size_t slice_room() const { return kMaxSlices - end_; }

    // Room for a header before what is there; the caller fills it. At most headroom() bytes.
    MutableBytes push_front(std::size_t n) {
        if (n > head_begin_) overrun();
        head_begin_ = static_cast<std::uint16_t>(head_begin_ - n);
        size_ += static_cast<std::uint32_t>(n);
        position_ -= static_cast<std::int32_t>(n);
        return {room_.data() + head_begin_, n};
    }
    std::size_t headroom() const { return head_begin_; }
    // Room for small bytes at the end of the head; only while there are no slices.
    MutableBytes extend_head(std::size_t n);
    void trim_front(std::size_t n) {
        if (n > head_size()) return trim_slices_front(n);
        head_begin_ = static_cast<std::uint16_t>(head_begin_ + n);
        size_ -= static_cast<std::uint32_t>(n);
        position_ += static_cast<std::int32_t>(n);
    }
    void trim_back(std::size_t n) {
        if (n != 0) trim_slices_back(n);
    }
    // Puts the slice at the back; joins it to the last one where they touch. False: no room.
    bool append(Slice slice) {
        if (first_ != end_ || slice.empty()) return append_behind(slice);
        first_ = 0;
        end_ = 1;
        size_ += slice.size();
        slices_[0] = std::move(slice);
        return true;
    }
    // Moves all of `other`'s content to our back. False, and nothing moved, if it does not fit.
    bool append_content(Packet& other);
    // Makes the first n bytes contiguous. False when the packet is shorter or n is over kRoom.
    bool pull(std::size_t n) { return front().size() >= n || gather(n); }
    // Makes the first n bytes lie in head(), where they may be written: a slice's bytes are shared.
    // False when they do not fit there.
    bool own_front(std::size_t n) { return head_size() >= n || copy_front(n); }
    // Copies [offset, offset + to.size()) of the content.
    void copy_to(std::size_t offset, MutableBytes to) const;
    // Calls f(Bytes) for each contiguous piece from `offset` on, in order.
    template <typename F>
    void for_each_piece(std::size_t offset, F&& f) const {
        const auto visit = [&](Bytes piece) {
            if (offset >= piece.size()) {
                offset -= piece.size();
                return;
            }
            f(piece.subspan(offset));
            offset = 0;
        };
        if (head_size() != 0) visit(head());
        for (const Slice& s : slices()) visit(s.bytes());
    }

    // Where a header begins, kept while others are put before it or taken away.
    void mark_network(std::size_t offset) { network_ = position_ + static_cast<int>(offset); }
    void mark_transport(std::size_t offset) { transport_ = position_ + static_cast<int>(offset); }
    std::size_t network_offset() const { return static_cast<std::size_t>(network_ - position_); }
    std::size_t transport_offset() const {
        return static_cast<std::size_t>(transport_ - position_);
    }

private:
    friend class PacketPool;
    friend struct PacketReturn;
    static constexpr std::uint16_t kHeadAt = kRoom - 32;  // where an empty head starts

    std::size_t head_size() const { return static_cast<std::size_t>(head_end_ - head_begin_); }
    void clear() {
        for (std::size_t i = first_; i < end_; ++i) slices_[i] = Slice{};
        first_ = end_ = 0;
        head_begin_ = head_end_ = kHeadAt;
        size_ = 0;
    }
    // Out of line: what seldom happens to a packet.
    void trim_slices_front(std::size_t n);
    void trim_slices_back(std::size_t n);
    bool append_behind(Slice& slice);
    bool gather(std::size_t n);
    bool copy_front(std::size_t n);
    [[noreturn]] static void overrun() noexcept;

    std::uint32_t size_ = 0;
    std::uint16_t head_begin_ = kHeadAt;
    std::uint16_t head_end_ = kHeadAt;
    std::uint8_t first_ = 0;
    std::uint8_t end_ = 0;
    std::int32_t position_ = 0;
    std::int32_t network_ = 0;
    std::int32_t transport_ = 0;
    PacketPool* pool_ = nullptr;
    std::array<Slice, kMaxSlices> slices_{};
    alignas(64) std::array<std::byte, kRoom> room_;
};

struct PacketReturn {
    void operator()(Packet* packet) const noexcept;
};
using PacketPtr = std::unique_ptr<Packet, PacketReturn>;

// First in, first out; owns what it holds; no allocation.
class PacketQueue {
public:
    PacketQueue() = default;
    PacketQueue(PacketQueue&& other) noexcept
        : head_{std::exchange(other.head_, nullptr)},
          tail_{std::exchange(other.tail_, nullptr)},
          size_{std::exchange(other.size_, 0)} {}
    PacketQueue& operator=(PacketQueue&& other) noexcept {
        std::swap(head_, other.head_);
        std::swap(tail_, other.tail_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~PacketQueue() {
        while (pop_front()) {
        }
    }

    bool empty() const { return head_ == nullptr; }
    std::size_t size() const { return size_; }
    Packet* front() const { return head_; }
    Packet* back() const { return tail_; }
    void push_back(PacketPtr packet) {
        Packet* p = packet.release();
        p->next = nullptr;
        (tail_ == nullptr ? head_ : tail_->next) = p;
        tail_ = p;
        ++size_;
    }
    PacketPtr pop_front() {
        Packet* p = head_;
        if (p == nullptr) return nullptr;
        head_ = p->next;
        if (head_ == nullptr) tail_ = nullptr;
        p->next = nullptr;
        --size_;
        return PacketPtr{p};
    }

private:
    Packet* head_ = nullptr;
    Packet* tail_ = nullptr;
    std::size_t size_ = 0;
};

// Packets and buffers, last out first in, in slabs: steady traffic allocates nothing.
class PacketPool {
public:
    static constexpr std::uint32_t kSmallBytes = 2048;
    static constexpr std::uint32_t kLargeBytes = 32768;

    struct Limits {
        std::size_t packets = 1u << 20;
        std::size_t buffer_bytes = std::size_t{1} << 32;
    };
    struct Usage {
        std::size_t packets = 0;       // handed out now
        std::size_t buffer_bytes = 0;  // handed out now
        std::size_t slabs = 0;         // asked of the heap since the start
        std::uint64_t refused = 0;     // requests over the limits
    };

    PacketPool() : PacketPool(Limits{}) {}
    explicit PacketPool(Limits limits);
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;
    ~PacketPool();

    PacketPtr packet() {  // null: over the limit
        if (free_packets_ == nullptr || usage_.packets >= limits_.packets) return more_packets();
        Packet* p = free_packets_;
        free_packets_ = p->next;
        p->next = nullptr;
        ++usage_.packets;
        return PacketPtr{p};
    }
    Slice small_buffer();            // kSmallBytes long; empty: over the limit
    Slice large_buffer();            // kLargeBytes long; empty: over the limit
    PacketPtr copy(Bytes);           // a packet with these bytes in slices; null: over the limit
    PacketPtr clone(const Packet&);  // a packet that shares the slices; null: over the limit
    const Usage& usage() const { return usage_; }

private:
    friend struct PacketReturn;
    struct State;
    struct Arena {
        Buffer* free = nullptr;
        std::uint32_t bytes = 0;
        PacketPool* pool = nullptr;
    };

    void give_back(Packet* packet) noexcept {
        packet->clear();
        packet->meta = PacketMeta{};
        packet->position_ = 0;
        packet->next = free_packets_;
        free_packets_ = packet;
        --usage_.packets;
    }
    PacketPtr more_packets();
    static void release_buffer(Buffer& buffer) noexcept;
    Slice take(Arena& arena);
    bool grow(Arena& arena);
    bool grow_packets();

    Limits limits_;
    Usage usage_;
    Packet* free_packets_ = nullptr;
    Arena small_;
    Arena large_;
    std::unique_ptr<State> state_;
};

inline void PacketReturn::operator()(Packet* packet) const noexcept {
    if (packet->pool_ != nullptr) packet->pool_->give_back(packet);
}

}  // namespace fairlead
