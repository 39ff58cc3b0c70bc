#include "tcp/scoreboard.hpp"

#include <algorithm>

namespace fairlead::tcp {

// RFC 9293 MUST-18
void Scoreboard::on_retransmitted(Chunk& c, Instant now) {
    c.last_sent = now;
    c.was_retransmitted = true;
    c.is_given_up = false;
    if (!c.is_retransmitted) retransmitted_ += c.segments;
    c.is_retransmitted = true;
    if (index_ != nullptr && !c.is_sacked) index_->on_sent(c);
}

void Scoreboard::on_probed(Chunk& c, Instant now) {
    c.last_sent = now;
    c.was_retransmitted = true;
    c.is_given_up = false;
    const bool is_filed = c.filing.queue != Chunk::Queue::None;
    if (index_ != nullptr && is_filed && c.filing.queue != Chunk::Queue::Lost) index_->on_sent(c);
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
    if (index_ != nullptr) index_->split(first, rest);
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
void Scoreboard::forget(Chunk& joined, bool uses_sack) {
    out_ -= joined.segments;
    if (joined.is_lost) lost_ -= joined.segments;
    if (joined.is_retransmitted) retransmitted_ -= joined.segments;
    if (!uses_sack) sacked_ -= std::min<std::int32_t>(sacked_, joined.segments);
    clamp_sacked();
    if (index_ != nullptr) index_->remove(joined);
}

namespace {

// tcp_skb_spurious_retrans(): it was the original that arrived.
bool was_needless(const Chunk& c, const Delivering& to) {
    constexpr std::int64_t kMillisecond = 1'000'000;
    return c.was_retransmitted && to.echoed &&
           *to.echoed < Instant::from_ns(c.last_sent.ns() / kMillisecond * kMillisecond);
}

}  // namespace

void Scoreboard::take_acked(const Chunk& c, std::int32_t segments, const Delivering& to,
                            Acked& acked) {
    acked.segments += segments;
    out_ -= segments;
    if (c.is_lost) lost_ -= segments;
    if (c.is_retransmitted) retransmitted_ -= segments;
    acked.syn = acked.syn || c.syn;
    acked.last.delivered_before = c.delivered_before;
    if (c.was_retransmitted) {
        acked.had_retransmitted = true;
    } else if (!c.is_sacked) {
        if (!acked.first_sent) acked.first_sent = c.first_sent;
        acked.late = std::min(acked.late, c.begin);
        acked.last_sent = c.last_sent;
        acked.had_original = acked.had_original || c.end <= to.recovery_end;
    }
    if (c.is_sacked) {
        sacked_ -= segments;
        acked.sacked_before += segments;
    } else if (to.rack != nullptr) {
        if (!was_needless(c, to)) {
            to.rack->on_delivered({c.last_sent, c.end, c.was_retransmitted}, to.now, to.least);
        }
        if (to.rate != nullptr) to.rate->on_delivered(c);
    } else {
        acked.last.delivered_at = c.delivered_at;
        acked.last.flight_began = c.flight_began;
        acked.last.last_sent = c.last_sent;
        acked.last.is_app_limited = c.is_app_limited;
    }
}

Scoreboard::Acked Scoreboard::on_ack(Position ack, const Delivering& to, SendBuffer& buffer,
                                     SendMemory& memory) {
    Acked acked;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();) {
        if (c->begin >= ack) break;
        if (c->end > ack) {
            const std::int64_t part = ack - c->begin;
            std::int32_t segments = c->segments;
            const Position begin = c->begin;
            c->trim_front(part);
            acked.bytes += part;
            // Of one segment nothing is given back before its end (tcp_clean_rtx_queue).
            if (segments > 1) {
                buffer.release(part);
            } else {
                c->unreturned = static_cast<std::uint16_t>(c->unreturned + part);
            }
            c->count_segments(c->mss);
            segments -= c->segments;
            // A part of one segment: nothing is known of when it came, and its timer goes on.
            if (segments > 0) take_acked(*c, segments, to, acked);
            if (acked.late == c->begin) acked.late = begin;
            break;
        }
        take_acked(*c, c->segments, to, acked);
        acked.bytes += c->payload();
        buffer.release(c->payload() + c->unreturned);
        Chunk* after = c->next;
        if (index_ != nullptr) index_->remove(*c);
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

// tcp_sacktag_one()
void Scoreboard::mark_sacked(Chunk& c, const Delivering& to, Position before, Sacked& result) {
    if (to.rack != nullptr) {
        to.rack->on_delivered({c.last_sent, c.end, c.was_retransmitted}, to.now, to.least);
        if (to.rate != nullptr) to.rate->on_delivered(c);
    }
    result.delivered_before = c.delivered_before;
    if (!c.was_retransmitted) {
        if (c.begin < before) result.late = std::min(result.late, c.begin);
        result.had_original = result.had_original || c.end <= to.recovery_end;
        if (!result.first_sent) result.first_sent = c.last_sent;
        result.last_sent = c.last_sent;
    }
    if (c.is_lost) {
        // Where nothing was found lost, the retransmission is still on its way.
        if (c.is_retransmitted) retransmitted_ -= c.segments;
        lost_ -= c.segments;
        c.is_lost = c.is_retransmitted = false;
    }
    c.is_sacked = true;
    sacked_ += c.segments;
    result.segments += c.segments;
    index_->remove(c);
}

void Scoreboard::on_sack(const Range& block, const Delivering& to, Position before, Sacked& result,
                         SendBuffer& buffer, SendMemory& memory) {
    Chunk* c = index_->first_ending_above(block.begin);
    while (c != nullptr && c->begin < block.end) {
        const Position end = c->end;
        Chunk* next = c->next;
        if (c->begin < block.begin) {
            // What lies behind the cut is the next chunk, and is looked at in its turn.
            // Rounded up: of a segment that was reported in part only the others are SACKed.
            if (cut_at(*c, block.begin + (c->mss - 1), buffer, memory)) {
                c = c->next;
                continue;
            }
        } else if (!c->syn) {
            if (end > block.end && !cut_at(*c, block.end, buffer, memory)) return;
            mark_sacked(*c, to, before, result);
            if (end > block.end) return;
        }
        const bool is_missing = next != nullptr && next->filing.queue != Chunk::Queue::None;
        c = is_missing ? next : index_->first_ending_above(end);
    }
}

Scoreboard::Sacked Scoreboard::on_sacks(std::span<const Range> blocks, const Delivering& to,
                                        Position& highest, SendBuffer& buffer, SendMemory& memory) {
    Sacked result;
    const Position before = highest;
    for (const Range& block : blocks) {
        const std::int32_t had = result.segments;
        on_sack(block, to, before, result, buffer, memory);
        if (result.segments > had) highest = std::max(highest, block.end);
    }
    return result;
}

Scoreboard::Duplicated Scoreboard::duplicated(const Range& block, SendBuffer& buffer) const {
    Duplicated result;
    if (out_ == 0) return result;
    // From behind, since what was SACKed is in no index.
    Chunk* c = index_->first_ending_above(block.end);
    if (c == nullptr) c = buffer.first_unsent();
    c = c == nullptr ? buffer.chunks().last() : c->prev;
    for (; c != nullptr && c->begin >= block.begin; c = c->prev) {
        if (c->end > block.end || !c->was_retransmitted) continue;
        result.segments += c->segments;
        result.end = std::max(result.end, c->end);
        if (c->is_sacked) result.late = c->begin;
    }
    return result;
}

// tcp_mark_skb_lost()
void Scoreboard::mark_lost(Chunk& c, Lost& result) {
    if (c.is_sacked) return;
    if (result.first == nullptr && (!c.is_lost || c.is_retransmitted)) result.first = &c;
    if (c.is_retransmitted && c.is_lost) {
        retransmitted_ -= c.segments;
        c.is_retransmitted = false;
        result.retransmissions += c.segments;
        result.segments += c.segments;
    } else if (!c.is_lost) {
        c.is_lost = true;
        lost_ += c.segments;
        result.segments += c.segments;
    }
    // One of which a retransmission is on its way is in flight still.
    if (!c.is_retransmitted) index_->on_lost(c);
}

Scoreboard::Lost Scoreboard::mark_overdue(const Rack& rack, Duration window, Instant now) {
    // Linux looks at each that is overtaken; where there are so many, the last of them decides.
    constexpr int kLookedAt = 64;
    Lost result;
    int waiting = 0;
    for (Chunk* c = index_->first_sent(); c != nullptr;) {
        if (!rack.is_overtaken(c->last_sent, c->end)) break;
        Chunk* after = c->filing.after;
        const Duration rest = rack.rest(c->last_sent, now, window);
        if (rest > Duration{}) {
            result.wait = std::max(result.wait, rest);
            if (++waiting == kLookedAt) {
                result.wait = rack.longest_rest(now, window);
                break;
            }
        } else {
            c->is_given_up = true;
            mark_lost(*c, result);
            if (c->is_retransmitted) index_->on_given_up(*c);
        }
        c = after;
    }
    return result;
}

Chunk* Scoreboard::first_missing(SendBuffer& buffer) const {
    if (out_ == 0) return nullptr;
    Chunk* c =
        index_ != nullptr ? index_->first_ending_above(Position{-1}) : buffer.chunks().first();
    return c == buffer.first_unsent() ? nullptr : c;
}

Scoreboard::Lost Scoreboard::mark_first_lost(SendBuffer& buffer, SendMemory& memory) {
    Lost result;
    Chunk* c = first_missing(buffer);
    if (c == nullptr || c->is_lost) return result;
    if (c->segments > 1) {
        Chunk* rest = buffer.split(*c, c->mss, memory);
        if (rest == nullptr) return result;
        recount(*c, *rest);
    }
    mark_lost(*c, result);
    clamp_sacked();
    return result;
}

Scoreboard::Lost Scoreboard::mark_too_large_lost(SendBuffer& buffer, std::uint16_t mss) {
    Lost result;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        if (c->is_sacked || c->payload() <= mss) continue;
        if (c->is_retransmitted) {
            retransmitted_ -= c->segments;
            result.retransmissions += c->segments;
        }
        c->is_retransmitted = false;
        if (mss > 0) resegment(*c, mss);
        mark_lost(*c, result);
    }
    clamp_sacked();
    return result;
}

void Scoreboard::forget_sacks(SendBuffer& buffer) {
    sacked_ = 0;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        if (std::exchange(c->is_sacked, false)) index_->on_sent(*c);
    }
}

Scoreboard::Lost Scoreboard::mark_timed_out(SendBuffer& buffer, const Rack& rack, Instant now) {
    Lost result;
    Chunk* first = buffer.chunks().first();
    // RFC 2018 §8: with the oldest SACKed and not acknowledged, the receiver has reneged.
    const bool has_reneged = first != nullptr && first->is_sacked;
    if (has_reneged) forget_sacks(buffer);
    for (Chunk* c = first; c != nullptr && c != buffer.first_unsent(); c = c->next) {
        const bool is_recent =
            !has_reneged && c != first && rack.rest(c->last_sent, now, Duration{}) > Duration{};
        if (!is_recent) mark_lost(*c, result);
    }
    return result;
}

void Scoreboard::forget_losses(SendBuffer& buffer) {
    lost_ = 0;
    for (Chunk* c = buffer.chunks().first(); c != nullptr && c != buffer.first_unsent();
         c = c->next) {
        c->is_lost = false;
    }
    index_->build(buffer.chunks().first(), buffer.first_unsent());
}

}  // namespace fairlead::tcp
