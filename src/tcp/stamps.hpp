// tcp/stamps.hpp — which bytes of the stream are to be told of as they leave and arrive.
//
// Owns:   StampMarks: the last byte of each write that asked for it (SO_TIMESTAMPING), until it is
//         acknowledged.
// Knows:  tcp_tx_timestamp() and tcp_ack_tstamp(): one mark for what leaves as one, the last.
// Not here: the messages (connection_errors.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fairlead/timestamping.hpp"
#include "tcp/segment.hpp"

namespace fairlead::tcp {

class StampMarks {
public:
    struct Mark {
        Position byte{};
        Stamps wanted = 0;
    };

    bool empty() const { return marks_.empty(); }
    // `chunk`: where what leaves together begins.
    void add(Position byte, Stamps wanted, Position chunk) {
        if (!marks_.empty() && marks_.back().byte >= chunk) {
            marks_.back() = {byte, marks_.back().wanted | wanted};
        } else {
            marks_.push_back({byte, wanted});
        }
    }
    // Those below `end`, from `begin` on.
    template <typename Visit>
    void for_each(Range range, Visit&& visit) const {
        const auto at = std::ranges::lower_bound(marks_, range.begin, {}, &Mark::byte);
        for (auto m = at; m != marks_.end() && m->byte < range.end; ++m) visit(*m);
    }
    void forget_below(Position end) {
        const auto at = std::ranges::lower_bound(marks_, end, {}, &Mark::byte);
        marks_.erase(marks_.begin(), at);
    }

private:
    std::vector<Mark> marks_{};  // in order
};

struct Stamping {
    Stamps flags = 0;  // SO_TIMESTAMPING
    Position numbered_from{};
    StampMarks marks{};
};

}  // namespace fairlead::tcp
