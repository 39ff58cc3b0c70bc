// tcp/scoreboard.hpp — what became of the chunks in flight.
//
// Owns:   the four counts (in segments, as Linux counts): out, sacked, lost, retransmitted; the
//         marks on the chunks that add up to them.
// Knows:  RFC 6675 §2 and §4 (pipe, IsLost by the segments SACKed above), RFC 2018 §5.1 (SACKed
//         data stays until its ACK), RFC 6582 where there is no SACK: each duplicate ACK stands
//         for one segment that left.
// Not here: what to do about it (recovery.hpp), windows, timers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tcp/send_buffer.hpp"

namespace fairlead::tcp {

class Scoreboard {
public:
    struct Acked {
        std::int32_t segments = 0;
        std::int32_t sacked_before = 0;       // of these: SACKed already
        std::int64_t bytes = 0;               // of data
        bool had_retransmitted = false;       // some of it: its RTT says nothing (Karn)
        std::optional<Instant> first_sent{};  // of what was sent once only
        std::optional<Instant> last_sent{};
        bool fin = false;
    };
    struct Sacked {
        std::int32_t segments = 0;
        std::optional<Instant> first_sent{};
    };

    std::int32_t out() const { return out_; }
    std::int32_t sacked() const { return sacked_; }
    std::int32_t lost() const { return lost_; }
    std::int32_t retransmitted() const { return retransmitted_; }
    std::int32_t in_flight() const { return out_ - sacked_ - lost_ + retransmitted_; }

    void on_sent(Chunk& c, Instant now);
    void on_retransmitted(Chunk& c, Instant now);
    // Drops all below `ack`; cuts a chunk in which it falls.
    Acked on_ack(Position ack, SendBuffer& buffer, SendMemory& memory);
    Sacked on_sacks(std::span<const Range> blocks, SendBuffer& buffer, SendMemory& memory);
    // RFC 6675: lost is what has `threshold` or more SACKed segments above it. Returns how many.
    std::int32_t mark_lost_below_sacked(SendBuffer& buffer, std::int32_t threshold);
    // The first segment that is still out (a partial ACK, three duplicates). Returns how many.
    std::int32_t mark_first_lost(SendBuffer& buffer, SendMemory& memory);
    // A timeout: all that was not SACKed, and no retransmission of it is in flight any more.
    std::int32_t mark_all_lost(SendBuffer& buffer);

    // The path takes no more than `mss` now: what is out in larger segments never arrives.
    std::int32_t mark_too_large_lost(SendBuffer& buffer, std::uint16_t mss);

    // Without SACK: a duplicate ACK came; an ACK for `acked` new segments came.
    void count_duplicate_ack() {
        if (sacked_ + lost_ < out_) ++sacked_;
    }
    void forget_duplicate_acks(std::int32_t acked) {
        if (acked > 0) sacked_ = acked - 1 >= sacked_ ? 0 : sacked_ - (acked - 1);
        clamp_sacked();
    }
    void forget_all_duplicate_acks() { sacked_ = 0; }

    // A chunk in flight was cut in two: its counts may have grown by one segment.
    void recount(Chunk& first, Chunk& rest);
    // A chunk in flight will go again in segments of another size.
    void resegment(Chunk& c, std::uint16_t mss);
    // A chunk in flight goes into its neighbour, and is a segment of its own no more.
    void forget(const Chunk& joined, bool uses_sack);

private:
    void on_sack(Chunk& c, const Range& block, Sacked& result, SendBuffer& buffer,
                 SendMemory& memory);
    bool cut_at(Chunk& c, Position place, SendBuffer& buffer, SendMemory& memory);
    void mark_sacked(Chunk& c, Sacked& result);
    void mark_lost(Chunk& c);
    void clamp_sacked() {
        if (sacked_ + lost_ > out_) sacked_ = out_ - lost_;
    }

    std::int32_t out_ = 0;
    std::int32_t sacked_ = 0;
    std::int32_t lost_ = 0;
    std::int32_t retransmitted_ = 0;
};

}  // namespace fairlead::tcp
