#include "link/fault_line.hpp"

#include <algorithm>
#include <utility>

#include "base/prefetch.hpp"
#include "link/congestion_mark.hpp"
#include "link/segmentation.hpp"
#include "packet/deep_copy.hpp"

namespace fairlead::link {

void FaultLine::enter(PacketPtr frame, Instant now) {
    let_due_go(now);
    ++counts_.entered;
    const bool is_lost = chance_.chance(faults_.loss, Faults::kAlways);
    const bool is_corrupted = chance_.chance(faults_.corruption, Faults::kAlways);
    const bool is_duplicated = chance_.chance(faults_.duplication, Faults::kAlways);
    const bool is_held_back = chance_.chance(faults_.reordering, Faults::kAlways);
    if (is_lost) {
        ++counts_.lost;
        return;
    }
    if (is_corrupted) frame = corrupted(std::move(frame));
    if (frame == nullptr) return;
    PacketPtr twin = is_duplicated ? pool_.clone(*frame) : nullptr;
    if (is_held_back && held_count_ < kMostHeld) {
        hold_back(std::move(frame), now);
    } else {
        put_on_the_way(std::move(frame), now);
        let_overtaken_go(now);
    }
    if (twin == nullptr) return;
    ++counts_.duplicated;
    put_on_the_way(std::move(twin), now);
}

// A bit flips on the wire, where the checksum was complete long since, and nobody vouches for the
// frame any more.
PacketPtr FaultLine::corrupted(PacketPtr frame) {
    const bool is_summed =
        frame->meta.checksum != ChecksumState::Partial || link::complete_checksum(*frame);
    PacketPtr copy = is_summed ? deep_copy(*frame, pool_) : nullptr;
    if (copy == nullptr || copy->size() == 0) {
        ++counts_.queue_full;
        return nullptr;
    }
    copy->meta.checksum = ChecksumState::None;
    std::size_t bit = detail_.below(copy->size() * 8);
    for (const Slice& s : copy->slices()) {
        const std::size_t bits = std::size_t{s.size()} * 8;
        if (bit < bits) {
            s.mutable_bytes()[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
            break;
        }
        bit -= bits;
    }
    ++counts_.corrupted;
    return copy;
}

void FaultLine::hold_back(PacketPtr frame, Instant now) {
    held_[held_count_++] = {.frame = std::move(frame),
                            .overtakers_left = std::max(faults_.reorder_distance, 1u),
                            .until = now + faults_.reorder_hold};
    ++counts_.reordered;
}

// One more frame has passed those that are held back.
void FaultLine::let_overtaken_go(Instant now) {
    for (std::size_t i = 0; i < held_count_; ++i) --held_[i].overtakers_left;
    for (std::size_t i = 0; i < held_count_;) {
        if (held_[i].overtakers_left == 0) {
            let_go(i, now);
        } else {
            ++i;
        }
    }
}

void FaultLine::let_due_go(Instant now) {
    for (std::size_t i = 0; i < held_count_;) {
        if (held_[i].until <= now) {
            let_go(i, held_[i].until);
        } else {
            ++i;
        }
    }
}

void FaultLine::let_go(std::size_t held, Instant now) {
    PacketPtr frame = std::move(held_[held].frame);
    std::move(held_.begin() + static_cast<std::ptrdiff_t>(held) + 1,
              held_.begin() + static_cast<std::ptrdiff_t>(held_count_),
              held_.begin() + static_cast<std::ptrdiff_t>(held));
    --held_count_;
    put_on_the_way(std::move(frame), now);
}

void FaultLine::set_faults(const Faults& faults) {
    faults_ = faults;
    queue_time_ = transmission_time(faults.queue_bytes);
}

Duration FaultLine::transmission_time(std::size_t bytes) const {
    if (faults_.bits_per_second == 0) return {};
    // 2 GiB are as many as 64 bits hold as bits times nanoseconds.
    const std::uint64_t bits = std::min<std::uint64_t>(bytes, 1u << 31) * 8;
    return Duration::from_ns(
        static_cast<std::int64_t>(bits * 1'000'000'000 / faults_.bits_per_second));
}

bool FaultLine::is_full(Duration sending, Instant now) {
    while (waiting_ != nullptr && waiting_->meta.arrived <= now) {
        waiting_ = waiting_->next;
        --waiting_count_;
    }
    if (on_the_way_.size() >= kMostOnTheWay) return true;
    if (faults_.bits_per_second == 0) return false;
    if (faults_.queue_frames != 0 && waiting_count_ >= faults_.queue_frames) return true;
    // The bytes that wait, told by how long they will take.
    return (busy_until_ - now) + sending > queue_time_;
}

// False: the rule of the queue wants it dropped.
bool FaultLine::obeys_rule(Packet& frame, Duration sending, Instant now) {
    if (faults_.rules.kind == QueueKind::Plain || faults_.bits_per_second == 0) return true;
    const QueueVerdict verdict = rule_.ask(faults_.rules,
                                           {.entered = now,
                                            .wait = busy_until_ - now,
                                            .sending = sending,
                                            .waiting = waiting_count_,
                                            .may_be_marked = is_congestion_markable(frame, link_)},
                                           detail_);
    if (verdict == QueueVerdict::Drop) {
        ++counts_.queue_dropped;
        return false;
    }
    if (verdict == QueueVerdict::Mark && mark_congestion(frame, link_)) ++counts_.queue_marked;
    return true;
}

void FaultLine::put_on_the_way(PacketPtr frame, Instant now) {
    const Duration sending = transmission_time(frame->size());
    busy_until_ = std::max(busy_until_, now);
    if (is_full(sending, now)) {
        ++counts_.queue_full;
        return;
    }
    if (!obeys_rule(*frame, sending, now)) return;
    counts_.longest_wait = std::max(counts_.longest_wait, busy_until_ - now);
    busy_until_ = busy_until_ + sending;
    const auto jitter = static_cast<std::uint64_t>(faults_.jitter.ns());
    const Duration extra =
        Duration::from_ns(jitter == 0 ? 0 : static_cast<std::int64_t>(detail_.below(jitter + 1)));
    last_leaves_ = std::max(last_leaves_, busy_until_ + faults_.delay + extra);
    frame->place = last_leaves_.ns();
    frame->meta.arrived = busy_until_;
    on_the_way_.push_back(std::move(frame));
    if (waiting_ == nullptr) waiting_ = on_the_way_.back();
    ++waiting_count_;
}

PacketPtr FaultLine::leave(Instant now) {
    let_due_go(now);
    if (on_the_way_.empty() || on_the_way_.front()->place > now.ns()) return nullptr;
    if (on_the_way_.front() == waiting_) {
        waiting_ = waiting_->next;
        --waiting_count_;
    }
    PacketPtr frame = on_the_way_.pop_front();
    frame->meta.arrived = Instant::from_ns(frame->place);
    // The next one entered long since.
    if (!on_the_way_.empty()) prefetch_object(on_the_way_.front());
    ++counts_.left;
    return frame;
}

Instant FaultLine::next_deadline() const {
    Instant next =
        on_the_way_.empty() ? Instant::never() : Instant::from_ns(on_the_way_.front()->place);
    for (std::size_t i = 0; i < held_count_; ++i) next = std::min(next, held_[i].until);
    return next;
}

void FaultLine::clear() {
    on_the_way_ = PacketQueue{};
    waiting_ = nullptr;
    waiting_count_ = 0;
    for (std::size_t i = 0; i < held_count_; ++i) held_[i].frame.reset();
    held_count_ = 0;
}

}  // namespace fairlead::link
