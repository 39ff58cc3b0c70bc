#include "tcp/scoreboard.hpp"

#include <algorithm>

namespace fairlead::tcp {

void Scoreboard::on_sent(Chunk& c, Instant now) {
    c.first_sent = c.last_sent = now;
    out_ += c.segments;
}

void Scoreboard::on_retransmitted(Chunk& c, Instant now) {
    c.last_sent = now;
    c.was_retransmitted = true;
    if (!c.is_retransmitted) retransmitted_ += c.segments;
    c.is_retransmitted = true;
}

void Scoreboard::recount(Chunk& first, Chunk& rest) {
    const std::int32_t before = first.segments;
    first.count_segments(first.mss);
    rest.count_segments(first.mss);
    const std::int32_t more = first.segments + rest.segments - before;
    out_ += more;
    if (first.is_sacked) sacked_ += more;
    if (first.is_lost) lost_ += more;
    if (first.is_retransmitted) retransmitted_ += more;
}

void Scoreboard::resegment(Chunk& c, std::uint16_t mss) {
    const std::int32_t before = c.segments;
    c.count_segments(mss);
    const std::int32_t more = c.segments - before;
    out_ += more;
    if (c.is_sacked) sacked_ += more;
    if (c.is_lost) lost_ += more;
    if (c.is_retransmitted) retransmitted_ += more;
    clamp_sacked();
}

// Linux's tcp_adjust_pcount().
void Scoreboard::forget(const Chunk& joined, bool uses_sack) {
    out_ -= joined.segments;
    if (joined.is_lost) lost_ -= joined.segments;
    if (joined.is_retransmitted) retransmitted_ -= joined.segments;
    if (!uses_sack) sacked_ -= std::min<std::int32_t>(sacked_, joined.segments);
    clamp_sacked();
}

Scoreboard::Acked Scoreboard::on_ack(Position ack, SendBuffer& buffer, SendMemory& memory) {
    Acked acked;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();) {
        if (c->begin >= ack) break;
        const bool is_whole = c->end <= ack;
        std::int32_t segments = c->segments;
        if (!is_whole) {
            const std::int64_t part = ack - c->begin;
            c->trim_front(part);
            acked.bytes += part;
            buffer.release(part);
            c->count_segments(c->mss);
            segments -= c->segments;
            // A part of one segment: nothing is known of when it came, and its timer goes on.
            if (segments == 0) break;
        }
        acked.segments += segments;
        out_ -= segments;
        if (c->is_sacked) {
            sacked_ -= segments;
            acked.sacked_before += segments;
        }
        if (c->is_lost) lost_ -= segments;
        if (c->is_retransmitted) retransmitted_ -= segments;
        if (segments == 0) {
            // A part of a segment tells no round trip.
        } else if (c->was_retransmitted) {
            acked.had_retransmitted = true;
        } else if (!c->is_sacked) {
            if (!acked.first_sent) acked.first_sent = c->first_sent;
            acked.last_sent = c->last_sent;
        }
        if (!is_whole) break;
        acked.bytes += c->payload();
        acked.fin = acked.fin || c->fin;
        buffer.release(c->payload());
        Chunk* after = c->next;
        buffer.remove(*c, memory);
        c = after;
    }
    return acked;
}

// Cuts the chunk at an MSS boundary at or below the place: whole segments are SACKed. False: no
// whole one lies before it, or there is no memory.
bool Scoreboard::cut_at(Chunk& c, Position place, SendBuffer& buffer, SendMemory& memory) {
    const std::int64_t whole = (place - c.begin) / c.mss * c.mss;
    if (whole <= 0 || whole >= c.length()) return false;
    Chunk* rest = buffer.split(c, whole, memory);
    if (rest == nullptr) return false;
    recount(c, *rest);
    return true;
}

