// slab.hpp — many objects of one kind, each with a small number, none of them moving.
//
// Owns:      Slab<T>: memory in blocks, a free list, index <-> object.
// Why:       a connection is named by 32 bits in hash tables and lists, and allocating one asks
//            nothing of the heap unless a whole block is needed.
// Not here:  generations (socket ids have their own), thread safety.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/prefetch.hpp"

namespace fairlead {

template <typename T>
class Slab {
public:
    static constexpr std::uint32_t kNone = UINT32_MAX;

    explicit Slab(std::size_t most = kNone) : most_{most} {}
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    ~Slab() {
        FAIRLEAD_ASSERT(size_ == 0);
        for (Block* block : blocks_) ::operator delete(block, std::align_val_t{alignof(Block)});
    }

    // Null when the limit is reached or the heap has no more.
    template <typename... Args>
    T* make(Args&&... args) {
        if (free_ == kNone && !grow()) return nullptr;
        Cell& cell = this->cell(free_);
        free_ = cell.next_free;
        T* object = ::new (static_cast<void*>(cell.bytes)) T(std::forward<Args>(args)...);
        cell.next_free = kLive;
        ++size_;
        return object;
    }

    void destroy(T* object) {
        Cell& cell = cell_of(object);
        std::destroy_at(object);
        cell.next_free = free_;
        free_ = cell.index;
        --size_;
    }

    T* at(std::uint32_t index) { return std::launder(reinterpret_cast<T*>(cell(index).bytes)); }
    const T* at(std::uint32_t index) const { return const_cast<Slab*>(this)->at(index); }
    // For looking at all of them: indices below capacity() that are live.
    std::uint32_t capacity() const {
        return static_cast<std::uint32_t>(blocks_.size() * kPerBlock);
    }
    bool is_live(std::uint32_t index) const {
        return const_cast<Slab*>(this)->cell(index).next_free == kLive;
    }
    std::uint32_t index_of(const T* object) const { return cell_of(const_cast<T*>(object)).index; }
    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kLive = UINT32_MAX - 1;
    struct Cell {
        alignas(T) std::byte bytes[sizeof(T)];
        std::uint32_t index;
        std::uint32_t next_free;  // kLive while there is an object
    };
    static constexpr std::size_t kPerBlock =
        sizeof(Cell) >= 65536 ? 1 : std::bit_floor(std::size_t{65536} / sizeof(Cell));
    // A cell that fills whole cache lines begins with one.
    struct alignas(sizeof(Cell) % kCacheLine == 0 ? kCacheLine : alignof(Cell)) Block {
        Cell cells[kPerBlock];
    };

    Cell& cell(std::uint32_t index) { return blocks_[index / kPerBlock]->cells[index % kPerBlock]; }
    static Cell& cell_of(T* object) { return *reinterpret_cast<Cell*>(object); }

    bool grow() {
        if (blocks_.size() * kPerBlock >= most_) return false;
        void* memory =
            ::operator new(sizeof(Block), std::align_val_t{alignof(Block)}, std::nothrow);
        if (memory == nullptr) return false;
        auto* block = static_cast<Block*>(memory);
        const auto base = static_cast<std::uint32_t>(blocks_.size() * kPerBlock);
        blocks_.push_back(block);
        for (std::size_t i = kPerBlock; i-- > 0;) {
            block->cells[i].index = base + static_cast<std::uint32_t>(i);
            block->cells[i].next_free = free_;
            free_ = block->cells[i].index;
        }
        return true;
    }

    std::size_t most_;
    std::size_t size_ = 0;
    std::uint32_t free_ = kNone;
    std::vector<Block*> blocks_;
};

}  // namespace fairlead
