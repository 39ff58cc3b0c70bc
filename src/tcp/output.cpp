// The one decision of the send side: what leaves now. RFC 9293 §3.7.4 (Nagle), §3.8.6.2.1
// (sender's silly-window avoidance), RFC 5681 (the congestion window), in Linux's order: what is
// lost goes before what is new.
#include <algorithm>
#include <utility>

#include "tcp/pacing.hpp"
#include "tcp/sender.hpp"

namespace fairlead::tcp {

Sender::Plan Sender::next_segment(const PushRules& rules, SendMemory& memory) {
    if (scoreboard_.lost() > 0) {
        if (backroom_->repair == Repair::NewData) {
            if (Chunk* c = next_in_doubt(rules, memory); c != nullptr) return {c, false};
        }
        if (backroom_->repair == Repair::Lost) {
            if (Chunk* c = next_lost(rules, memory); c != nullptr) return {c, true};
        }
    }
    if (rules.only_repair) return {};
    return {next_unsent(rules, memory), false};
}

// F-RTO: something new instead of what may not be lost; where nothing may leave, it counts as lost.
Chunk* Sender::next_in_doubt(PushRules rules, SendMemory& memory) {
    rules.no_delay = true;
    if (Chunk* c = next_unsent(rules, memory); c != nullptr) return c;
    if (next_ > backroom_->recovery_end) return nullptr;
    backroom_->is_tentative = false;
    backroom_->repair = Repair::Lost;
    return nullptr;
}

// Leaves in the chunk what of it goes again now: so many segments, and no more than the window
// admits; where that has shrunk to nothing, one segment at its edge, as a probe
// (tcp_retransmit_skb). False: nothing of it may go.
// RFC 9293 MUST-34, MUST-35, SHLD-16, MAY-7; RFC 7323 REQ-2.4
bool Sender::cut_to_go_again(Chunk& c, std::int32_t segments, SendMemory& memory) {
    if (c.syn) return true;
    const std::uint16_t segment = mss();
    std::int64_t room = window_end() - c.begin;
    if (room <= 0) {
        if (c.begin != una_) return false;
        room = segment;
    }
    std::int64_t length = std::int64_t{segment} * segments;
    if (length > room) length = room < segment ? room : room / segment * segment;
    if (c.mss != segment) scoreboard_.resegment(c, segment);
    if (c.payload() <= length) return true;
    Chunk* rest = buffer_.split(c, length, memory);
    if (rest == nullptr) return false;
    scoreboard_.recount(c, *rest);
    return true;
}

// Linux's tcp_retrans_try_collapse(): small segments in flight go again as one.
void Sender::gather(Chunk& c, SendMemory& memory) {
    const std::int64_t most = std::min<std::int64_t>(mss(), window_end() - c.begin);
    while (!c.syn && !c.fin && !c.end_of_record && c.segments == 1 && c.payload() < most) {
        Chunk* n = c.next;
        if (n == nullptr || n == buffer_.first_unsent() || n->is_sacked || n->segments > 1) return;
        if (c.payload() + n->payload() > most || n->end > window_end()) return;
        if (c.slice_count + std::size_t{n->slice_count} > Chunk::kMaxSlices) return;
        scoreboard_.forget(*n, uses_sack_);
        buffer_.join(c, *n, memory);
        c.count_segments(mss());
    }
}

Chunk* Sender::next_lost(const PushRules& rules, SendMemory& memory) {
    const std::int32_t quota = congestion_.segments - scoreboard_.in_flight();
    Chunk* c = scoreboard_.first_lost();
    if (c == nullptr || quota <= 0) return nullptr;
    // Retransmissions of what is no longer thought lost may be out: as many are waited for
    // (tcp_xmit_retransmit_queue).
    if (scoreboard_.retransmitted() >= scoreboard_.lost()) return nullptr;
    const std::int64_t one_packet = rules.singly ? 1 : burst(mss(), rules);
    const auto most = static_cast<std::int32_t>(std::min<std::int64_t>(quota, one_packet));
    if (!cut_to_go_again(*c, most, memory)) return nullptr;
    if (rules.gather) gather(*c, memory);
    return c;
}

// RFC 9293 SHLD-7, MAY-16; RFC 1122 REQ-4.2.3.4
bool Sender::holds_back(bool is_partial, const PushRules& rules) const {
    if (!is_partial || rules.push_once || rules.urgent) return false;
    if (rules.cork || rules.more) return true;
    const bool small_is_out = static_cast<std::int32_t>(small_sent_ - low_bits(una_)) > 0 &&
                              static_cast<std::int32_t>(low_bits(next_) - small_sent_) >= 0;
    return !rules.no_delay && has_out() && small_is_out;
}

// RFC 9293 SHLD-15
bool Sender::is_window_open() const {
    const Chunk* c = buffer_.first_unsent();
    if (c == nullptr) return true;
    return c->begin + (c->payload() > mss() ? mss() : c->length()) <= window_end();
}

std::int64_t Sender::burst(std::int64_t segment, const PushRules& rules) const {
    if (pace_ == 0) return Chunk::kMaxBytes;
    const bool is_paced = backroom_ != nullptr && backroom_->pacer.is_on();
    return burst_segments({.bytes = is_paced ? backroom_->pacer.rate() >> kPacingShift : pace_,
                           .minimum = rtt_.minimum(),
                           .near_shift = rules.near_shift,
                           .least = rules.least_burst},
                          segment, Chunk::kMaxBytes);
}

// Half of the window at most, so that it is never one packet (tcp_cwnd_test).
std::int64_t Sender::most_at_once(std::int64_t quota, std::int64_t segment,
                                  const PushRules& rules) const {
    const std::int64_t half =
        rules.urgent || rules.singly ? 1 : std::max(congestion_.segments / 2, 1);
    // On lo a segment alone is more than a packet of several may hold.
    const std::int64_t in_packet = std::max(Chunk::kMaxBytes / segment, std::int64_t{1});
    return segment * std::min({quota, half, in_packet, burst(segment, rules)});
}

// tcp_tso_should_defer(): in the wake of a burst, what is left of the window is not worth a packet where
// the next ACK, which is due soon, will let a larger one go.
Sender::Wait Sender::wait_to_grow(const Chunk& c, std::int64_t segment,
                                  const PushRules& rules) const {
    const bool is_writing = rules.now - last_sent_ <= 1_ms || rules.after_ack;
    if (rules.one_burst || phase_ >= CongestionState::Recovery || !is_writing) return Wait::No;
    // All is counted in whole segments, though ours are smaller beside SACK blocks (tp->mss_cache).
    const std::int64_t whole = whole_mss();
    const std::int64_t by_peer = window_end() - c.begin;
    const std::int64_t by_path =
        whole * (congestion_.segments - std::int64_t{scoreboard_.in_flight()});
    const std::int64_t limit = std::min(by_peer, by_path);
    if (limit >= whole * burst(segment, rules)) return Wait::No;
    if (c.next != nullptr && limit >= c.payload()) return Wait::No;
    constexpr std::int64_t kWorthIt = 3;  // segments, where no part of the window is
    const std::int64_t window = std::min<std::int64_t>(window_, whole * congestion_.segments);
    const bool is_worth_it = rules.window_divisor != 0 ? limit >= window / rules.window_divisor
                                                       : limit > kWorthIt * whole;
    if (is_worth_it) return Wait::No;
    if (!has_out() || is_held_since_syn()) return Wait::No;
    const Duration smoothed = rtt_.smoothed();
    const Duration ack_is_due = buffer_.chunks().first()->last_sent + smoothed - rules.now;
    if (ack_is_due > std::min(smoothed / 2, 1_ms)) return Wait::No;
    if (limit <= c.payload()) return by_path < by_peer ? Wait::ForCongestionWindow : Wait::Yes;
    return c.fin || c.end_of_record ? Wait::No : Wait::Yes;
}

// RFC 9293 MUST-38, SHLD-27, SHLD-28
Chunk* Sender::next_unsent(const PushRules& rules, SendMemory& memory) {
    Chunk* c = buffer_.first_unsent();
    if (c == nullptr) return nullptr;
    const std::int32_t quota = congestion_.segments - scoreboard_.in_flight();
    if (quota <= 0) {
        set_usage(true);
        return nullptr;
    }
    if (c->syn) return c;
    const std::uint16_t segment = mss();
    // The last, of one segment: there is nothing to cut it to, and nothing to take from another.
    const bool is_alone = c->next == nullptr && c->payload() <= segment;
    const std::int64_t most = is_alone ? segment : most_at_once(quota, segment, rules);
    if (!is_alone && c->payload() < most) buffer_.grow(*c, most - c->payload(), memory);
    if (!is_window_open()) return nullptr;
    c->count_segments(segment);

    // Only the last chunk can be short of a segment and wait for more.
    const bool may_wait = c->next == nullptr && !c->fin;
    const std::int64_t data = c->payload();  // a FIN takes no room
    if (c->segments == 1) {
        return may_wait && holds_back(data < segment, rules) ? nullptr : c;
    }
    if (const Wait wait = wait_to_grow(*c, segment, rules); wait != Wait::No) {
        if (wait == Wait::ForCongestionWindow) set_usage(true);
        return nullptr;
    }
    const std::int64_t window = window_end() - c->begin;
    const std::int64_t fits = std::min(data, window);
    std::int64_t length = std::min(fits, most);
    // A part of a segment waits as well, where the window or the stream ends within a burst
    // (tcp_mss_split_point).
    const bool is_near_end = most > window || c->next == nullptr;
    if (is_near_end && fits < most && holds_back(length % segment != 0, rules)) {
        length -= length % segment;
    }
    if (length < data) {
        Chunk* rest = buffer_.split(*c, length, memory);
        if (rest == nullptr) return nullptr;
        c->count_segments(segment);
        rest->count_segments(segment);
    }
    return c;
}

Sender::FirstPacket Sender::first_packet(const PushRules& rules) const {
    const Chunk* c = buffer_.first_unsent();
    const std::int32_t quota = congestion_.segments - scoreboard_.in_flight();
    if (c == nullptr || quota <= 0 || !is_window_open()) return {};
    const std::uint16_t segment = mss();
    const std::int64_t length =
        std::min({unsent_bytes(), window_end() - c->begin, most_at_once(quota, segment, rules)});
    return {.segments = (length + segment - 1) / segment, .is_cut = length < c->payload()};
}

void Sender::on_sent(const Plan& plan, Instant now) {
    Chunk& c = *plan.chunk;
    stamp(c, now);
    if (backroom_ != nullptr) note_sent(c, plan.is_retransmission, now);
    last_sent_ = now;
    if (plan.is_retransmission) {
        buffer_.release(std::exchange(c.unreturned, std::uint16_t{0}));  // as it is cut to go again
        return scoreboard_.on_retransmitted(c, now);
    }
    scoreboard_.on_sent(c, now);
    buffer_.set_first_unsent(c.next);
    next_ = c.end;
    // A probe of the window does not count for Nagle's rule (tcp_write_wakeup).
    if (c.payload() % mss() != 0 && !plan.is_window_probe) small_sent_ = low_bits(c.end);
    note_usage();
}

// tcp_rate_check_app_limited(): all was sent, and the window had room for more.
void Sender::note_pause() {
    if (unsent_bytes() >= whole_mss()) return;
    const std::int32_t in_flight = scoreboard_.in_flight();
    if (in_flight >= congestion_.segments) return;
    if (scoreboard_.lost() > scoreboard_.retransmitted()) return;
    if (backroom_ != nullptr) {
        backroom_->rate.limit(delivered_, in_flight);
    } else {
        flight_rate_.limit(delivered_, in_flight);
    }
}

// What is measured of the rate begins here; of the SYN nothing is.
void Sender::stamp(Chunk& c, Instant now) {
    c.delivered_before = delivered_;
    if (c.syn) {
        c.delivered_at = {};
    } else if (backroom_ != nullptr) {
        backroom_->rate.on_sent(c, delivered_, scoreboard_.in_flight(), !has_out(), now);
    } else {
        flight_rate_.on_sent(c, has_out() ? *buffer_.chunks().first() : c, now);
    }
}

void Sender::note_sent(Chunk& c, bool is_retransmission, Instant now) {
    if (backroom_->pacer.is_on()) {
        const auto sent = static_cast<std::uint32_t>(scoreboard_.out() + c.segments - 1);  // SYN
        backroom_->pacer.on_sent(c.payload(), delivered_ + sent, now);
    }
    if (is_reducing()) backroom_->reduction.on_sent(c.segments);
    if (is_retransmission) {
        backroom_->undo.on_retransmitted(c.segments, now);
    } else if (backroom_->has_controller && controller_->on_restart != nullptr &&
               scoreboard_.in_flight() == 0) {
        controller_->on_restart(backroom_->controller.data(), last_sent_, now);
    }
}

// tcp_cwnd_validate: the window counts as used when it was full once in a round trip.
void Sender::note_usage() {
    const bool is_full = scoreboard_.in_flight() >= congestion_.segments;
    const bool is_new = static_cast<std::int32_t>(low_bits(una_) - usage_end_) >= 0;
    if (is_new || is_full || (!was_window_limited_ && scoreboard_.out() > most_out_)) {
        set_usage(is_full);
    }
}

// tcp_cwnd_application_limited()
void Sender::give_up_unused(std::int32_t first_window) {
    const std::int32_t used = std::max(most_out_, first_window);
    const bool is_unused = phase_ == CongestionState::Open && !is_window_limited();
    if (!is_unused || used >= congestion_.segments) return;
    congestion_.threshold = congestion_.three_quarters();
    congestion_.segments = (congestion_.segments + used) / 2;
}

// The end of tcp_write_xmit() and of tcp_cwnd_validate().
void Sender::note_limit(bool has_sent, bool waits_for_room, Instant now) {
    const bool has_rest = has_unsent();
    const bool has_quota = scoreboard_.in_flight() < congestion_.segments;
    if (has_rest && has_quota && !is_window_open()) {
        chronograph_.start(Chronograph::Phase::PeersWindow, now);
    } else {
        chronograph_.stop(Chronograph::Phase::PeersWindow, buffer_.chunks().empty(), now);
    }
    if (has_sent && !has_rest && waits_for_room && !is_window_limited()) {
        chronograph_.start(Chronograph::Phase::SendBuffer, now);
    }
}

Chunk* Sender::next_probe(SendMemory& memory) {
    Chunk* c = buffer_.first_unsent();
    if (c == nullptr || c->begin >= window_end()) return nullptr;
    const std::int64_t length =
        std::min({window_end() - c->begin, std::int64_t{mss()}, c->length()});
    if (length < c->length()) {
        if (buffer_.split(*c, length, memory) == nullptr) return nullptr;
        c->next->count_segments(mss());
    }
    c->count_segments(mss());
    c->psh = true;
    // Pushes of half windows count on from here (tcp_write_wakeup).
    if (static_cast<std::int32_t>(low_bits(c->end) - pushed_) > 0) pushed_ = low_bits(c->end);
    return c;
}

Chunk* Sender::next_path_probe(std::int64_t payload, SendMemory& memory) {
    Chunk* c = buffer_.first_unsent();
    while (c->payload() < payload) {
        Chunk* n = c->next;
        if (n == nullptr || n->fin || c->syn || c->end_of_record) return nullptr;
        if (c->slice_count + std::size_t{n->slice_count} > Chunk::kMaxSlices) return nullptr;
        buffer_.join(*c, *n, memory);
    }
    if (c->fin) return nullptr;
    if (c->payload() > payload) {
        Chunk* rest = buffer_.split(*c, payload, memory);
        if (rest == nullptr) return nullptr;
        rest->count_segments(mss());
    }
    c->count_segments(static_cast<std::uint16_t>(payload));
    return c;
}

Chunk* Sender::first_out(const PushRules& rules, SendMemory& memory) {
    Chunk* c = scoreboard_.first_missing(buffer_);
    if (c == nullptr) return nullptr;
    if (!cut_to_go_again(*c, 1, memory)) return nullptr;
    if (rules.gather) gather(*c, memory);
    return c;
}

Duration Sender::rest_of_rto(Instant now, const RtoLimits& limits) const {
    const Chunk* c = buffer_.chunks().first();
    return c == nullptr ? Duration{} : c->last_sent + rtt_.rto(limits) - now;
}

// tcp_schedule_loss_probe()
std::optional<Duration> Sender::loss_probe_wait(Instant now, bool is_after_ack,
                                                const RtoLimits& limits) const {
    const bool is_open = phase_ == CongestionState::Open || phase_ == CongestionState::Cwr;
    if (!uses_sack_ || !has_out() || !is_open) return std::nullopt;
    const Duration wait = rtt_.has_sample()
                              ? LossProbe::wait(rtt_.smoothed(), scoreboard_.out(), limits.lowest)
                              : limits.initial;
    const Duration rto = is_after_ack ? rtt_.rto(limits) : rest_of_rto(now, limits);
    return rto > Duration{} ? std::min(wait, rto) : wait;
}

// tcp_send_loss_probe(): a segment that waits, whatever the congestion window and Nagle say, else
// the last one again.
Sender::Plan Sender::next_loss_probe(const PushRules& rules, SendMemory& memory) {
    if (loss_probe_.is_out()) return {};
    if (Chunk* c = buffer_.first_unsent(); c != nullptr && is_window_open()) {
        const std::uint16_t segment = mss();
        const std::int64_t quota =
            std::max(congestion_.segments - scoreboard_.in_flight(), std::int32_t{1});
        std::int64_t length = std::max<std::int64_t>(most_at_once(quota, segment, rules), segment);
        buffer_.grow(*c, length - c->payload(), memory);
        // What was short enough for the window may be so no longer: then nothing goes.
        if (!is_window_open()) return {};
        length = std::min(length, window_end() - c->begin);
        if (c->payload() > length) {
            Chunk* rest = buffer_.split(*c, length, memory);
            if (rest == nullptr) return {};
            rest->count_segments(segment);
        }
        c->count_segments(segment);
        return {c, false};
    }
    Chunk* c =
        buffer_.first_unsent() == nullptr ? buffer_.chunks().last() : buffer_.first_unsent()->prev;
    if (c == nullptr) return {};
    // Without the SACK blocks of then, what were two segments may be one.
    const std::int64_t before_last = std::int64_t{mss()} * (c->segments - 1);
    if (c->segments > 1 && c->payload() > before_last) {
        Chunk* rest = buffer_.split(*c, before_last, memory);
        if (rest == nullptr) return {};
        scoreboard_.recount(*c, *rest);
        if (c->mss != mss()) {
            scoreboard_.resegment(*c, mss());
            scoreboard_.resegment(*rest, mss());
        }
        c = rest;
    }
    return cut_to_go_again(*c, 1, memory) ? Plan{c, true} : Plan{};
}

void Sender::on_loss_probe_sent(const Plan& plan, Instant now) {
    if (plan.is_retransmission) {
        // Not counted as a retransmission in flight, as Linux does not: nothing was found lost.
        stamp(*plan.chunk, now);
        scoreboard_.on_probed(*plan.chunk, now);
        last_sent_ = now;
    } else {
        on_sent(plan, now);
    }
    loss_probe_.on_sent(next_, plan.is_retransmission);
}

bool Sender::restart_if_idle(Instant now, Duration rto, bool enabled, std::int32_t first_window) {
    if (!enabled || has_out() || last_sent_ == Instant{}) return false;
    const Duration idle = now - last_sent_;
    if (idle <= rto || controller_->control != nullptr) return false;
    const auto rtos = static_cast<std::int32_t>(std::min<std::int64_t>((idle - 1_ns) / rto, 64));
    congestion_.restart(rtos, first_window);
    return true;
}

}  // namespace fairlead::tcp
