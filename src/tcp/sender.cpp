#include "tcp/sender.hpp"

#include <algorithm>

#include "tcp/pacing.hpp"

namespace fairlead::tcp {

bool Sender::start(SendMemory& memory) {
    pushed_ = 1;
    return buffer_.append_syn(Position{0}, memory);
}

void Sender::start_accepted(std::int64_t window) {
    una_ = next_ = Position{1};
    small_sent_ = low_bits(next_);
    usage_end_ = pushed_ = 1;
    buffer_.start_at(una_);
    window_ = largest_window_ = static_cast<std::int32_t>(window);
    was_accepted_ = true;
}

std::int64_t Sender::goal() const {
    // Never more than half of the largest window in one chunk: the peer must see it move. None is
    // known where it was shut from the beginning (tcp_bound_to_half_wnd()).
    const std::int64_t segment = mss();
    std::int64_t most = Chunk::kMaxBytes;
    if (largest_window_ > kDefaultMss) {
        most = std::min<std::int64_t>(most, largest_window_ / 2);
    } else if (largest_window_ > 0) {
        most = largest_window_;
    }
    return std::max(most / segment * segment, segment);
}

std::int64_t Sender::write(Bytes bytes, SendMemory& memory, std::int64_t limit) {
    note_pause();
    const std::int64_t size = goal();
    Chunk* last = buffer_.chunks().last();
    const std::int64_t taken = buffer_.write(bytes, size, mss(), memory, limit);
    push_half_windows(last != nullptr ? last : buffer_.chunks().first(), size);
    return taken;
}

// Half a window without a push: push, so that the peer's reader sees it (forced_push).
void Sender::push_half_windows(Chunk* c, std::int64_t full) {
    for (; c != nullptr; c = c->next) {
        const bool is_full = c->payload() >= full || c->next == nullptr;
        const auto beyond = static_cast<std::int32_t>(low_bits(c->end) - pushed_);
        if (!is_full || beyond <= largest_window_ / 2) continue;
        c->psh = true;
        pushed_ = low_bits(c->end);
    }
}

bool Sender::close(SendMemory& memory) { return buffer_.append_fin(memory); }

// RFC 9293 MUST-60, MUST-61; RFC 1122 REQ-4.2.2.2
void Sender::mark_push() {
    if (Chunk* c = buffer_.chunks().last(); c != nullptr && buffer_.first_unsent() != nullptr) {
        c->psh = true;
        pushed_ = low_bits(buffer_.end());
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
    const auto beyond = static_cast<std::int32_t>(low_bits(seq) - window_from_);
    return beyond > 0 || (beyond == 0 && (ack.window > window_ || ack.window == 0));
}

bool Sender::update_window(const ToSender& ack, Position seq, bool has_advanced) {
    if (!has_advanced && !has_newer_window(ack, seq)) return false;
    window_from_ = low_bits(seq);
    if (window_ == ack.window) return true;
    window_ = static_cast<std::int32_t>(ack.window);
    largest_window_ = std::max(largest_window_, window_);
    return true;
}

Delivering Sender::delivering(const SendContext& in) {
    if (backroom_ == nullptr) return {.now = in.now};
    return {.now = in.now,
            .least = rtt_.has_sample() ? rtt_.minimum() : Duration{},
            .recovery_end = backroom_->recovery_end,
            .echoed = echoed(in),
            .rack = &backroom_->rack,
            .rate = &backroom_->rate};
}

Sender::AckOutcome Sender::on_ack(const ToSender& ack, Position seq, std::int64_t length,
                                  const SendContext& in) {
    AckOutcome out;
    out.has_advanced = ack.ack > una_;
    out.sample.now = in.now;
    out.sample.acked_to = una_.value();  // before it
    out.sample.prior_in_flight = scoreboard_.in_flight();
    const bool is_whole = backroom_ == nullptr || !backroom_->is_indexing;
    const bool is_in_order = is_whole && phase_ == CongestionState::Open && ack.sack_count == 0 &&
                             !ack.has_ece && !loss_probe_.is_out() &&
                             (length > 0 || out.has_advanced);
    if (is_in_order && ack.ack >= una_) {
        take_in_order(ack, seq, out, in);
    } else {
        take_in_doubt(ack, seq, length, out, in);
    }
    return out;
}

// Nothing is missing, and nothing says so: as nearly always.
void Sender::take_in_order(const ToSender& ack, Position seq, AckOutcome& out,
                           const SendContext& in) {
    update_window(ack, seq, out.has_advanced);
    if (!out.has_advanced) return;
    una_ = ack.ack;
    const Scoreboard::Acked acked = scoreboard_.on_ack(una_, delivering(in), buffer_, in.memory);
    out.sample.newly_acked = out.sample.delivered = acked.segments;
    out.restarts_timer = acked.segments > 0;
    if (acked.segments == 0) {
        note_pace(in.config);  // of a part of a segment; tcp_cong_control()
        return;
    }
    RoundTrip told{.alone = &acked};
    if (acked.first_sent && !acked.had_retransmitted) {
        told.first = in.now - *acked.first_sent;
        told.last = in.now - acked.last_sent;
        take_rtt(told, out, in);
    } else if (in.echo) {
        told.first = told.last = std::max(*in.echo, 1_ms);
        take_rtt(told, out, in);
    }
    delivered_ += static_cast<std::uint32_t>(acked.segments);
    if (backroom_ != nullptr) {
        measure(out.sample, false, in);
    } else {
        measure_flight(acked.last, in.now);
    }
    steer(out, true, in);
}

void Sender::measure_flight(const FlightRate::Acked& last, Instant now) {
    const Duration least = rtt_.has_sample() ? rtt_.minimum() : Duration::infinite();
    flight_rate_.on_delivered(last, delivered_, least, first_in_flight(), now);
}

void Sender::measure(AckSample& sample, bool has_reneged, const SendContext& in) {
    sample.rate =
        backroom_->rate.take({.delivered = delivered_,
                              .newly = sample.delivered,
                              .least = rtt_.has_sample() ? rtt_.minimum() : Duration::infinite(),
                              .has_reneged = has_reneged},
                             in.now);
}

void Sender::take_in_doubt(const ToSender& ack, Position seq, std::int64_t length, AckOutcome& out,
                           const SendContext& in) {
    News news{.una_before = una_, .has_advanced = out.has_advanced, .has_data = length > 0};
    news.had_out = has_out();
    const std::uint32_t delivered_before = delivered_;
    news.highest_before = uses_sack_ && scoreboard_.sacked() > 0 ? backroom_->highest_sacked : una_;
    const bool had_out = news.had_out;
    const bool is_old = out.is_late = ack.ack < una_;
    news.moves_window = !is_old && update_window(ack, seq, news.has_advanced);
    if (news.has_advanced) una_ = ack.ack;
    if (uses_sack_ && ack.sack_count > 0) take_sacks(ack, news, out, in);
    if (had_out && (news.has_advanced || news.has_sacked)) take_acked(news, out, in);
    take_marks(ack, delivered_before, news, out.sample, in);
    if (loss_probe_.is_out() && !is_old) judge_loss_probe(news, out, in);
    const bool is_told = is_old ? ack.sack_count > 0 : had_out || news.has_duplicate;
    if (is_told && (is_old || news.is_dubious() || phase_ != CongestionState::Open)) {
        if (!is_old && news.is_duplicate()) news.duplicates = 1;
        recover(news, out, in);
    }
    sum_up(delivered_before, news, out.sample);
    if (backroom_ != nullptr) measure(out.sample, news.has_reneged, in);
    if (had_out && !is_old && (news.has_advanced || out.sample.delivered > 0)) {
        const bool is_reordering = reordering_ > in.config.tcp_reordering;
        // tcp_may_raise_cwnd(): a path that reorders is believed by its SACKs as well.
        steer(out, news.has_acked || (news.has_sacked && is_reordering), in);
    }
    if (backroom_ != nullptr) tidy_backroom(in.memory);
}

// What an ACK says of marks: of all that it delivers (RFC 3168), or how many (tcp_accecn_process()).
void Sender::take_marks(const ToSender& ack, std::uint32_t delivered_before, News& news,
                        AckSample& sample, const SendContext& in) const {
    if (in.accurate == nullptr) {
        news.has_mark = news.are_all_marked = ack.has_ece;
        return;
    }
    if (ack.ack < una_) return;
    const AccurateAck& heard = *in.accurate;
    const std::int64_t sacked = sample.newly_sacked - sample.sacked_before;
    sample.marked = heard.counters.on_ack(
        {.ace = heard.ace,
         .option = heard.option,
         .delivered = static_cast<std::int32_t>(delivered_ - delivered_before),
         .delivered_bytes =
             std::max<std::int64_t>(una_ - news.una_before + sacked * whole_mss(), 0),
         .sent_bytes = next_.value(),
         .mss = whole_mss(),
         .is_news = news.has_acked || news.has_sacked || heard.has_newer_time,
         .has_advanced = news.has_acked,
         .counts_well =
             uses_sack_ || phase_ == CongestionState::Open || phase_ == CongestionState::Cwr});
    news.has_mark = sample.marked > 0;
}

void Sender::sum_up(std::uint32_t delivered_before, const News& news, AckSample& sample) const {
    sample.delivered = static_cast<std::int32_t>(delivered_ - delivered_before);
    if (news.are_all_marked) sample.marked = sample.delivered;
}

// tcp_is_sackblock_valid()
bool Sender::is_useful(const Range& block, bool is_duplicate) const {
    if (block.end > next_ || block.begin >= block.end) return false;
    if (block.begin > una_) return true;
    // At the ACK it is nonsense; below it, a DSACK, of which only the undoing wants to know.
    if (!is_duplicate || !backroom_->undo.is_open() || block.end > una_) return false;
    const Position marker = backroom_->undo.marker();
    return block.begin >= marker ||
           (block.end > marker && block.begin >= block.end - largest_window_);
}

// tcp_check_dsack(). True: the first block is one.
bool Sender::take_duplicate(const ToSender& ack, News& news, const SendContext& in) {
    const Range first = ack.sack_blocks[0];
    if (first.begin < ack.ack) {
        in.counters.add(Counter::TcpExtTCPDSACKRecv);
    } else if (ack.sack_count > 1 && ack.sack_blocks[1].begin <= first.begin &&
               first.end <= ack.sack_blocks[1].end) {
        in.counters.add(Counter::TcpExtTCPDSACKOfoRecv);
    } else {
        return false;
    }
    const std::int64_t length = first.end - first.begin;
    std::int32_t segments = 1;
    bool is_credible = length > 0 && length <= largest_window_;
    if (is_credible) {
        // Without the room of our own blocks (tp->mss_cache), here as in what follows.
        if (const std::int64_t whole = whole_mss(); length > whole) {
            segments = static_cast<std::int32_t>((length + whole - 1) / whole);
        } else {
            news.names_probe = loss_probe_.is_out() && first.end == loss_probe_.end(next_);
        }
        backroom_->duplicates += static_cast<std::uint32_t>(segments);
        // More than was ever sent again is a lie.
        is_credible = backroom_->duplicates <= in.retransmitted;
    }
    if (!is_credible) {
        in.counters.add(Counter::TcpExtTCPDSACKIgnoredDubious);
        return false;
    }
    if (backroom_->reorderings > 0 && !news.names_probe) backroom_->rack.on_duplicate();
    news.has_duplicate = true;
    delivered_ += static_cast<std::uint32_t>(segments);
    in.counters.add(Counter::TcpExtTCPDSACKRecvSegs, static_cast<std::uint64_t>(segments));
    // What of it is out yet is looked at one by one: of the original it tells nothing.
    if (first.end <= news.una_before) backroom_->undo.on_duplicate(segments, first.end);
    return true;
}

void Sender::take_sacks(const ToSender& ack, News& news, AckOutcome& out, const SendContext& in) {
    if (open_backroom(in) == nullptr) return;
    const bool has_duplicate = take_duplicate(ack, news, in);
    std::array<Range, 4> useful{};
    std::size_t count = 0;
    Scoreboard::Duplicated duplicate;
    for (std::size_t i = 0; i < ack.sack_count; ++i) {
        const Range& block = ack.sack_blocks[i];
        const bool is_duplicate = has_duplicate && i == 0;
        if (is_useful(block, is_duplicate)) {
            if (is_duplicate) {
                duplicate = scoreboard_.duplicated(block, buffer_);
                continue;
            }
            // In stream order, so that the last round trip is of what was sent last.
            std::size_t at = count;
            for (; at > 0 && block < useful[at - 1]; --at) useful[at] = useful[at - 1];
            useful[at] = block;
            ++count;
        } else if (!news.had_out) {
            continue;
        } else if (is_duplicate) {
            in.counters.add(backroom_->undo.is_open() ? Counter::TcpExtTCPDSACKIgnoredOld
                                                      : Counter::TcpExtTCPDSACKIgnoredNoUndo);
        } else if (ack.ack == una_ || block.end > una_) {
            in.counters.add(Counter::TcpExtTCPSACKDiscard);
        }
    }
    if (scoreboard_.sacked() == 0) backroom_->highest_sacked = una_;
    const Scoreboard::Sacked sacked = scoreboard_.on_sacks(
        {useful.data(), count}, delivering(in), backroom_->highest_sacked, buffer_, in.memory);
    delivered_ += static_cast<std::uint32_t>(sacked.segments);
    out.sample.newly_sacked = sacked.segments;
    news.has_sacked = sacked.segments > 0;
    news.had_original = sacked.had_original;
    news.delivered_before = sacked.delivered_before;
    news.first_sacked = sacked.first_sent;
    news.last_sacked = sacked.last_sent;
    backroom_->undo.on_duplicate(duplicate.segments, duplicate.end);
    const Position late = std::min(sacked.late, duplicate.late);
    if (late < Scoreboard::kNowhere &&
        (phase_ != CongestionState::Loss || backroom_->undo.is_open())) {
        note_reordering(late, Counter::TcpExtTCPSACKReorder, in);
    }
}

// tcp_clean_rtx_queue()
void Sender::take_acked(News& news, AckOutcome& out, const SendContext& in) {
    Scoreboard::Acked acked;
    if (news.has_advanced) {
        acked = scoreboard_.on_ack(una_, delivering(in), buffer_, in.memory);
    }
    out.sample.newly_acked = acked.segments;
    out.sample.sacked_before = acked.sacked_before;
    news.has_acked = out.restarts_timer = acked.segments > 0;
    if (acked.segments > acked.sacked_before) {
        news.delivered_before = std::max(news.delivered_before, acked.last.delivered_before);
    }
    const Chunk* first = buffer_.chunks().first();
    news.has_reneged = first != nullptr && first->is_sacked;
    const bool has_rtt = find_rtt(acked, news, out, in);
    if (acked.segments > 0) {
        const bool can_tell = uses_sack_ || !acked.had_retransmitted;
        news.had_original = (news.had_original || acked.had_original) && can_tell;
        count_delivered(acked, in);
        if (backroom_ == nullptr) measure_flight(acked.last, in.now);
        // Sent once, not reported, and now here: it came late (or its report was lost).
        if (uses_sack_ && acked.late < news.highest_before) {
            note_reordering(acked.late, Counter::TcpExtTCPSACKReorder, in);
        }
    } else if (has_rtt && first != nullptr && news.first_sacked &&
               *news.first_sacked < first->last_sent) {
        // What was SACKed left before the first was sent last: the timer may go on from now.
        out.restarts_timer = true;
    }
    if (backroom_ != nullptr && (in.config.tcp_recovery & kRackFixedWindow) == 0) {
        backroom_->rack.adapt(news.delivered_before, delivered_);
    }
}

void Sender::count_delivered(const Scoreboard::Acked& acked, const SendContext& in) {
    if (uses_sack_) {
        delivered_ += static_cast<std::uint32_t>(acked.segments - acked.sacked_before);
        return;
    }
    // One filled the hole, the others had sent duplicates.
    delivered_ += static_cast<std::uint32_t>(std::max(acked.segments - scoreboard_.sacked(), 1));
    if (scoreboard_.forget_duplicate_acks(acked.segments) && open_backroom(in) != nullptr) {
        note_too_many_duplicates(acked.segments, in);
    }
}

void Sender::judge_loss_probe(const News& news, AckOutcome& out, const SendContext& in) {
    const bool is_news = news.has_advanced || news.moves_window || news.has_data || news.has_sacked;
    const LossProbe::Verdict verdict = loss_probe_.on_ack(
        {.una = una_, .next = next_, .is_news = is_news, .names_end = news.names_probe});
    if (verdict != LossProbe::Verdict::Repaired || open_backroom(in) == nullptr) return;
    // tcp_process_tlp_ack(): a loss that nothing else tells of.
    begin_reduction(Cause::Loss, in);
    enter(CongestionState::Cwr, in);
    end_reduction();
    keep_open(in);
    in.counters.add(Counter::TcpExtTCPLossProbeRecovery);
    out.sample.newly_lost = 0;
}

// tcp_ack_update_rtt(). True: the ACK told a round trip.
bool Sender::find_rtt(const Scoreboard::Acked& acked, const News& news, AckOutcome& out,
                      const SendContext& in) {
    std::optional<Duration> rtt;
    Duration last;
    if (acked.first_sent && !acked.had_retransmitted) {
        rtt = in.now - *acked.first_sent;
        last = in.now - acked.last_sent;
    }
    if (news.first_sacked) {
        if (!rtt) rtt = in.now - *news.first_sacked;
        last = in.now - news.last_sacked;
    }
    if (!rtt && acked.segments > 0 && in.echo) {
        last = std::max(*in.echo, 1_ms);
        rtt = last;
    }
    if (!rtt) return false;
    return take_rtt({*rtt, last, news.has_sacked ? nullptr : &acked}, out, in);
}

// FLAG_ACK_MAYBE_DELAYED: it is of a short segment that was alone on its way.
bool Sender::is_maybe_delayed(const Scoreboard::Acked& acked) const {
    return acked.segments == 1 && acked.bytes < whole_mss() &&
           acked.last.delivered_before == delivered_ && acked.sacked_before == 0 && !acked.syn &&
           uses_sack_;
}

bool Sender::take_rtt(const RoundTrip& told, AckOutcome& out, const SendContext& in) {
    if (told.first < Duration{}) return false;
    out.sample.rtt = told.first;
    out.sample.last_rtt = told.last;
    rtt_.on_sample(told.first, una_, next_, in.lowest_rto);
    if (told.last <= rtt_.minimum() || told.alone == nullptr || !is_maybe_delayed(*told.alone)) {
        rtt_.on_shortest(told.last, in.now, Duration::from_s(in.config.tcp_min_rtt_wlen));
    }
    // RFC 6298 §5.7: what tells nothing of the round trip leaves the RTO doubled (Karn).
    rtt_.reset_backoff();
    return true;
}

// What a controller that has a state may want to know.
void Sender::tell(AckSample& sample, const SendContext& in) {
    sample.in_flight = scoreboard_.in_flight();
    sample.next = next_.value();
    sample.least_rtt = rtt_.minimum();
    sample.smoothed_rtt = rtt_.smoothed();
    sample.pacing_rate = pacing_rate(in.config);
    sample.total_delivered = delivered_;
    sample.total_lost = backroom_->rate.lost();
    sample.loss = backroom_->rate.take_loss();
    sample.mss = whole_mss();
    sample.is_paced = backroom_->pacer.is_on();
    if (sample.is_paced) {
        sample.until_next_departure = backroom_->pacer.until_departure(in.now);
    }
    // FLAG_ACK_MAYBE_DELAYED
    const std::int64_t bytes = una_.value() - sample.acked_to;
    sample.is_delayed = sample.newly_acked == 1 && sample.sacked_before == 0 &&
                        bytes < whole_mss() && sample.rate.delivered == 1;
    sample.acked_to = una_.value();
    sample.counters = &in.counters;
}

// tcp_cong_control()
// RFC 9293 MUST-19, MAY-18
void Sender::steer(AckOutcome& out, bool is_forward, const SendContext& in) {
    AckSample& sample = out.sample;
    const Acting acting = acting_controller(in);
    const CongestionOperations& c = *acting.controller;
    if (acting.state != nullptr) {
        tell(sample, in);
        if (c.on_delivered != nullptr && sample.newly_acked > 0) {
            c.on_delivered(acting.state, congestion_, sample);
        }
    }
    sample.is_window_limited = is_window_limited();
    if (c.control != nullptr) {
        c.control(acting.state, congestion_, sample);
    } else if (is_reducing()) {
        reduce(sample, out.has_advanced);
    } else if (is_forward) {
        c.on_ack(acting.state, congestion_, sample);
    }
    note_pace(in.config);
    if (backroom_ != nullptr) set_pace(acting, in.config);
}

void Sender::set_pace(const Acting& acting, const Config& config) {
    Pacer& pacer = backroom_->pacer;
    if (acting.controller->pacing_rate != nullptr) {
        pacer.set_rate(acting.controller->pacing_rate(acting.state));
    } else if (pacer.is_on()) {
        const std::int64_t rate = pacing_rate(config);
        if (rate > 0) pacer.set_rate(rate);
    }
}

void Sender::note_pace(const Config& config, std::int64_t segment) {
    std::int64_t rate = pacing_rate(config);
    if (rate <= 0) return;
    if (segment != 0) rate = rate / whole_mss() * segment;
    pace_ =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(rate >> kPacingShift, 1, UINT32_MAX));
}

// tcp_update_pacing_rate()
std::int64_t Sender::pacing_rate(const Config& config) const {
    const std::int64_t us = rtt_.smoothed().us();
    if (us <= 0) return 0;
    const std::int32_t window = congestion_.segments;
    const std::int64_t percent = window < congestion_.threshold / 2 ? config.tcp_pacing_ss_ratio
                                                                    : config.tcp_pacing_ca_ratio;
    return std::int64_t{whole_mss()} * std::max(window, scoreboard_.out()) * percent * 10'000 / us;
}

// tcp_is_cwnd_limited: in slow start, half of the window used is enough.
bool Sender::is_window_limited() const {
    if (was_window_limited_) return true;
    return congestion_.is_slow_start() && congestion_.segments < 2 * most_out_;
}

}  // namespace fairlead::tcp
