// tcp/flight_index.hpp — the chunks in flight, found by place, by time, and by being lost.
//
// Owns:   a search tree of those that no SACK has reported, so that a block costs what it changes
//         and not what is in flight; their list in the order of sending (Linux's
//         tsorted_sent_queue); the list of those lost and not sent again, in stream order.
// Why:    it exists only while something is missing: a flight in order needs no index.
// Bounds: whatever a peer says, a look-up takes a number of steps that grows with the logarithm of
//         the flight. steps() counts them.
// Not here: what the marks mean (scoreboard.hpp), what is lost (rack.hpp).
#pragma once

#include <cstdint>

#include "tcp/chunk.hpp"

namespace fairlead::tcp {

class FlightIndex {
public:
    // All of [first, end) anew, as their marks say.
    void build(Chunk* first, const Chunk* end);
    void clear() {
        root_ = nullptr;
        sent_ = lost_ = given_up_ = {};
    }

    // It was sent now: the last of the list.
    void on_sent(Chunk& c);
    void on_lost(Chunk& c);
    // It is not looked at any more until it is sent again.
    void on_given_up(Chunk& c);
    // It is in flight no more, or was SACKed.
    void remove(Chunk& c);
    // `rest` was cut off `c`.
    void split(Chunk& c, Chunk& rest);

    // The first that no SACK has reported and that ends above the place; null: there is none.
    Chunk* first_ending_above(Position place) const;
    Chunk* first_sent() const { return sent_.first; }
    Chunk* first_lost() const { return lost_.first; }
    std::uint64_t steps() const { return steps_; }

private:
    struct List {
        Chunk* first = nullptr;
        Chunk* last = nullptr;
    };
    void insert(Chunk& c);
    void take_out(Chunk& c);
    List& list_of(const Chunk& c);
    void enlist(Chunk* before, Chunk& c, Chunk::Queue queue);
    void unlist(Chunk& c);

    Chunk* root_ = nullptr;  // a treap: by place, and by rank as a heap
    List sent_{};
    List lost_{};
    List given_up_{};  // in flight again, since it was a mistake, and in nobody's order
    std::uint32_t chance_ = 1;
    mutable std::uint64_t steps_ = 0;
};

}  // namespace fairlead::tcp
