#include "tcp/sender.hpp"

#include <algorithm>
#include <variant>

namespace fairlead::tcp {

bool Sender::start(SendMemory& memory) { return buffer_.append_syn(Position{0}, memory); }

void Sender::start_accepted(std::int64_t window) {
    una_ = next_ = usage_end_ = small_sent_ = pushed_ = Position{1};
    buffer_.start_at(una_);
    window_ = largest_window_ = window;
}

std::int64_t Sender::goal() const {
    // Never more than half of the largest window in one chunk: the peer must see it move.
    const std::int64_t segment = mss();
    const std::int64_t half = std::max(largest_window_ / 2, segment);
    return std::max(std::min(Chunk::kMaxBytes, half) / segment * segment, segment);
}

std::int64_t Sender::write(Bytes bytes, SendMemory& memory) {
    const std::int64_t size = goal();
    Chunk* last = buffer_.chunks().last();
    const std::int64_t taken = buffer_.write(bytes, size, mss(), memory);
    push_half_windows(last != nullptr ? last : buffer_.chunks().first(), size);
    return taken;
}

// Half a window without a push: push, so that the peer's reader sees it (forced_push).
void Sender::push_half_windows(Chunk* c, std::int64_t full) {
    for (; c != nullptr; c = c->next) {
        const bool is_full = c->payload() >= full || c->next == nullptr;
        if (!is_full || c->end - pushed_ <= largest_window_ / 2) continue;
        c->psh = true;
        pushed_ = c->end;
    }
}

bool Sender::close(SendMemory& memory) { return buffer_.append_fin(memory); }

void Sender::mark_push() {
    if (Chunk* c = buffer_.chunks().last(); c != nullptr && buffer_.first_unsent() != nullptr) {
        c->psh = true;
        pushed_ = buffer_.end();
    }
}

void Sender::mark_end_of_record() {
    if (Chunk* c = buffer_.chunks().last(); c != nullptr && buffer_.first_unsent() != nullptr) {
        c->end_of_record = true;
    }
}

// RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2, with Linux's reading: a window that only grows counts
// even on a segment of the same place.
bool Sender::has_newer_window(const ToSender& ack, Position seq) const {
    return seq > window_from_ || (seq == window_from_ && (ack.window > window_ || ack.window == 0));
}

bool Sender::update_window(const ToSender& ack, Position seq, bool has_advanced) {
    if (!has_advanced && !has_newer_window(ack, seq)) return false;
    window_ = ack.window;
    window_from_ = seq;
    largest_window_ = std::max(largest_window_, window_);
    return true;
}

Sender::AckOutcome Sender::on_ack(const ToSender& ack, Position seq, std::int64_t length,
                                  Instant now, const std::optional<Duration>& echo_rtt,
                                  const RtoLimits& limits, SendMemory& memory) {
    AckOutcome out;
    out.has_advanced = ack.ack > una_;
    out.sample.now = now;
    out.sample.acked_to = std::max(ack.ack, una_);
    out.sample.prior_in_flight = scoreboard_.in_flight();
    const bool had_out = has_out();

    const bool is_old = ack.ack < una_;
    const bool is_update = !is_old && update_window(ack, seq, out.has_advanced);
    Scoreboard::Sacked sacked;
    if (uses_sack_ && ack.sack_count > 0) {
        // Blocks below the ACK are DSACKs; blocks at it, or above what was sent, are lies.
        std::array<Range, 4> useful{};
        std::size_t count = 0;
        for (const Range& r : ack.sacks()) {
            const bool is_above = r.begin > out.sample.acked_to;
            if (is_above && r.begin < r.end && r.end <= next_) useful[count++] = r;
        }
        sacked = scoreboard_.on_sacks({useful.data(), count}, buffer_, memory);
    }
    Scoreboard::Acked acked;
    if (out.has_advanced) {
        una_ = ack.ack;
        acked = scoreboard_.on_ack(una_, buffer_, memory);
    }
    out.bytes_acked = acked.bytes;
    out.fin_acked = acked.fin;
    out.sample.newly_acked = acked.segments;
    out.sample.sacked_before = acked.sacked_before;
    out.sample.newly_sacked = sacked.segments;
    out.sample.has_congestion_mark = ack.has_ece;
    take_rtt(acked, sacked, echo_rtt, now, limits, out);
    if (loss_probe_.is_out() && !is_old) {
        const bool is_news = out.has_advanced || is_update || length > 0 || sacked.segments > 0;
        judge_loss_probe(ack, is_news, out);
    }
    if (!had_out) return out;

    const bool is_duplicate = !out.has_advanced && !is_old && length == 0 && !is_update;
    recover(out, is_duplicate, memory);
    out.sample.in_flight = scoreboard_.in_flight();
    out.sample.is_window_limited = is_window_limited();
    steer(out);
    return out;
}

void Sender::judge_loss_probe(const ToSender& ack, bool is_news, AckOutcome& out) {
    const bool names_end = uses_sack_ && ack.sack_count > 0 &&
                           ack.sack_blocks[0].end == loss_probe_.end(next_) &&
                           ack.sack_blocks[0].end <= una_;
    const LossProbe::Verdict verdict = loss_probe_.on_ack(
        {.una = una_, .next = next_, .is_news = is_news, .names_end = names_end});
    if (verdict != LossProbe::Verdict::Repaired || recovery_.is_recovering()) return;
    out.probe_repaired = true;
    std::visit([&](CongestionController auto& c) { c.on_loss(out.sample); }, controller_);
}

void Sender::take_rtt(const Scoreboard::Acked& acked, const Scoreboard::Sacked& sacked,
                      const std::optional<Duration>& echo_rtt, Instant now, const RtoLimits& limits,
                      AckOutcome& out) {
    std::optional<Duration> rtt;
    if (acked.first_sent && !acked.had_retransmitted) {
        rtt = now - *acked.first_sent;
    } else if (sacked.first_sent) {
        rtt = now - *sacked.first_sent;
    } else if (acked.segments > 0 && echo_rtt) {
        rtt = echo_rtt;
    }
    if (!rtt || *rtt < Duration{}) return;
    out.sample.rtt = *rtt;
    rtt_.on_sample(*rtt, una_, next_, limits.lowest);
    // RFC 6298 §5.7: what tells nothing of the round trip leaves the RTO doubled (Karn).
    rtt_.reset_backoff();
}

void Sender::recover(AckOutcome& out, bool is_duplicate, SendMemory& memory) {
    if (uses_sack_) {
        if (out.sample.newly_sacked > 0 || out.has_advanced) {
            out.sample.newly_lost =
                scoreboard_.mark_lost_below_sacked(buffer_, recovery_.threshold());
        }
    } else if (out.has_advanced) {
        if (recovery_.is_recovering()) {
            scoreboard_.forget_duplicate_acks(out.sample.newly_acked);
        } else {
            scoreboard_.forget_all_duplicate_acks();
        }
    } else if (is_duplicate && recovery_.phase() != CongestionState::Loss &&
               !recovery_.is_held(una_)) {
        scoreboard_.count_duplicate_ack();
    }
    out.step = recovery_.on_ack({.una = una_,
                                 .next = next_,
                                 .has_advanced = out.has_advanced,
                                 .has_sack = uses_sack_,
                                 .sacked = scoreboard_.sacked(),
                                 .lost = scoreboard_.lost()});
    switch (out.step) {
        case Recovery::Step::Enter:
            force_one_ = true;
            loss_probe_.forget();
            if (!uses_sack_) out.sample.newly_lost = scoreboard_.mark_first_lost(buffer_, memory);
            break;
        case Recovery::Step::PartialAck:
            out.sample.newly_lost = scoreboard_.mark_first_lost(buffer_, memory);
            force_one_ = true;
            break;
        case Recovery::Step::Leave:
            if (!uses_sack_) scoreboard_.forget_all_duplicate_acks();
            break;
        case Recovery::Step::None: break;
    }
}

void Sender::steer(const AckOutcome& out) {
    std::visit(
        [&](CongestionController auto& c) {
            if (out.step == Recovery::Step::Enter) return c.on_loss(out.sample);
            // What ended the recovery is an ACK like others.
            if (out.step == Recovery::Step::Leave) c.on_recovered();
            const bool is_reducing = recovery_.phase() == CongestionState::Recovery;
            if (!is_reducing && out.sample.newly_acked > 0) c.on_ack(out.sample);
        },
        controller_);
}

// tcp_is_cwnd_limited: in slow start, half of the window used is enough.
bool Sender::is_window_limited() const {
    if (was_window_limited_) return true;
    const std::int32_t window = window_of(controller_);
    return window < threshold_of(controller_) && window < 2 * most_out_;
}

void Sender::lower_mss(std::uint16_t mss) {
    if (mss >= mss_) return;
    mss_ = mss;
    if (scoreboard_.mark_too_large_lost(buffer_, mss) > 0) recovery_.on_smaller_mtu(next_);
}

bool Sender::on_timeout() {
    if (!has_out()) return false;
    loss_probe_.forget();
    const bool is_first = recovery_.on_timeout(una_, next_);
    if (!uses_sack_) scoreboard_.forget_all_duplicate_acks();
    scoreboard_.mark_all_lost(buffer_);
    std::visit(
        [&](CongestionController auto& c) { c.on_timeout(scoreboard_.in_flight(), is_first); },
        controller_);
    rtt_.on_timeout();
    return true;
}

}  // namespace fairlead::tcp
