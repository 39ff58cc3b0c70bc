// tcp/gap_pool.hpp — what a connection needs only while something is missing.
//
// Owns:   Gap (the out-of-order bytes, and what is to be said of them), GapPool.
// Why:    an idle connection holds none; and a room keeps its memory when it is given back, so that
//         a lossy transfer asks nothing of the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tcp/reassembly.hpp"
#include "tcp/sack_reply.hpp"

namespace fairlead::tcp {

// Linux's tcp_comp_sack_*: of the ACKs that repeat a number the first three leave at once, so that a
// loss is found; of those behind them one tells all.
struct AckCompression {
    static constexpr std::uint8_t kAtOnce = 3;  // RFC 5681 §3.2

    Position of{};                // what the ACKs below repeat
    std::uint8_t sent = 0;        // of those that go at once
    std::uint8_t compressed = 0;  // wait for the one that tells all
};

struct Gap {
    Reassembly bytes{};
    SackReply sacks{};
    AckCompression compression{};

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
        gap->compression = {};
        free_.push_back(gap);
    }

private:
    std::vector<std::unique_ptr<Gap>> all_;
    std::vector<Gap*> free_;
};

}  // namespace fairlead::tcp
