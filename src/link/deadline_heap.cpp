#include "link/deadline_heap.hpp"

namespace fairlead::link {

void DeadlineHeap::set(std::uint32_t id, Instant at) {
    if (id >= places_.size()) places_.resize(id + std::size_t{1}, kAbsent);
    if (places_[id] == kAbsent) {
        heap_.emplace_back();
        places_[id] = static_cast<std::uint32_t>(heap_.size() - 1);
    }
    settle(places_[id], {at, id});
}

void DeadlineHeap::clear(std::uint32_t id) {
    if (id >= places_.size() || places_[id] == kAbsent) return;
    const std::size_t hole = places_[id];
    places_[id] = kAbsent;
    const Node last = heap_.back();
    heap_.pop_back();
    if (hole < heap_.size()) settle(hole, last);
}

// Puts the node in where the hole is, or as far above or below it as its deadline wants.
void DeadlineHeap::settle(std::size_t hole, Node node) {
    while (hole > 0 && node < heap_[(hole - 1) / 2]) {
        place(hole, heap_[(hole - 1) / 2]);
        hole = (hole - 1) / 2;
    }
    for (;;) {
        std::size_t child = 2 * hole + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
        if (!(heap_[child] < node)) break;
        place(hole, heap_[child]);
        hole = child;
    }
    place(hole, node);
}

void DeadlineHeap::place(std::size_t at, Node node) {
    heap_[at] = node;
    places_[node.id] = static_cast<std::uint32_t>(at);
}

}  // namespace fairlead::link
