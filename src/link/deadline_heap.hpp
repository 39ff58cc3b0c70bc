// link/deadline_heap.hpp — the earliest of up to a few thousand deadlines.
//
// Owns:  at most one deadline for each small number (an index into somebody's array).
// Cost:  next() is a load; set() and clear() are logarithmic; memory grows to the largest number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fairlead/time.hpp"

namespace fairlead::link {

class DeadlineHeap {
public:
    Instant next() const { return heap_.empty() ? Instant::never() : heap_.front().at; }
    // Whose deadline next() is; only while there is one.
    std::uint32_t first() const { return heap_.front().id; }
    bool empty() const { return heap_.empty(); }

    void set(std::uint32_t id, Instant at);
    void clear(std::uint32_t id);

private:
    static constexpr std::uint32_t kAbsent = UINT32_MAX;
    struct Node {
        Instant at{};
        std::uint32_t id = 0;
        // Equal deadlines by id, so that the order hangs on nothing but the deadlines.
        friend bool operator<(const Node& a, const Node& b) {
            return a.at != b.at ? a.at < b.at : a.id < b.id;
        }
    };

    void place(std::size_t at, Node node);
    void settle(std::size_t hole, Node node);

    std::vector<Node> heap_{};
    std::vector<std::uint32_t> places_{};  // by id: where in heap_
};

}  // namespace fairlead::link
