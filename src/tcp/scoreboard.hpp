// tcp/scoreboard.hpp — what became of the chunks in flight.
//
// Owns:   the four counts (in segments, as Linux counts): out, sacked, lost, retransmitted; the
//         marks on the chunks that add up to them.
// Knows:  RFC 6675 §2 (pipe), RFC 2018 §5.1 (SACKed data stays until its ACK), RFC 6582 where there
//         is no SACK: each duplicate ACK stands for one segment that left.
// Cost:   an ACK costs what it acknowledges, a SACK what it newly reports and a look-up, a loss what
//         is lost, however much is in flight.
// Not here: what to do about it (sender_recovery.cpp), windows, timers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "tcp/delivery_rate.hpp"
#include "tcp/flight_index.hpp"
#include "tcp/rack.hpp"
#include "tcp/send_buffer.hpp"

namespace fairlead::tcp {

// What happened to a chunk is told to those who want to know.
struct Delivering {
    Instant now{};
    Duration least{};                 // round trip
    Position recovery_end{};          // what was out before the loss
    std::optional<Instant> echoed{};  // when what the ACK's timestamp echoes was sent, to the ms
    Rack* rack = nullptr;             // both, or neither
    DeliveryRate* rate = nullptr;
};

class Scoreboard {
public:
    static constexpr Position kNowhere{INT64_MAX};

    struct Acked {
        std::int32_t segments = 0;
        std::int32_t sacked_before = 0;  // of these: SACKed already
        std::int64_t bytes = 0;          // of data
        bool had_retransmitted = false;  // some of it: its RTT says nothing (Karn)
        bool had_original = false;       // some of it was sent once, before the loss
        bool syn = false;
        std::optional<Instant> first_sent{};  // of what was sent once only
        Instant last_sent{};
        Position late = kNowhere;  // the lowest of what was sent once, and not SACKed
        FlightRate::Acked last{};  // the times only without a backroom
    };
    struct Sacked {
        std::int32_t segments = 0;
        bool had_original = false;
        std::optional<Instant> first_sent{};
        Instant last_sent{};
        Position late = kNowhere;  // sent once, below what was SACKed before: reordering
        std::uint32_t delivered_before = 0;
    };
    struct Duplicated {
        std::int32_t segments = 0;  // that were sent again, and are out yet
        Position end{};
        Position late = kNowhere;  // the lowest of these that had been SACKed
    };
    struct Lost {
        std::int32_t segments = 0;         // newly
        std::int32_t retransmissions = 0;  // that are lost as well
        Duration wait{};                   // then look again
        const Chunk* first = nullptr;      // of these
    };

    std::int32_t out() const { return out_; }
    std::int32_t sacked() const { return sacked_; }
    std::int32_t lost() const { return lost_; }
    std::int32_t retransmitted() const { return retransmitted_; }
    std::int32_t in_flight() const { return out_ - sacked_ - lost_ + retransmitted_; }
    bool is_whole() const { return (sacked_ | lost_ | retransmitted_) == 0; }

    // From now on places are looked up there; null: nowhere.
    void follow(FlightIndex* index, SendBuffer& buffer) {
        index_ = index;
        if (index_ != nullptr) index_->build(buffer.chunks().first(), buffer.first_unsent());
    }

    void on_sent(Chunk& c, Instant now) {
        c.first_sent = c.last_sent = now;
        out_ += c.segments;
        if (index_ != nullptr) index_->on_sent(c);
    }
    void on_retransmitted(Chunk& c, Instant now);
    // It was sent again, and that is not counted (the tail loss probe).
    void on_probed(Chunk& c, Instant now);
    // Drops all below `ack`; cuts a chunk in which it falls.
    Acked on_ack(Position ack, const Delivering& to, SendBuffer& buffer, SendMemory& memory);

    // The following need an index.
    // `highest`: the end of what was SACKed, before and after.
    Sacked on_sacks(std::span<const Range> blocks, const Delivering& to, Position& highest,
                    SendBuffer& buffer, SendMemory& memory);
    // A DSACK's block.
    Duplicated duplicated(const Range& block, SendBuffer& buffer) const;
    // RFC 8985 §6.2: what was overtaken and has been waited for long enough.
    Lost mark_overdue(const Rack& rack, Duration window, Instant now);
    // The first segment that is still out (a partial ACK, three duplicates).
    Lost mark_first_lost(SendBuffer& buffer, SendMemory& memory);
    // A timeout: the first, and all that left more than a round trip ago (tcp_timeout_mark_lost).
    Lost mark_timed_out(SendBuffer& buffer, const Rack& rack, Instant now);
    // The path takes no more than `mss` now: what is out in larger segments never arrives.
    // 0: all that is out.
    Lost mark_too_large_lost(SendBuffer& buffer, std::uint16_t mss);
    // RFC 2018 §8: nothing that was SACKed is believed any more.
    void forget_sacks(SendBuffer& buffer);
    // It was a mistake: nothing is lost.
    void forget_losses(SendBuffer& buffer);
    Chunk* first_lost() const { return index_ == nullptr ? nullptr : index_->first_lost(); }
    // The first that is out and not SACKed.
    Chunk* first_missing(SendBuffer& buffer) const;

    // Without SACK: a duplicate ACK came; an ACK for `acked` new segments came. True: there were
    // more duplicates than can be, so the path reorders (tcp_limit_reno_sacked).
    bool count_duplicate_ack() {
        ++sacked_;
        return limit_duplicates();
    }
    bool forget_duplicate_acks(std::int32_t acked) {
        if (acked > 0) sacked_ = acked - 1 >= sacked_ ? 0 : sacked_ - (acked - 1);
        return limit_duplicates();
    }
    void forget_all_duplicate_acks() { sacked_ = 0; }

    // A chunk in flight was cut in two: its counts may have grown by one segment.
    void recount(Chunk& first, Chunk& rest);
    // A chunk in flight will go again in segments of another size.
    void resegment(Chunk& c, std::uint16_t mss);
    // A chunk in flight goes into its neighbour, and is a segment of its own no more.
    void forget(Chunk& joined, bool uses_sack);

private:
    void on_sack(const Range& block, const Delivering& to, Position before, Sacked& result,
                 SendBuffer& buffer, SendMemory& memory);
    bool cut_at(Chunk& c, Position place, SendBuffer& buffer, SendMemory& memory);
    void mark_sacked(Chunk& c, const Delivering& to, Position before, Sacked& result);
    void mark_lost(Chunk& c, Lost& result);
    void take_acked(const Chunk& c, std::int32_t segments, const Delivering& to, Acked& acked);
    bool limit_duplicates() {
        const std::int32_t holes = std::min(std::max(lost_, 1), out_);
        if (sacked_ + holes <= out_) return false;
        sacked_ = out_ - holes;
        return true;
    }
    void clamp_sacked() {
        if (sacked_ + lost_ > out_) sacked_ = out_ - lost_;
    }

    std::int32_t out_ = 0;
    std::int32_t sacked_ = 0;
    std::int32_t lost_ = 0;
    std::int32_t retransmitted_ = 0;
    FlightIndex* index_ = nullptr;
};

}  // namespace fairlead::tcp
