// tcp/sack_reply.hpp — which blocks to report.
//
// Owns:   the out-of-order ranges worth telling the sender of, newest first, and one DSACK.
// Knows:  RFC 2018 §4 (the block of the newest segment comes first, then those reported before),
//         RFC 2883 §4 (a duplicate's range comes before all, once).
// Not here: how the bytes are kept (reassembly.hpp), how many fit (wire/tcp_options.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "tcp/segment.hpp"

namespace fairlead::tcp {

class SackReply {
public:
    static constexpr std::size_t kMost = 4;

    // `run` is the contiguous range that the newest segment belongs to. A FIN is in no run of bytes:
    // it is united here with what it touches.
    constexpr void on_out_of_order(Range run) {
        std::size_t kept = 0;
        std::array<Range, kMost> next{};
        ++kept;
        for (std::size_t i = 0; i < count_; ++i) {
            const Range& block = blocks_[i];
            if (block.begin <= run.end && run.begin <= block.end) {
                run = {std::min(run.begin, block.begin), std::max(run.end, block.end)};
            } else if (kept < kMost) {
                next[kept++] = block;
            }
        }
        next[0] = run;
        blocks_ = next;
        count_ = static_cast<std::uint8_t>(kept);
    }
    // What was filled is no longer out of order.
    constexpr void on_advance(Position next) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            if (blocks_[i].begin > next) blocks_[kept++] = blocks_[i];
        }
        count_ = static_cast<std::uint8_t>(kept);
    }
    constexpr void clear() { count_ = 0; }
    constexpr void forget_blocks() { count_ = 0; }
    constexpr void set_duplicate(Range range) {
        if (duplicate_ && range.begin <= duplicate_->end && duplicate_->begin <= range.end) {
            range = {std::min(range.begin, duplicate_->begin),
                     std::max(range.end, duplicate_->end)};
        }
        duplicate_ = range;
    }
    // What is found where a gap is filled joins what is to be told, or is not told
    // (tcp_dsack_extend).
    constexpr void extend_duplicate(Range range) {
        const bool touches =
            !duplicate_ || (range.begin <= duplicate_->end && duplicate_->begin <= range.end);
        if (touches) set_duplicate(range);
    }
    constexpr std::optional<Range> duplicate() const { return duplicate_; }
    constexpr void forget_duplicate() { duplicate_.reset(); }

    constexpr std::span<const Range> blocks() const { return {blocks_.data(), count_}; }
    constexpr bool empty() const { return count_ == 0 && !duplicate_; }

private:
    std::array<Range, kMost> blocks_{};
    std::optional<Range> duplicate_{};
    std::uint8_t count_ = 0;
};

}  // namespace fairlead::tcp
