#include "tcp/receiver.hpp"

#include <algorithm>
#include <utility>

#include "tcp/coalesce.hpp"

namespace fairlead::tcp {

void Receiver::start(const InitialWindow& offered, std::int64_t buffer, std::uint16_t mss,
                     Instant now) {
    next_ = read_ = Position{1};
    window_.start(offered, next_, buffer, mss, now);
    policy_.start(static_cast<std::uint16_t>(std::min<std::int64_t>(mss, offered.window / 2)));
}

std::int64_t Receiver::advertise(Environment& env) {
    return window_.advertise(next_, charged(), policy_.usual_segment(), env.config);
}

Receiver::Outcome Receiver::on_data(const ToReceiver& data, PacketPtr packet, Duration rto,
                                    Environment& env) {
    Outcome out;
    if (data.length() == 0) return out;
    if (uses_ecn_ && data.has_cwr) {
        echoes_congestion_ = false;
        policy_.owe_now();
    }
    const std::int64_t open = window_.open(next_);
    const bool is_bare_fin = data.payload == 0 && data.seq == next_;

    if (data.end() <= next_) {
        env.counters.add(Counter::TcpExtDelayedACKLost);
        report_duplicate({data.seq, data.end()}, env);
        out = refuse(env);
        out.was_duplicate = true;
        return out;
    }
    if (data.seq >= next_ + open && !is_bare_fin) {
        if (data.seq == next_) env.counters.add(Counter::TcpExtTCPZeroWindowDrop);
        return refuse(env);
    }
    if (data.seq > next_) {
        keep(data, std::move(packet), env);
        out.was_out_of_order = true;
        return out;
    }

    if (data.payload > 0 && !make_room(env)) {
        env.counters.add(Counter::TcpExtTCPRcvQDrop);
        window_.shut(next_);
        return refuse(env);
    }
    if (data.seq < next_) {
        report_duplicate({data.seq, next_}, env);
        if (packet) packet->trim_front(static_cast<std::size_t>(next_ - data.seq));
    }
    if (data.fin) fin_at_ = data.end() - 1;
    const Position before = next_;
    if (data.payload > 0) {
        const std::int64_t new_bytes = data.seq + data.payload - next_;
        policy_.on_data(data.payload / data.segments, data.psh, window_.open(next_),
                        advertised_mss_, rto, env.now);
        if (uses_ecn_) take_mark(data);
        if (new_bytes > 0) accept(std::move(packet), data, env);
    }
    take_fin(out);
    if (has_gap()) fill_gap(data.fin && fin_was_taken_, out, env);
    out.advanced = next_ - before - (out.got_fin ? 1 : 0);
    return out;
}

void Receiver::accept(PacketPtr packet, const ToReceiver& data, Environment&) {
    const auto bytes = static_cast<std::int64_t>(packet->size());
    packet->place = next_.value();
    next_ = next_ + bytes;
    queue(std::move(packet));
    if (data.payload < 128) return;
    // The window opens: the sender shall hear of it with each segment.
    if (window_.on_data(data.payload, advertised_mss_, held())) policy_.on_window_growth();
}

void Receiver::queue(PacketPtr packet) {
    if (Packet* last = readable_.back(); last != nullptr) {
        if (append_by_copy(*last, *packet)) return;
        // Pieces of one buffer that touch stay one piece.
        const bool touches = packet->slice_count() == 1 && last->slice_count() > 0 &&
                             packet->head().empty() &&
                             last->slices().back().buffer() == packet->slices()[0].buffer();
        const std::uint32_t before = pieces_of(*last);
        if (touches && last->append_content(*packet)) {
            pieces_ += pieces_of(*last) - before;
            return;
        }
    }
    pieces_ += pieces_of(*packet);
    readable_.push_back(std::move(packet));
}

// What is next goes before what is early (tcp_prune_queue()); one packet always has room.
bool Receiver::make_room(Environment& env) {
    if (readable_.empty() || memory() <= window_.buffer()) return true;
    env.counters.add(Counter::TcpExtPruneCalled);
    collapse(env);
    if (memory() <= window_.buffer()) return true;
    if (!has_gap()) return false;
    env.counters.add(Counter::TcpExtOfoPruned);
    while (memory() > window_.buffer() && !gap_->bytes.empty()) gap_->bytes.drop_last();
    // RFC 2018 §8: what was told may be taken back.
    gap_->sacks.clear();
    end_gap(env);
    return memory() <= window_.buffer();
}

// Many small pieces hold a buffer each; copied together they hold a few (tcp_collapse()). Trains of
// small segments come to this, which were merged on the way in and not copied.
void Receiver::collapse(Environment& env) {
    const auto least = static_cast<std::uint32_t>(readable() / PacketPool::kSmallBytes + 1);
    if (pieces_ < 2 * least) return;
    PacketQueue packed;
    PacketPtr into;
    Slice room;
    pieces_ = 0;
    const auto finish = [&](PacketPtr packet) {
        pieces_ += pieces_of(*packet);
        packed.push_back(std::move(packet));
    };
    while (PacketPtr old = readable_.pop_front()) {
        while (old->size() != 0) {
            if (into != nullptr && room.empty() && !into->has_slice_room()) {
                finish(std::exchange(into, nullptr));
            }
            if (into == nullptr) into = env.pool.packet();
            if (room.empty()) room = env.pool.small_buffer();
            if (into == nullptr || room.empty()) break;
            const auto n =
                static_cast<std::uint32_t>(std::min<std::size_t>(room.size(), old->size()));
            Slice part = room.part(0, n);
            old->copy_to(0, part.mutable_bytes());
            old->trim_front(n);
            room.trim_front(n);
            into->append(std::move(part));
        }
        if (old->size() == 0) {
            env.counters.add(Counter::TcpExtTCPRcvCollapsed);
            continue;
        }
        // No memory to copy into: the rest stays as it is.
        if (into != nullptr && into->size() != 0) finish(std::exchange(into, nullptr));
        into = nullptr;
        finish(std::move(old));
    }
    if (into != nullptr && into->size() != 0) finish(std::exchange(into, nullptr));
    readable_ = std::move(packed);
}

void Receiver::drop_front() {
    pieces_ -= pieces_of(*readable_.front());
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
        if (has_seen_ecn_) policy_.enter_quick(kFew, window_.open(next_));
        return;
    }
    has_seen_ecn_ = true;
    if (data.ecn != wire::Ecn::Congestion || echoes_congestion_) return;
    echoes_congestion_ = true;
    policy_.enter_quick(kFew, window_.open(next_));
}

