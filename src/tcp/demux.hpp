// tcp/demux.hpp — whose segment is this?
//
// Owns:   one open-addressed table of 8-byte slots for all that has a full name: connections,
//         requests, TIME-WAIT entries; found by the keyed hash of flow.hpp.
// Why:    a slot holds the hash itself, so that a miss costs one cache line and a hit two (the slot
//         and the object's own key). Deletion shifts back; there are no tombstones.
// Not here: listeners (bind_table.hpp). No iteration: order in the table decides nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.hpp"

namespace fairlead::tcp {

enum class Kind : std::uint8_t { None = 0, Connection = 1, Request = 2, TimeWait = 3 };

// What a slot points at: a kind and an index in that kind's slab.
class Ref {
public:
    constexpr Ref() = default;
    constexpr Ref(Kind kind, std::uint32_t index)
        : bits_{static_cast<std::uint32_t>(kind) << 30 | index} {}
    constexpr Kind kind() const { return static_cast<Kind>(bits_ >> 30); }
    constexpr std::uint32_t index() const { return bits_ & 0x3fff'ffffu; }
    constexpr bool operator==(const Ref&) const = default;

private:
    std::uint32_t bits_ = 0;
};

class Demux {
public:
    Demux() : slots_(kSmallest) {}

    // `is_it(Ref)` compares the full name.
    template <typename IsIt>
    Ref find(std::uint32_t hash, IsIt&& is_it) const {
        for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
            const Slot& s = slots_[i];
            if (s.ref == Ref{}) return {};
            if (s.hash == hash && is_it(s.ref)) return s.ref;
        }
    }
    void insert(std::uint32_t hash, Ref ref) {
        if ((size_ + 1) * 2 > slots_.size()) grow();
        place({hash, ref});
        ++size_;
    }
    // The very entry, which is in the table.
    void erase(std::uint32_t hash, Ref ref);
    // Puts another in its place.
    void replace(std::uint32_t hash, Ref from, Ref to) { slots_[at(hash, from)].ref = to; }
    void prefetch(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & mask()]); }
    // What probably will be found: for prefetching the object.
    Ref guess(std::uint32_t hash) const {
        const Slot& s = slots_[hash & mask()];
        return s.hash == hash ? s.ref : Ref{};
    }
    std::size_t size() const { return size_; }

private:
    static constexpr std::size_t kSmallest = 256;
    struct Slot {
        std::uint32_t hash = 0;
        Ref ref{};
    };
    static_assert(sizeof(Slot) == 8);

    std::size_t mask() const { return slots_.size() - 1; }
    std::size_t at(std::uint32_t hash, Ref ref) const {
        std::size_t i = hash & mask();
        while (!(slots_[i].ref == ref)) {
            FAIRLEAD_ASSERT(!(slots_[i].ref == Ref{}));
            i = (i + 1) & mask();
        }
        return i;
    }
    void place(Slot slot) {
        std::size_t i = slot.hash & mask();
        while (!(slots_[i].ref == Ref{})) i = (i + 1) & mask();
        slots_[i] = slot;
    }
    void grow() {
        std::vector<Slot> old(slots_.size() * 2);
        old.swap(slots_);
        for (const Slot& s : old) {
            if (!(s.ref == Ref{})) place(s);
        }
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

inline void Demux::erase(std::uint32_t hash, Ref ref) {
    std::size_t hole = at(hash, ref);
    // Those behind that would be found sooner move up.
    for (std::size_t i = (hole + 1) & mask(); !(slots_[i].ref == Ref{}); i = (i + 1) & mask()) {
        const std::size_t home = slots_[i].hash & mask();
        if (((i - home) & mask()) >= ((i - hole) & mask())) {
            slots_[hole] = slots_[i];
            hole = i;
        }
    }
    slots_[hole] = {};
    --size_;
}

}  // namespace fairlead::tcp
