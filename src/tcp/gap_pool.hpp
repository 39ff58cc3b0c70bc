// tcp/gap_pool.hpp — what a connection needs only while something is missing.
//
// Owns:   Gap (the out-of-order bytes, and what is to be said of them), GapPool.
// Why:    an idle connection holds none; and a room keeps its memory when it is given back, so that
//         a lossy transfer asks nothing of the heap.
#pragma once

#include <memory>
#include <vector>

#include "tcp/reassembly.hpp"
#include "tcp/sack_reply.hpp"

namespace fairlead::tcp {

struct Gap {
    Reassembly bytes{};
    SackReply sacks{};

    bool is_over() const { return bytes.empty() && sacks.empty(); }
};

class GapPool {
public:
    Gap* take() {
        if (free_.empty()) {
            all_.push_back(std::make_unique<Gap>());
            free_.reserve(all_.size());
            return all_.back().get();
        }
        Gap* gap = free_.back();
        free_.pop_back();
        return gap;
    }
    void give_back(Gap* gap) {
        gap->bytes.clear();
        gap->sacks = {};
        free_.push_back(gap);
    }

private:
    std::vector<std::unique_ptr<Gap>> all_;
    std::vector<Gap*> free_;
};

}  // namespace fairlead::tcp