void Receiver::take_fin(Outcome& out) {
    if (fin_at_ != next_ || fin_was_taken_) return;
    next_ = next_ + 1;
    fin_was_taken_ = out.got_fin = true;
}

// `ends`: the segment that came had the FIN, so that nothing is filled.
void Receiver::fill_gap(bool ends, Outcome& out, Environment& env) {
    while (!fin_was_taken_) {
        auto [packet, duplicate] = gap_->bytes.take(next_);
        // RFC 2883: what filled the gap brought some of it again.
        if (!duplicate.empty()) report_duplicate(duplicate, env);
        if (packet == nullptr) break;
        next_ = next_ + static_cast<std::int64_t>(packet->size());
        queue(std::move(packet));
        take_fin(out);
    }
    if (fin_was_taken_) {  // what lies beyond is nobody's
        gap_->bytes.clear();
        gap_->sacks.forget_blocks();
    }
    gap_->sacks.on_advance(next_);
    if (has_gap()) return;
    end_gap(env);
    if (!ends) policy_.owe_now();  // RFC 5681 §4.2: the gap is filled, say so at once
}

// RFC 9293 SHLD-31, MAY-13; RFC 1122 REQ-4.2.2.20
void Receiver::keep(const ToReceiver& data, PacketPtr packet, Environment& env) {
    policy_.owe_now();
    if (uses_ecn_) take_mark(data);
    if (data.fin) {
        fin_at_ = data.end() - 1;
        if (uses_sack_) need_gap(env).sacks.on_out_of_order({fin_at_, fin_at_ + 1});
    }
    if (data.payload == 0) return;
    if (memory() > window_.buffer()) {
        env.counters.add(Counter::TcpExtTCPOFODrop);
        return;
    }
    env.counters.add(Counter::TcpExtTCPOFOQueue);
    const Reassembly::Inserted done = need_gap(env).bytes.insert(data.seq, std::move(packet));
    if (done.refused) {
        env.counters.add(Counter::TcpExtTCPOFODrop);
        return;
    }
    if (!done.duplicate.empty()) {
        env.counters.add(Counter::TcpExtTCPOFOMerge);
        report_duplicate(done.duplicate, env);
    }
    if (uses_sack_) gap_->sacks.on_out_of_order(done.run);
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
    env.gaps.give_back(std::exchange(gap_, nullptr));
}

void Receiver::duplicate_was_sent(Environment& env) {
    if (gap_ == nullptr) return;
    gap_->sacks.duplicate_was_sent();
    end_gap(env);
}

Receiver::Outcome Receiver::refuse(Environment&) {
    policy_.enter_quick(kMostQuickAcks, window_.open(next_));
    policy_.owe_now();
    return {};
}

void Receiver::on_old(const ToReceiver& data, Environment& env) {
    if (data.length() == 0 || data.seq >= next_) return;
    env.counters.add(Counter::TcpExtDelayedACKLost);
    policy_.enter_quick(kMostQuickAcks, window_.open(next_));
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

void Receiver::after_read(Environment& env) {
    window_.on_read(read_, advertised_mss_, round_trip_, env.now, env.config);
}

void Receiver::clear(Environment& env) {
    readable_ = PacketQueue{};
    pieces_ = 0;
    read_ = fin_was_taken_ ? next_ - 1 : next_;
    if (gap_ != nullptr) env.gaps.give_back(std::exchange(gap_, nullptr));
}

}  // namespace fairlead::tcp
