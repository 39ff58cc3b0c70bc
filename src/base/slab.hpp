// slab.hpp — many objects of one kind, each with a small number, none of them moving.
//
// Owns:      Slab<T>: memory in blocks, a free list, number <-> object; SlabNumber, by which an object
//            knows its number: each T has one, called slab_number.
// Why:       a connection is named by 32 bits in hash tables and lists, and allocating one asks
//            nothing of the heap unless a whole block is needed. Nothing lies between the objects:
//            the number is in the object, where there is often room, and who lives is a bit map.
// Not here:  generations (socket ids have their own), thread safety.
#pragma once

#include <algorithm>
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

class SlabNumber {
    template <typename T>
    friend class Slab;
    std::uint32_t value_ = 0;
};

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
        if (free_ == nullptr && !grow()) return nullptr;
        const Free place = *free_;
        T* object = ::new (static_cast<void*>(free_)) T(std::forward<Args>(args)...);
        free_ = place.next;
        object->slab_number.value_ = place.number;
        live_[place.number / kBits] |= bit(place.number);
        ++size_;
        return object;
    }

    void destroy(T* object) {
        const std::uint32_t number = index_of(object);
        std::destroy_at(object);
        live_[number / kBits] &= ~bit(number);
        give(object, number);
        --size_;
    }

    T* at(std::uint32_t index) { return std::launder(reinterpret_cast<T*>(memory_of(index))); }
    const T* at(std::uint32_t index) const { return const_cast<Slab*>(this)->at(index); }
    // For looking at all of them: indices below capacity() that are live.
    std::uint32_t capacity() const {
        return static_cast<std::uint32_t>(blocks_.size() * kPerBlock);
    }
    bool is_live(std::uint32_t index) const { return (live_[index / kBits] & bit(index)) != 0; }
    std::uint32_t index_of(const T* object) const { return object->slab_number.value_; }
    std::size_t size() const { return size_; }

private:
    // What lies where there is no object.
    struct Free {
        Free* next = nullptr;
        std::uint32_t number = 0;
    };
    static_assert(sizeof(T) >= sizeof(Free) && alignof(T) >= alignof(Free));
    static constexpr std::size_t kBits = 64;
    static constexpr std::size_t kPerBlock =
        sizeof(T) >= 65536 ? 1 : std::bit_floor(std::size_t{65536} / sizeof(T));
    // An object that fills whole cache lines begins with one.
    static constexpr std::size_t kAlignment =
        sizeof(T) % kCacheLine == 0 ? std::max(kCacheLine, alignof(T)) : alignof(T);
    struct alignas(kAlignment) Block {
        std::byte bytes[kPerBlock * sizeof(T)];
    };

    static std::uint64_t bit(std::uint32_t index) { return std::uint64_t{1} << index % kBits; }
    std::byte* memory_of(std::uint32_t index) {
        return blocks_[index / kPerBlock]->bytes + index % kPerBlock * sizeof(T);
    }
    void give(void* memory, std::uint32_t number) {
        free_ = ::new (memory) Free{.next = free_, .number = number};
    }

    bool grow() {
        if (blocks_.size() * kPerBlock >= most_) return false;
        void* memory =
            ::operator new(sizeof(Block), std::align_val_t{alignof(Block)}, std::nothrow);
        if (memory == nullptr) return false;
        const std::uint32_t base = capacity();
        blocks_.push_back(static_cast<Block*>(memory));
        live_.resize((capacity() + kBits - 1) / kBits);
        for (std::uint32_t i = capacity(); i-- > base;) give(memory_of(i), i);
        return true;
    }

    std::size_t most_;
    std::size_t size_ = 0;
    Free* free_ = nullptr;
    std::vector<Block*> blocks_;
    std::vector<std::uint64_t> live_;
};

}  // namespace fairlead
