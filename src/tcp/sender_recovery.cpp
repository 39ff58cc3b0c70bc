// The phases of a sender, as Linux's tcp_fastretrans_alert() goes through them.
//
//      Open -> Disorder -> Recovery -> Open        (found by ACKs)
//      any  -> Loss -> Open                        (found by the timer)
//      Open -> CWR -> Open                         (the network said so)
//
// RFC 5681 §3.2, RFC 6582 (without SACK), RFC 8985 (what is lost), RFC 9937 (the window on the way
// down), RFC 5682 (F-RTO), RFC 4015 and 3708 (taking it back).
#include <algorithm>

#include "tcp/sender.hpp"

namespace fairlead::tcp {

std::int32_t Sender::threshold_after(Cause cause, const SendContext& in) {
    void* state = controller_state(in);
    const bool can_ask = !controller_->has_state || state != nullptr;
    const CongestionOperations& asked = can_ask ? *controller_ : kReno;
    // Less than for a loss, if the controller says so.
    const bool is_mark = cause == Cause::Mark && asked.threshold_of_mark != nullptr;
    const std::int32_t threshold =
        (is_mark ? asked.threshold_of_mark : asked.threshold)(state, congestion_, in.now);
    // RFC 8511 §3: not in slow start, which has gone too far by as much as it grew.
    if (cause != Cause::Mark || in.config.tcp_abe == 0 || congestion_.is_slow_start()) {
        return threshold;
    }
    constexpr std::int64_t kWhole = 100;
    const std::int64_t kept = std::int64_t{congestion_.segments} * asked.kept_at_mark / kWhole;
    return std::max(threshold, static_cast<std::int32_t>(kept));
}

std::optional<Instant> Sender::echoed(const SendContext& in) const {
    if (!in.echo) return std::nullopt;
    constexpr std::int64_t kMillisecond = 1'000'000;
    return Instant::from_ns(in.now.ns() / kMillisecond * kMillisecond) - *in.echo;
}

void Sender::enter(CongestionState phase, const SendContext& in) {
    phase_ = phase;
    if (controller_->on_phase == nullptr) return;
    if (controller_->has_state && (backroom_ == nullptr || !backroom_->has_controller)) return;
    controller_->on_phase(controller_state(in), phase);
}

// --- what is lost ---

void Sender::note_lost(const Scoreboard::Lost& lost, const SendContext& in) {
    backroom_->rate.on_lost(lost.segments, lost.first);
    if (lost.retransmissions == 0) return;
    in.counters.add(Counter::TcpExtTCPLostRetransmit,
                    static_cast<std::uint64_t>(lost.retransmissions));
}

Duration Sender::reordering_window(const SendContext& in) const {
    const bool counts = (in.config.tcp_recovery & kRackWithoutDuplicates) == 0;
    return backroom_->rack.window(
        {.is_recovering = phase_ >= CongestionState::Recovery,
         .has_enough_sacked = counts && scoreboard_.sacked() >= reordering_,
         .has_reordered = backroom_->reorderings > 0,
         .least = rtt_.minimum(),
         .smoothed = rtt_.smoothed()});
}

// tcp_identify_packet_loss()
void Sender::find_lost(const News& news, AckOutcome& out, const SendContext& in) {
    if (!has_out()) return;
    Scoreboard::Lost lost;
    if (uses_sack_) {
        if (!backroom_->rack.take_news()) return;
        lost = scoreboard_.mark_overdue(backroom_->rack, reordering_window(in), in.now);
        if (!lost.wait.is_zero()) {
            out.look_again = lost.wait + kShortestWait;
            out.restarts_timer = false;
        }
    } else if ((phase_ < CongestionState::Recovery && scoreboard_.sacked() >= reordering_) ||
               (phase_ == CongestionState::Recovery && news.has_advanced)) {
        lost = scoreboard_.mark_first_lost(buffer_, in.memory);
    }
    out.sample.newly_lost += lost.segments;
    out.retransmissions_lost += lost.retransmissions;
    note_lost(lost, in);
}

// tcp_check_sack_reordering(): what arrived last was sent before something that arrived earlier.
void Sender::note_reordering(Position low, Counter counter, const SendContext& in) {
    const bool has_sacked = uses_sack_ && scoreboard_.sacked() > 0;
    const Position highest = has_sacked ? backroom_->highest_sacked : una_;
    if (low >= highest) return;
    const std::int64_t segment = whole_mss();
    const std::int64_t segments = (highest - low + segment - 1) / segment;
    if (highest - low > reordering_ * segment) {
        set_reordering(std::min(segments, in.config.tcp_max_reordering));
    }
    ++backroom_->reorderings;
    in.counters.add(counter);
}

void Sender::note_too_many_duplicates(std::int32_t more, const SendContext& in) {
    set_reordering(std::min<std::int64_t>(scoreboard_.out() + more, in.config.tcp_max_reordering));
    ++backroom_->reorderings;
    in.counters.add(Counter::TcpExtTCPRenoReorder);
}

// tcp_add_reno_sack()
void Sender::count_duplicates(std::int32_t count, const SendContext& in) {
    for (; count > 0; --count) {
        const std::int32_t before = scoreboard_.sacked();
        if (scoreboard_.count_duplicate_ack()) note_too_many_duplicates(0, in);
        delivered_ += static_cast<std::uint32_t>(std::max(scoreboard_.sacked() - before, 0));
    }
}

// --- the window on its way down ---

void Sender::begin_undo() {
    backroom_->undo.begin(
        una_, scoreboard_.retransmitted() + (loss_probe_.is_retransmission_out() ? 1 : 0));
}

// tcp_init_cwnd_reduction()
void Sender::begin_reduction(Cause cause, const SendContext& in) {
    backroom_->recovery_end = next_;
    loss_probe_.forget();
    congestion_.credit = 0;
    backroom_->reduction.begin(congestion_.segments);
    congestion_.threshold = threshold_after(cause, in);
    owes_cwr_ = uses_ecn_;
}

// tcp_enter_recovery()
void Sender::enter_recovery(bool has_mark, const SendContext& in) {
    in.counters.add(uses_sack_ ? Counter::TcpExtTCPSackRecovery : Counter::TcpExtTCPRenoRecovery);
    backroom_->undo.threshold = 0;
    begin_undo();
    if (!is_reducing()) {
        if (!has_mark) backroom_->undo.threshold = congestion_.three_quarters();
        begin_reduction(Cause::Loss, in);
    }
    enter(CongestionState::Recovery, in);
}

// tcp_enter_cwr()
void Sender::enter_reduction(const SendContext& in) {
    backroom_->undo.threshold = 0;
    if (phase_ >= CongestionState::Cwr) return;
    backroom_->undo.forget();
    begin_reduction(Cause::Mark, in);
    enter(CongestionState::Cwr, in);
}

// tcp_end_cwnd_reduction()
void Sender::end_reduction() {
    if (controller_->control != nullptr) return;
    const bool is_bounded = congestion_.threshold < CongestionWindow::kNoThreshold;
    if (is_bounded && (phase_ == CongestionState::Cwr || backroom_->undo.is_open())) {
        congestion_.segments = congestion_.threshold;
    }
}

// tcp_cwnd_reduction()
void Sender::reduce(const AckSample& sample, bool has_advanced) {
    if (sample.delivered <= 0) return;
    const std::int32_t in_flight = scoreboard_.in_flight();
    congestion_.segments = in_flight + backroom_->reduction.allowance(
                                           {.delivered = sample.delivered,
                                            .in_flight = in_flight,
                                            .threshold = congestion_.threshold,
                                            .is_safe = has_advanced && sample.newly_lost == 0});
}

// --- taking it back ---

// tcp_any_retrans_done()
bool Sender::has_retransmitted() const {
    if (scoreboard_.retransmitted() > 0) return true;
    const Chunk* first = buffer_.chunks().first();
    return has_out() && first != nullptr && first->was_retransmitted;
}

// RFC 6582 §3.2: without SACK the phase is held until something above its end is acknowledged, lest
// late duplicates start another one.
bool Sender::is_held_open() const { return !uses_sack_ && una_ == backroom_->recovery_end; }

// tcp_undo_cwnd_reduction()
void Sender::undo_reduction(bool unmarks, const SendContext& in) {
    Undo& undo = backroom_->undo;
    if (unmarks) scoreboard_.forget_losses(buffer_);
    if (undo.threshold != 0) {
        const std::int32_t before = backroom_->reduction.before();
        const Acting acting = acting_controller(in);
        congestion_.segments = acting.controller->undone != nullptr
                                   ? acting.controller->undone(acting.state, congestion_, before)
                                   : std::max(congestion_.segments, before);
        if (undo.threshold > congestion_.threshold) {
            congestion_.threshold = undo.threshold;
            owes_cwr_ = false;
        }
    }
    undo.forget();
    backroom_->rack.look_again();
}

// tcp_may_undo()
bool Sender::is_undo_due(const SendContext& in) const {
    return backroom_->undo.is_due(echoed(in), !uses_sack_ && una_ >= backroom_->recovery_end);
}

// tcp_try_undo_recovery(). True: the phase is held.
bool Sender::undo_recovery(const SendContext& in) {
    if (is_undo_due(in)) {
        undo_reduction(false, in);
        in.counters.add(phase_ == CongestionState::Loss ? Counter::TcpExtTCPLossUndo
                                                        : Counter::TcpExtTCPFullUndo);
    } else {
        backroom_->rack.on_recovered();
    }
    if (is_held_open()) {
        if (!has_retransmitted()) backroom_->undo.forget_retransmissions();
        return true;
    }
    enter(CongestionState::Open, in);
    return false;
}

// tcp_try_undo_loss()
bool Sender::undo_timeout(bool is_tentative, AckOutcome& out, const SendContext& in) {
    if (!is_tentative && !is_undo_due(in)) return false;
    undo_reduction(true, in);
    in.counters.add(Counter::TcpExtTCPLossUndo);
    if (is_tentative) in.counters.add(Counter::TcpExtTCPSpuriousRTOs);
    out.was_spurious = true;
    if (is_held_open()) {
        if (!has_retransmitted()) backroom_->undo.forget_retransmissions();
        return true;
    }
    if (is_tentative || uses_sack_) enter(CongestionState::Open, in);
    return true;
}

// tcp_try_undo_partial(): the hole was filled by the original, late. True: wait and see.
bool Sender::undo_in_part(const News& news, const SendContext& in) {
    if (!backroom_->undo.is_open() || !backroom_->undo.was_late(echoed(in))) return false;
    note_reordering(news.una_before, Counter::TcpExtTCPTSReorder, in);
    if (scoreboard_.retransmitted() > 0) return true;
    if (!has_retransmitted()) backroom_->undo.forget_retransmissions();
    undo_reduction(true, in);
    in.counters.add(Counter::TcpExtTCPPartialUndo);
    keep_open(in);
    return false;
}

// tcp_try_undo_dsack()
bool Sender::undo_by_duplicates(const SendContext& in) {
    if (!backroom_->undo.all_were_needless()) return false;
    backroom_->rack.on_undone();
    undo_reduction(false, in);
    in.counters.add(Counter::TcpExtTCPDSACKUndo);
    return true;
}

// --- the phases ---

// tcp_try_keep_open()
void Sender::keep_open(const SendContext& in) {
    const bool is_whole = scoreboard_.sacked() + scoreboard_.lost() == 0 && !has_retransmitted();
    const CongestionState phase = is_whole ? CongestionState::Open : CongestionState::Disorder;
    if (phase == phase_) return;
    enter(phase, in);
    backroom_->recovery_end = next_;
}

// tcp_try_to_open()
void Sender::try_open(const News& news, const SendContext& in) {
    if (!has_retransmitted()) backroom_->undo.forget_retransmissions();
    if (news.has_mark) enter_reduction(in);
    if (phase_ != CongestionState::Cwr) keep_open(in);
}

// All that was out when the phase began has arrived. False: there is nothing more to do.
bool Sender::may_leave_phase(const SendContext& in) {
    if (phase_ == CongestionState::Open) {
        backroom_->undo.forget_retransmissions();
        return true;
    }
    if (una_ < backroom_->recovery_end) return true;
    if (phase_ == CongestionState::Cwr && una_ != backroom_->recovery_end) {
        end_reduction();
        enter(CongestionState::Open, in);
    } else if (phase_ == CongestionState::Recovery) {
        if (!uses_sack_) scoreboard_.forget_all_duplicate_acks();
        if (undo_recovery(in)) return false;
        end_reduction();
    }
    return true;
}

// In Recovery. False: nothing is sent again for this ACK.
bool Sender::go_on_recovering(News& news, AckOutcome& out, const SendContext& in) {
    if (!news.has_advanced) {
        if (!uses_sack_) count_duplicates(news.duplicates, in);
    } else if (undo_in_part(news, in)) {
        return false;
    }
    if (undo_by_duplicates(in)) try_open(news, in);
    find_lost(news, out, in);
    if (phase_ == CongestionState::Recovery) return true;
    if (scoreboard_.lost() == 0) return false;
    enter_recovery(news.has_mark, in);
    return true;
}

// RFC 5682 §3.1, the version with SACK. True: something new is to leave first.
bool Sender::try_tentatively(const News& news, AckOutcome& out, const SendContext& in) {
    if (news.had_original && undo_timeout(true, out, in)) return false;
    const bool has_recovered = una_ >= backroom_->recovery_end;
    if (next_ > backroom_->recovery_end) {
        // Step 3.a: what followed the retransmission arrived out of order. It was a loss.
        if (news.has_sacked || news.duplicates > 0) backroom_->is_tentative = false;
    } else if (news.has_advanced && !has_recovered) {
        backroom_->recovery_end = next_;
        // Step 2.b.
        if (has_unsent() && window_end() > next_) return true;
        backroom_->is_tentative = false;
    }
    return false;
}

// tcp_process_loss()
void Sender::judge_timeout(News& news, AckOutcome& out, const SendContext& in) {
    const bool has_recovered = una_ >= backroom_->recovery_end;
    if (news.has_advanced && undo_timeout(false, out, in)) return;
    if (backroom_->is_tentative) {
        if (try_tentatively(news, out, in)) {
            backroom_->repair = Repair::NewData;
            return;
        }
        if (out.was_spurious) return;
    }
    if (has_recovered) {
        undo_recovery(in);
        return;
    }
    if (!uses_sack_) {
        if (next_ > backroom_->recovery_end && news.duplicates > 0) {
            count_duplicates(news.duplicates, in);
        } else if (news.has_advanced) {
            scoreboard_.forget_all_duplicate_acks();
        }
    }
    backroom_->repair = Repair::Lost;
}

// In Loss. False: there is nothing more to do.
bool Sender::go_on_after_timeout(News& news, AckOutcome& out, const SendContext& in) {
    judge_timeout(news, out, in);
    const std::int32_t before = out.retransmissions_lost;
    find_lost(news, out, in);
    return phase_ == CongestionState::Open || out.retransmissions_lost > before;
}

void Sender::recover(News& news, AckOutcome& out, const SendContext& in) {
    if (open_backroom(in) == nullptr) return;  // without memory only the timer is left
    backroom_->repair = Repair::Nothing;
    if (!has_out()) scoreboard_.forget_all_duplicate_acks();
    if (news.has_mark) backroom_->undo.threshold = 0;
    // tcp_check_sack_reneging(): give it a moment, then believe no SACK.
    if (news.has_reneged && news.has_advanced) {
        out.time_out = std::max(rtt_.smoothed() / 2, kRenegePatience);
        out.restarts_timer = false;
        return;
    }
    if (!may_leave_phase(in)) return;
    if (phase_ == CongestionState::Recovery) {
        if (go_on_recovering(news, out, in)) backroom_->repair = Repair::Lost;
        return;
    }
    if (phase_ == CongestionState::Loss && !go_on_after_timeout(news, out, in)) return;
    if (!uses_sack_) {
        if (news.has_advanced) scoreboard_.forget_all_duplicate_acks();
        count_duplicates(news.duplicates, in);
    }
    if (phase_ <= CongestionState::Disorder) undo_by_duplicates(in);
    find_lost(news, out, in);
    if (scoreboard_.lost() == 0) return try_open(news, in);
    enter_recovery(news.has_mark, in);
    backroom_->repair = Repair::Lost;
}

// tcp_rack_reo_timeout()
void Sender::on_reorder_timeout(const SendContext& in) {
    if (!has_out() || open_backroom(in) == nullptr) return;
    const std::int32_t before = scoreboard_.in_flight();
    const Scoreboard::Lost lost =
        scoreboard_.mark_overdue(backroom_->rack, reordering_window(in), in.now);
    note_lost(lost, in);
    if (scoreboard_.in_flight() == before) return;
    if (phase_ != CongestionState::Recovery) {
        enter_recovery(false, in);
        if (controller_->control == nullptr) reduce({.delivered = 1}, false);
    }
    backroom_->repair = Repair::Lost;
}

// tcp_enter_loss()
bool Sender::on_timeout(const SendContext& in) {
    if (!has_out()) return false;
    rtt_.on_timeout();
    owes_cwr_ = uses_ecn_;
    // The handshake's window begins when it is over.
    if (buffer_.chunks().first()->syn || open_backroom(in) == nullptr) {
        if (buffer_.chunks().first()->was_retransmitted) {
            in.counters.add(Counter::TcpExtTCPLostRetransmit);
        }
        syn_timed_out_ = buffer_.chunks().first()->syn;
        loss_probe_.forget();
        return true;
    }
    const bool is_new = phase_ < CongestionState::Recovery;
    const Chunk* first = buffer_.chunks().first();
    if (first->is_sacked) in.counters.add(Counter::TcpExtTCPSACKReneging);
    if (!uses_sack_) scoreboard_.forget_all_duplicate_acks();
    // RACK is for who SACKs: without, it knows no round trip, and nothing is too recent to be lost.
    const Rack rack = uses_sack_ ? backroom_->rack : Rack{};
    note_lost(scoreboard_.mark_timed_out(buffer_, rack, in.now), in);
    Undo& undo = backroom_->undo;
    if (phase_ <= CongestionState::Disorder || una_ >= backroom_->recovery_end ||
        (phase_ == CongestionState::Loss && in.timeouts == 0)) {
        undo.threshold = is_reducing() ? congestion_.threshold : congestion_.three_quarters();
        backroom_->reduction.remember(congestion_.segments);
        congestion_.threshold = threshold_after(Cause::Loss, in);
        begin_undo();
    }
    loss_probe_.forget();
    congestion_.segments = scoreboard_.in_flight() + 1;
    congestion_.credit = 0;
    // Many duplicates, and then a timeout: reordering was thought of as more than it is.
    if (phase_ <= CongestionState::Disorder && scoreboard_.sacked() >= in.config.tcp_reordering) {
        set_reordering(std::min<std::int64_t>(reordering_, in.config.tcp_reordering));
    }
    enter(CongestionState::Loss, in);
    backroom_->recovery_end = next_;
    backroom_->is_tentative = in.config.tcp_frto != 0 && (is_new || in.timeouts > 0);
    backroom_->repair = Repair::Nothing;
    return true;
}

// tcp_simple_retransmit(): what was too large goes again. No congestion, no smaller window.
void Sender::lower_mss(std::uint16_t mss, const SendContext& in) {
    if (mss >= mss_) return;
    mss_ = mss;
    resend_larger_than(mss, in);
}

void Sender::resend_larger_than(std::uint16_t mss, const SendContext& in) {
    if (!has_out() || open_backroom(in) == nullptr) return;
    const Scoreboard::Lost lost = scoreboard_.mark_too_large_lost(buffer_, mss);
    in.counters.add(Counter::TcpExtTCPLostRetransmit,
                    static_cast<std::uint64_t>(lost.retransmissions));
    if (lost.segments == 0) return;
    if (phase_ != CongestionState::Loss) {
        backroom_->recovery_end = next_;
        congestion_.threshold =
            is_reducing() ? congestion_.threshold : congestion_.three_quarters();
        backroom_->undo.threshold = 0;
        backroom_->undo.forget();
        enter(CongestionState::Loss, in);
    }
    backroom_->is_tentative = false;
    backroom_->repair = Repair::Lost;
}

}  // namespace fairlead::tcp