void Scoreboard::mark_sacked(Chunk& c, Sacked& result) {
    c.is_sacked = true;
    sacked_ += c.segments;
    result.segments += c.segments;
    if (c.is_lost) lost_ -= c.segments;
    if (c.is_retransmitted) retransmitted_ -= c.segments;
    if (!c.was_retransmitted && !result.first_sent) result.first_sent = c.first_sent;
    c.is_lost = c.is_retransmitted = false;
}

void Scoreboard::on_sack(Chunk& c, const Range& block, Sacked& result, SendBuffer& buffer,
                         SendMemory& memory) {
    if (c.end <= block.begin || block.end <= c.begin) return;
    if (c.begin < block.begin) {
        // What lies behind the cut is the next chunk, and is looked at in its turn.
        // Rounded up: of a segment that was reported in part only the others are SACKed.
        cut_at(c, block.begin + (c.mss - 1), buffer, memory);
        return;
    }
    if (c.end > block.end && !cut_at(c, block.end, buffer, memory)) return;
    mark_sacked(c, result);
}

Scoreboard::Sacked Scoreboard::on_sacks(std::span<const Range> blocks, SendBuffer& buffer,
                                        SendMemory& memory) {
    Sacked result;
    if (blocks.empty()) return result;
    Position highest = blocks.front().end;
    for (const Range& b : blocks) highest = std::max(highest, b.end);

    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        if (c->begin >= highest) break;
        for (const Range& block : blocks) {
            if (!c->is_sacked && !c->syn) on_sack(*c, block, result, buffer, memory);
        }
    }
    return result;
}

void Scoreboard::mark_lost(Chunk& c) {
    c.is_lost = true;
    lost_ += c.segments;
}

std::int32_t Scoreboard::mark_lost_below_sacked(SendBuffer& buffer, std::int32_t threshold) {
    const std::int32_t before = lost_;
    std::int32_t above = sacked_;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        if (c->is_sacked) {
            above -= c->segments;
        } else if (above >= threshold && !c->is_lost && !c->is_retransmitted) {
            mark_lost(*c);
        }
        if (above < threshold) break;
    }
    return lost_ - before;
}

std::int32_t Scoreboard::mark_first_lost(SendBuffer& buffer, SendMemory& memory) {
    Chunk* c = buffer.chunks().first();
    while (c != nullptr && c != buffer.first_unsent() && c->is_sacked) c = c->next;
    if (c == nullptr || c == buffer.first_unsent() || c->is_lost) return 0;
    if (c->segments > 1) {
        Chunk* rest = buffer.split(*c, c->mss, memory);
        if (rest == nullptr) return 0;
        recount(*c, *rest);
    }
    if (c->is_retransmitted) {
        retransmitted_ -= c->segments;
        c->is_retransmitted = false;
    }
    mark_lost(*c);
    clamp_sacked();
    return c->segments;
}

std::int32_t Scoreboard::mark_too_large_lost(SendBuffer& buffer, std::uint16_t mss) {
    const std::int32_t before = lost_;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        if (c->is_sacked || c->payload() <= mss) continue;
        if (c->is_retransmitted) retransmitted_ -= c->segments;
        if (c->is_lost) lost_ -= c->segments;
        out_ -= c->segments;
        c->count_segments(mss);
        out_ += c->segments;
        c->is_retransmitted = false;
        mark_lost(*c);
    }
    clamp_sacked();
    return lost_ - before;
}

std::int32_t Scoreboard::mark_all_lost(SendBuffer& buffer) {
    lost_ = retransmitted_ = 0;
    // RFC 2018 §8: with the oldest SACKed and not acknowledged, the receiver has reneged.
    const Chunk* oldest = buffer.chunks().first();
    const bool has_reneged = oldest != nullptr && oldest->is_sacked;
    if (has_reneged) sacked_ = 0;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        c->is_retransmitted = c->is_lost = false;
        if (has_reneged) c->is_sacked = false;
        if (!c->is_sacked) mark_lost(*c);
    }
    return lost_;
}

}  // namespace fairlead::tcp
