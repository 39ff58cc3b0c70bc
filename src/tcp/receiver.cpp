#include "tcp/receiver.hpp"

#include <algorithm>
#include <utility>

#include "tcp/coalesce.hpp"

namespace fairlead::tcp {
namespace {

constexpr EndMarks end_marks(const ToReceiver& data) {
    return {data.psh, data.fin || data.has_urgent};
}

}  // namespace

void Receiver::start(const InitialWindow& offered, ReceiveBuffer buffer, std::uint16_t mss) {
    next_ = read_ = Position{1};
    window_.start(offered, next_, buffer);
    policy_.start(static_cast<std::uint16_t>(std::min<std::int64_t>(mss, offered.window / 2)));
}

std::int64_t Receiver::advertise(Environment& env) {
    const std::int64_t held = charged();
    if (window_.is_scarce(held, env.config)) {
        policy_.end_quick();
        if (env.budget.is_under_pressure()) window_.keep_small(advertised_mss_);
    }
    const bool was_shut = window_.offered() == 0;
    const std::int64_t window = window_.advertise(next_, held, policy_.usual_segment(), env.config);
    if (window_.is_held_open()) env.counters.add(Counter::TcpExtTCPWantZeroWindowAdv);
    if ((window == 0) != was_shut) {  // either is of whole units, as they travel
        env.counters.add(was_shut ? Counter::TcpExtTCPFromZeroWindowAdv
                                  : Counter::TcpExtTCPToZeroWindowAdv);
    }
    return window;
}

// All of it has come before.
Receiver::Outcome Receiver::take_duplicate(const ToReceiver& data, Environment& env) {
    env.counters.add(Counter::TcpExtDelayedACKLost);
    env.counters.add(Counter::DropTcpOldData);
    report_duplicate({data.seq, data.end()}, env);
    Outcome out = refuse(env);
    out.was_duplicate = true;
    return out;
}

// What is in order tells of its sender and of the path.
void Receiver::take_note(const ToReceiver& data, const TrueSize& size, Duration rto,
                         Environment& env) {
    if (!rto.is_zero()) measure(data, size, rto, env);
    if (uses_ecn_) take_mark(data);
}

Receiver::Outcome Receiver::on_data(const ToReceiver& data, PacketPtr packet, Duration rto,
                                    Environment& env, bool is_predicted) {
    Outcome out;
    if (data.length() == 0) return out;
    if (uses_ecn_ && data.has_cwr) {
        echoes_congestion_ = false;
        policy_.owe_now();
    }
    const std::int64_t open = window_.open(next_);
    const bool is_bare_fin = data.payload == 0 && data.seq == next_;

    if (data.end() <= next_) return take_duplicate(data, env);
    const bool is_beyond = data.seq >= next_ + open && !is_bare_fin;
    if (is_beyond || (data.seq < next_ && open == 0)) return shut_out(data, env);
    if (data.seq > next_) {
        keep(data, std::move(packet), env);
        out.was_out_of_order = true;
        return out;
    }

    const bool repeats = data.seq < next_;
    if (repeats) report_duplicate({data.seq, next_}, env);  // though there may be no room
    const TrueSize size = true_size(data.headers, data.payload, data.segments);
    if (!make_room(data.seq, env, is_predicted)) {
        window_.shut(next_);
        policy_.owe_now();
        // What is next is taken where there is nothing else, and a FIN always is
        // (sk_forced_mem_schedule).
        if (data.payload > 0 && !readable_.empty()) {
            env.counters.add(Counter::TcpExtTCPRcvQDrop);
            env.counters.add(Counter::DropProtoMem);
            return out;
        }
    }
    if (repeats && packet) packet->trim_front(static_cast<std::size_t>(next_ - data.seq));
    if (data.fin) hear_fin(data.end() - 1, data.payload == 0);
    const Position before = next_;
    if (data.payload > 0 && data.seq + data.payload > next_) {
        out.was_free = accept(std::move(packet), size, data.seq, env);
    }
    if (data.payload > 0) take_note(data, size, rto, env);
    take_fin(out, env);
    const bool had_gap = has_gap();
    if (had_gap || out.got_fin) fill_gap(data.fin && fin_was_taken_, out, env);
    out.advanced = next_ - before - (out.got_fin ? 1 : 0);
    if (was_pruned_ || had_gap) check_prediction();
    return out;
}

inline bool Receiver::accept(PacketPtr packet, const TrueSize& size, Position seq,
                             Environment& env) {
    const bool follows = seq == next_;
    packet->place = seq.value();
    packet->charge = size.charge;
    packet->spare = size.spare;
    next_ = next_ + static_cast<std::int64_t>(packet->size());
    return queue(std::move(packet), follows, env);
}

// What a segment in order tells (tcp_event_data_recv).
void Receiver::measure(const ToReceiver& data, const TrueSize& size, Duration rto,
                       Environment& env) {
    const bool is_new_size =
        policy_.on_data(data.payload / data.segments, end_marks(data), window_.offered(),
                        advertised_mss_, rto, env.now, data.options);
    if (is_new_size) window_.on_full_segment(data.payload, size.charge);
    measure_round_trip(env.now);
    if (data.payload < 128 || env.budget.is_under_pressure()) return;
    const QueuedSegment segment{.payload = data.payload,
                                .charge = size.charge,
                                .advertised_mss = advertised_mss_,
                                .usual = policy_.usual_segment()};
    // The window opens: the sender shall hear of it with each segment.
    if (window_.on_data(segment, charged(), env.config)) policy_.on_window_growth();
}

// tcp_rcv_rtt_measure(): what was offered has come when a round trip is over, or later.
void Receiver::measure_round_trip(Instant now) {
    const std::uint32_t at = low_bits(next_);
    const auto now_us = static_cast<std::uint32_t>(now.ns() / 1'000);
    if (measured_since_us_ != 0) {
        if (static_cast<std::int32_t>(at - window_edge_) < 0) return;
        on_round_trip(Duration::from_us(std::max(now_us - measured_since_us_, 1u)), true);
    }
    window_edge_ = at + static_cast<std::uint32_t>(window_.offered());
    measured_since_us_ = std::max(now_us, 1u);
}

// tcp_rcv_rtt_update()
void Receiver::on_round_trip(Duration rtt, bool is_of_a_window) {
    constexpr std::int64_t kMost = 60'000'000;
    const auto sample = static_cast<std::uint32_t>(std::min(rtt.us(), kMost));
    if (round_trip_x8_us_ == 0 || 8 * sample < round_trip_x8_us_) {
        round_trip_x8_us_ = 8 * sample;
    } else if (!is_of_a_window && readable() == 0) {
        round_trip_x8_us_ = round_trip_x8_us_ - round_trip_x8_us_ / 8 + sample;
    }
}

// `follows`: nothing of it came before, so that it may lie in one buffer with the one before it.
bool Receiver::queue(PacketPtr packet, bool follows, Environment& env) {
    Packet* last = readable_.back();
    if (last != nullptr && follows) {
        const Instant arrived = packet->meta.arrived;
        if (fill_spare(*last, *packet)) {
            env.counters.add(Counter::TcpExtTCPRcvCoalesce);
            last->meta.arrived = arrived;  // of what is one, the last
            return true;
        }
        // Pieces of one buffer that touch stay one piece.
        const bool touches = packet->slice_count() == 1 && last->slice_count() > 0 &&
                             packet->head().empty() &&
                             last->slices().back().buffer() == packet->slices()[0].buffer();
        const std::uint32_t before = pieces_of(*last);
        // Behind a copy Linux may have room where there is none here.
        const auto size = static_cast<std::int32_t>(packet->size());
        const bool is_free = size <= last->spare;
        if ((touches || is_free) && last->append_content(*packet)) {
            pieces_ += pieces_of(*last) - before;
            last->meta.arrived = arrived;
            last->spare = is_free ? last->spare - size : packet->spare;
            if (is_free) {
                env.counters.add(Counter::TcpExtTCPRcvCoalesce);
                return true;
            }
            charged_ += packet->charge;
            last->charge += packet->charge;
            return false;
        }
    }
    pieces_ += pieces_of(*packet);
    charged_ += packet->charge;
    readable_.push_back(std::move(packet));
    return false;
}

// For what begins at seq.
inline bool Receiver::make_room(Position seq, Environment& env, bool is_predicted) {
    // What is charged for is less than what small pieces hold down in truth.
    if (memory() > std::max(window_.buffer(), kLeastHeld)) collapse(false, env);
    return is_predicted || has_room(env) || prune(seq, env);
}

// tcp_prune_queue(): what is next goes before what is early.
bool Receiver::prune(Position seq, Environment& env) {
    env.counters.add(Counter::TcpExtPruneCalled);
    policy_.end_quick();
    if (charged() > window_.buffer()) {
        window_.on_overrun(charged(), advertised_mss_, env.budget.may_grow(), env.config);
    } else {
        window_.keep_small(advertised_mss_);
    }
    if (has_room(env)) return true;
    if (gap_ != nullptr) {
        env.counters.add(Counter::TcpExtTCPRcvCollapsed, gap_->bytes.charge_as_copied(window_));
    }
    collapse(true, env);
    if (!has_room(env) && has_gap()) drop_early(seq, env);
    if (has_room(env)) return true;
    env.counters.add(Counter::TcpExtRcvPruned);
    was_pruned_ = true;
    return false;
}

// Not where what comes would be the last of it (tcp_prune_ofo_queue).
void Receiver::drop_early(Position seq, Environment& env) {
    const std::int64_t before = gap_->bytes.bytes();
    while (!has_room(env) && !gap_->bytes.empty() && seq < gap_->bytes.highest()) {
        gap_->bytes.drop_last();
        env.counters.add(Counter::DropTcpOfoQueuePrune);
    }
    if (gap_->bytes.bytes() == before) return;
    env.counters.add(Counter::TcpExtOfoPruned);
    // RFC 2018 §8: what was told may be taken back.
    gap_->sacks.clear();
    end_gap(env);
}

// Many small pieces hold a buffer each; copied together they hold a few (tcp_collapse()). Trains of
// small segments come to this, which were merged on the way in and not copied.
void Receiver::collapse(bool is_charged_anew, Environment& env) {
    const auto least = static_cast<std::uint32_t>(readable() / PacketPool::kSmallBytes + 1);
    if (!is_charged_anew && pieces_ < 2 * least) return;
    PacketQueue packets;  // as Linux, from the first on that is worth it
    Position begin = read_;
    while (is_charged_anew && !readable_.empty() && !is_worth_packing(*readable_.front(), begin)) {
        begin = begin + static_cast<std::int64_t>(readable_.front()->size());
        packets.push_back(readable_.pop_front());
    }
    if (!readable_.empty()) pack(begin, is_charged_anew, env);
    pieces_ = 0;
    charged_ = early_fin_is_alone_ ? true_size(0).charge : 0;
    keeps_page_ = false;
    while (PacketPtr packed = readable_.pop_front()) packets.push_back(std::move(packed));
    readable_ = std::move(packets);
    for (const Packet* p = readable_.front(); p != nullptr; p = p->next) {
        pieces_ += pieces_of(*p);
        charged_ += p->charge;
    }
}

// It costs more than its bytes are worth, some of it was read, or the next one repeats its end.
bool Receiver::is_worth_packing(const Packet& packet, Position begin) const {
    const auto size = static_cast<std::int64_t>(packet.size());
    const Packet* next = packet.next;
    return window_.is_bloated(packet.charge, size) || Position{packet.place} < begin ||
           (next != nullptr && Position{next->place} < begin + size);
}

void Receiver::pack(Position begin, bool is_charged_anew, Environment& env) {
    const std::int32_t spare = readable_.back()->spare;
    Packing packing{env.pool};
    while (PacketPtr old = readable_.pop_front()) {
        packing.add(*old);
        if (old->size() == 0) {
            env.counters.add(Counter::TcpExtTCPRcvCollapsed);
        } else {
            packing.append(std::move(old));
        }
    }
    readable_ = packing.finish();
    for (Packet* p = readable_.front(); p != nullptr; p = p->next) {
        const TrueSize size = is_charged_anew ? size_of_copy(p->size()) : TrueSize{p->charge, 0};
        p->charge = size.charge;
        p->spare = size.spare;
        p->place = begin.value();
        begin = begin + static_cast<std::int64_t>(p->size());
    }
    if (is_charged_anew || readable_.empty()) return;
    readable_.back()->spare = spare;  // the prices are as they were
}

void Receiver::drop_front() {
    keeps_page_ = false;
    pieces_ -= pieces_of(*readable_.front());
    charged_ -= readable_.front()->charge;
    readable_.pop_front();
}

void Receiver::trim_front(std::size_t n) {
    Packet& first = *readable_.front();
    pieces_ -= pieces_of(first);
    first.trim_front(n);
    pieces_ += pieces_of(first);
}

// tcp_data_ecn_check()
void Receiver::take_mark(const ToReceiver& data) {
    constexpr int kFew = 2;
    if (data.ecn == wire::Ecn::NotCapable) {
        // What goes again is not ECT: the sender waits for our answer.
        if (has_seen_ecn_) policy_.enter_quick(kFew, window_.offered());
        return;
    }
    has_seen_ecn_ = true;
    if (tells_each_mark_) {
        const bool is_marked = data.ecn == wire::Ecn::Congestion;
        if (is_marked != was_marked_) policy_.owe_now();
        echoes_congestion_ = was_marked_ = is_marked;
        return;
    }
    if (data.ecn != wire::Ecn::Congestion || echoes_congestion_) return;
    echoes_congestion_ = true;
    policy_.enter_quick(kFew, window_.offered());
}

void Receiver::hear_fin(Position at, bool is_bare) {
    fin_at_ = low_bits(at);
    has_heard_fin_ = true;
    fin_was_bare_ = is_bare;
}

// Alone, without data. Behind data that came early it finds place there, and as it costs nothing then, the window
// opens by what a full segment is worth (tcp_grow_window).
void Receiver::keep_early_fin(Position at, Environment& env) {
    const bool follows = gap_ != nullptr && !gap_->bytes.empty() && gap_->bytes.highest() == at;
    if (!follows) return charge_early_fin(true);
    if (!uses_sack_ || env.budget.is_under_pressure()) return;
    const QueuedSegment nothing{.advertised_mss = advertised_mss_,
                                .usual = policy_.usual_segment()};
    if (window_.on_data(nothing, charged(), env.config)) policy_.on_window_growth();
}

void Receiver::charge_early_fin(bool on) {
    early_fin_is_alone_ = on;
    charged_ += on ? true_size(0).charge : -true_size(0).charge;
}

void Receiver::take_fin(Outcome& out, Environment& env) {
    if (!has_heard_fin_ || fin_at_ != low_bits(next_) || fin_was_taken_) return;
    next_ = next_ + 1;
    fin_was_taken_ = out.got_fin = true;
    if (early_fin_is_alone_) charge_early_fin(false);
    if (readable() > 0) {  // one that came alone lies behind what is there
        if (fin_was_bare_) env.counters.add(Counter::TcpExtTCPRcvCoalesce);
        return;
    }
    fin_is_unread_ = true;
    charged_ += true_size(0).charge;
}

void Receiver::take_another_fin(const ToReceiver& data, Duration rto, Environment& env) {
    if (window_.open(next_) == 0) {
        shut_out(data, env);
        return;
    }
    report_duplicate({data.seq, next_}, env);
    measure(data, true_size(data.headers, data.payload, data.segments), rto, env);
    hear_fin(next_, false);
    next_ = next_ + 1;
    read_ = read_ + 1;  // the first one, which is no byte
    policy_.owe();
    if (!fin_is_unread_) charged_ += true_size(0).charge;
    fin_is_unread_ = true;
    end_stream(env);
}

// `ends`: the segment that came had the FIN, so that nothing is filled.
void Receiver::fill_gap(bool ends, Outcome& out, Environment& env) {
    if (!has_gap()) {  // up to a FIN that came early, of which no block tells
        if (!ends) policy_.owe_now();
        return;
    }
    while (!fin_was_taken_) {
        auto [packet, began, duplicate] = gap_->bytes.take(next_);
        // RFC 2883: what filled the gap brought some of it again.
        if (!duplicate.empty() && reports_duplicates_) {
            if (!gap_->sacks.duplicate()) env.counters.add(Counter::TcpExtTCPDSACKOldSent);
            gap_->sacks.extend_duplicate(duplicate);
        }
        if (packet == nullptr) break;
        const bool follows = began == next_;
        packet->place = began.value();
        next_ = next_ + static_cast<std::int64_t>(packet->size());
        queue(std::move(packet), follows, env);
        take_fin(out, env);
    }
    if (!fin_was_taken_) {  // then the blocks stay as they are until end_stream()
        gap_->sacks.on_advance(next_);
        if (has_gap()) return;
        end_gap(env);
    }
    if (!ends) policy_.owe_now();  // RFC 5681 §4.2: the gap is filled, say so at once
}

// RFC 9293 SHLD-31, MAY-13; RFC 1122 REQ-4.2.2.20
void Receiver::keep(const ToReceiver& data, PacketPtr packet, Environment& env) {
    if (uses_ecn_) take_mark(data);
    const TrueSize size = true_size(data.headers, data.payload, data.segments);
    const bool is_refused = data.payload > 0 && !make_room(data.seq, env);
    if (is_overfull()) collapse(false, env);
    if (is_refused || (data.payload > 0 && is_overfull())) {
        // As Linux, what is thrown away is not answered.
        env.counters.add(Counter::TcpExtTCPOFODrop);
        env.counters.add(Counter::DropProtoMem);
        return;
    }
    policy_.owe();
    if (data.fin) {
        if (data.payload == 0 && !has_heard_fin_) keep_early_fin(data.seq, env);
        hear_fin(data.end() - 1, data.payload == 0);
        if (uses_sack_) need_gap(env).sacks.on_out_of_order({data.end() - 1, data.end()});
    }
    if (data.payload == 0) {
        env.counters.add(Counter::TcpExtTCPOFOQueue);
        if (!uses_sack_) policy_.owe_now();  // nothing is kept that would say so
        return;
    }
    packet->charge = size.charge;
    packet->spare = size.spare;
    if (policy_.measure(data.payload / data.segments, end_marks(data), advertised_mss_,
                        data.options)) {
        window_.on_full_segment(data.payload, size.charge);
    }
    env.counters.add(Counter::TcpExtTCPOFOQueue);
    const std::int64_t held = need_gap(env).bytes.charged();
    const Reassembly::Inserted done = gap_->bytes.insert(data.seq, std::move(packet));
    if (done.refused) {
        env.counters.add(Counter::TcpExtTCPOFODrop);
        env.counters.add(Counter::DropProtoMem);
        return;
    }
    if (!done.duplicate.empty()) report_duplicate(done.duplicate, env);
    if (done.merged > 0) {
        env.counters.add(Counter::TcpExtTCPOFOMerge, done.merged);
        env.counters.add(Counter::DropTcpOfoMerge, done.merged);
    }
    if (done.is_copied) env.counters.add(Counter::TcpExtTCPRcvCoalesce);
    if (uses_sack_) gap_->sacks.on_out_of_order(done.run);
    // Who hears of each duplicate ACK alone shall see them unchanged.
    if (uses_sack_ && done.is_new && !env.budget.is_under_pressure()) {
        // One that lies alone is charged for afterwards (tcp_data_queue_ofo).
        const std::int64_t added = gap_->bytes.charged() - held;
        const std::int64_t uncharged = added == size.charge ? added : 0;
        const bool grows = window_.on_data({.payload = data.payload,
                                            .charge = size.charge,
                                            .advertised_mss = advertised_mss_,
                                            .usual = policy_.usual_segment()},
                                           charged() - uncharged, env.config);
        if (grows) policy_.on_window_growth();
    }
    window_.on_early(early(), env.config);
}

void Receiver::report_duplicate(Range range, Environment& env) {
    if (!reports_duplicates_) return;
    env.counters.add(range.begin < next_ ? Counter::TcpExtTCPDSACKOldSent
                                         : Counter::TcpExtTCPDSACKOfoSent);
    need_gap(env).sacks.set_duplicate(range);
}

Gap& Receiver::need_gap(Environment& env) {
    if (gap_ == nullptr) gap_ = env.gaps.take();
    return *gap_;
}

// Gives the room back when there is nothing left to keep or to say.
void Receiver::end_gap(Environment& env) {
    if (gap_ == nullptr || !gap_->is_over()) return;
    end_compression(env);
    env.gaps.give_back(std::exchange(gap_, nullptr));
}

bool Receiver::compress_ack(std::int64_t most) {
    AckCompression& acks = gap_->compression;
    if (!uses_sack_ || acks.compressed >= most) return false;
    if (acks.of != next_) acks = {.of = next_, .compressed = acks.compressed};
    if (acks.sent < AckCompression::kAtOnce) {
        ++acks.sent;
        return false;
    }
    ++acks.compressed;
    return true;
}

void Receiver::end_compression(Environment& env) {
    const std::uint8_t spared = std::exchange(gap_->compression.compressed, std::uint8_t{0});
    if (spared != 0) env.counters.add(Counter::TcpExtTCPAckCompressed, spared);
}

void Receiver::end_stream(Environment& env) {
    if (gap_ == nullptr) return;
    gap_->bytes.clear();
    gap_->sacks.forget_blocks();
    gap_->sacks.forget_duplicate();  // tcp_sack_reset()
    end_gap(env);
}

void Receiver::forget_duplicate(Environment& env) {
    if (gap_ == nullptr) return;
    gap_->sacks.forget_duplicate();
    end_gap(env);
}

// No window is open for it; what of it is old is told.
Receiver::Outcome Receiver::shut_out(const ToReceiver& data, Environment& env) {
    if (data.seq < next_) report_duplicate({data.seq, next_}, env);
    if (data.seq <= next_) env.counters.add(Counter::TcpExtTCPZeroWindowDrop);
    env.counters.add(data.seq <= next_ ? Counter::DropTcpZeroWindow : Counter::DropTcpOverWindow);
    return refuse(env);
}

Receiver::Outcome Receiver::refuse(Environment&) {
    policy_.enter_quick(kMostQuickAcks, window_.offered());
    policy_.owe();
    return {};
}

void Receiver::on_old(const ToReceiver& data, Environment& env) {
    if (data.length() == 0 || data.seq >= next_) return;
    env.counters.add(Counter::TcpExtDelayedACKLost);
    policy_.enter_quick(kMostQuickAcks, window_.offered());
    report_duplicate({data.seq, std::min(data.end(), next_)}, env);
}

std::size_t Receiver::peek(std::size_t offset, MutableBytes into) const {
    std::size_t copied = 0;
    for (const Packet* p = readable_.front(); p != nullptr && copied < into.size(); p = p->next) {
        if (offset >= p->size()) {
            offset -= p->size();
            continue;
        }
        const std::size_t n = std::min(p->size() - offset, into.size() - copied);
        p->copy_to(offset, into.subspan(copied, n));
        copied += n;
        offset = 0;
    }
    return copied;
}

Instant Receiver::arrival(std::size_t offset) const {
    for (const Packet* p = readable_.front(); p != nullptr; p = p->next) {
        if (offset < p->size()) return p->meta.arrived;
        offset -= p->size();
    }
    return Instant::never();
}

std::size_t Receiver::read(MutableBytes into) {
    std::size_t copied = 0;
    for (Packet* p = readable_.front(); p != nullptr && copied < into.size();) {
        // What was read of the first packet is already trimmed.
        const std::size_t n = std::min(p->size(), into.size() - copied);
        p->copy_to(0, into.subspan(copied, n));
        copied += n;
        read_ = read_ + static_cast<std::int64_t>(n);
        if (n < p->size()) {
            trim_front(n);
            break;
        }
        drop_front();
        p = readable_.front();
    }
    return copied;
}

std::size_t Receiver::skip(std::size_t n) {
    std::size_t skipped = 0;
    for (Packet* p = readable_.front(); p != nullptr && skipped < n; p = readable_.front()) {
        const std::size_t part = std::min(p->size(), n - skipped);
        skipped += part;
        if (part < p->size()) {
            trim_front(part);
            break;
        }
        drop_front();
    }
    read_ = read_ + static_cast<std::int64_t>(skipped);
    return skipped;
}

// tcp_rcv_space_adjust() is asked behind each packet, and measures at most once in a read: behind the
// first.
void Receiver::after_read(std::size_t bytes, std::size_t first, Environment& env) {
    const auto rest = static_cast<std::int64_t>(bytes - std::min(bytes, first));
    window_.on_read(read_ - rest, readable() + rest, early(), round_trip(), env.now, env.config);
}

void Receiver::drop_readable() {
    readable_ = PacketQueue{};
    pieces_ = 0;
    charged_ = 0;
    keeps_page_ = false;
    fin_is_unread_ = early_fin_is_alone_ = false;
    read_ = fin_was_taken_ ? next_ - 1 : next_;
}

void Receiver::clear(Environment& env) {
    drop_readable();
    if (gap_ != nullptr) env.gaps.give_back(std::exchange(gap_, nullptr));
}

}  // namespace fairlead::tcp
