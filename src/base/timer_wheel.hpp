// timer_wheel.hpp — many alarms, few of which ever ring.
//
// Owns:   TimerEntry (intrusive), TimerWheel: seven levels of 64 slots, a tick of 2^20 ns.
// Rules:  Alarms ring at their exact instant, not at a tick: a slot's entries are compared with
//         `now`. Arming and cancelling cost a few stores. Moving an alarm to later is nothing at
//         all: leave it filed, and file it again when it rings early (the owner knows its
//         deadline).
// Not here: what rings (the owner embeds the entry), whose clock (now is an argument).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

class TimerEntry {
public:
    TimerEntry() = default;
    TimerEntry(const TimerEntry&) = delete;
    TimerEntry& operator=(const TimerEntry&) = delete;

    bool is_filed() const { return next_ != nullptr; }
    Instant filed_at() const { return at_; }  // never() when not filed

private:
    friend class TimerWheel;
    TimerEntry* next_ = nullptr;
    TimerEntry* prev_ = nullptr;
    Instant at_ = Instant::never();
    std::uint16_t slot_ = 0;
};

class TimerWheel {
public:
    TimerWheel() {
        for (TimerEntry& head : heads_) head.next_ = head.prev_ = &head;
        lowest_.fill(Instant::never());
    }
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // Files the entry to ring at `at`; never() takes it out.
    void arm(TimerEntry& entry, Instant at) {
        cancel(entry);
        if (at == Instant::never()) return;
        file(entry, at);
    }
    // As arm, but an entry already filed at or before `at` is left: it will ring early, once.
    void arm_lazily(TimerEntry& entry, Instant at) {
        if (at == Instant::never() || (entry.is_filed() && entry.at_ <= at)) return;
        arm(entry, at);
    }
    void cancel(TimerEntry& entry) {
        if (!entry.is_filed()) return;
        entry.prev_->next_ = entry.next_;
        entry.next_->prev_ = entry.prev_;
        if (TimerEntry& head = heads_[entry.slot_]; head.next_ == &head) {
            occupied_[entry.slot_ / kSlots] &= ~(std::uint64_t{1} << (entry.slot_ % kSlots));
            if (entry.slot_ < kSlots) lowest_[entry.slot_] = Instant::never();
        }
        entry.next_ = entry.prev_ = nullptr;
        entry.at_ = Instant::never();
    }

    // Calls ring(entry) for each entry due at `now`, taken out before; ring may arm and cancel.
    // `ahead(entry)` is told of the one after it, so that its memory is there in time.
    template <typename Ring, typename Ahead>
    void expire(Instant now, Ring&& ring, Ahead&& ahead) {
        if (now < bound_) return;
        const std::int64_t target = tick_of(now);
        while (true) {
            collect(now, ring, ahead);
            if (tick_ >= target) break;
            step(target);
        }
        bound_ = lowest();
    }
    template <typename Ring>
    void expire(Instant now, Ring&& ring) {
        expire(now, ring, [](const TimerEntry&) {});
    }

    // No entry is due before this instant: exact where it lies within 67 ms and nothing was
    // cancelled, else early.
    Instant next() const { return bound_; }

private:
    static constexpr unsigned kTickBits = 20;
    static constexpr unsigned kBits = 6;
    static constexpr std::size_t kSlots = std::size_t{1} << kBits;
    static constexpr std::size_t kLevels = 7;

    static std::int64_t tick_of(Instant t) { return t.ns() >> kTickBits; }

    Instant lowest() const {
        Instant best = Instant::never();
        for (std::size_t level = 0; level < kLevels; ++level) {
            if (occupied_[level] == 0) continue;
            const std::int64_t position = tick_ >> (kBits * level);
            const auto at = static_cast<unsigned>(position) % kSlots;
            const std::uint64_t turned = std::rotr(occupied_[level], static_cast<int>(at));
            const int distance = std::countr_zero(turned);
            const std::int64_t slot_tick = (position + distance) << (kBits * level);
            const Instant begin = Instant::from_ns(slot_tick << kTickBits);
            const Instant bound =
                level == 0 ? lowest_[(at + static_cast<unsigned>(distance)) % kSlots] : begin;
            if (bound < best) best = bound;
        }
        return best;
    }

    void file(TimerEntry& entry, Instant at) {
        const std::int64_t tick = tick_of(at) < tick_ ? tick_ : tick_of(at);
        const auto distance = static_cast<std::uint64_t>(tick ^ tick_);
        std::size_t level =
            distance == 0 ? 0 : (static_cast<std::size_t>(std::bit_width(distance)) - 1) / kBits;
        std::int64_t filed = tick;
        if (level >= kLevels) {  // beyond the horizon: wait in the last slot and be filed again
            level = kLevels - 1;
            filed = tick_ + ((std::int64_t{kSlots} - 1) << (kBits * level));
        }
        const auto slot = static_cast<std::size_t>(filed >> (kBits * level)) % kSlots;
        entry.at_ = at;
        entry.slot_ = static_cast<std::uint16_t>(level * kSlots + slot);
        append(entry, heads_[entry.slot_]);
        occupied_[level] |= std::uint64_t{1} << slot;
        if (level == 0 && at < lowest_[slot]) lowest_[slot] = at;
        if (at < bound_) bound_ = at;
    }

    // Rings what is due in the slot of the present tick. What ring() arms for now rings as well.
    template <typename Ring, typename Ahead>
    void collect(Instant now, Ring&& ring, Ahead&& ahead) {
        const std::size_t slot = static_cast<std::size_t>(tick_) % kSlots;
        while (lowest_[slot] <= now) {
            TimerEntry due;
            due.next_ = due.prev_ = &due;
            take_due(slot, now, due);
            while (due.next_ != &due) {
                TimerEntry& entry = *due.next_;
                cancel(entry);
                if (due.next_ != &due) ahead(*due.next_);
                ring(entry);
            }
            due.next_ = nullptr;
        }
    }

    // Moves what is due to the list `due`, and learns the slot's lowest anew.
    void take_due(std::size_t slot, Instant now, TimerEntry& due) {
        TimerEntry& head = heads_[slot];
        Instant lowest = Instant::never();
        for (TimerEntry* e = head.next_; e != &head;) {
            TimerEntry* after = e->next_;
            if (e->at_ <= now) {
                e->prev_->next_ = e->next_;
                e->next_->prev_ = e->prev_;
                append(*e, due);
            } else if (e->at_ < lowest) {
                lowest = e->at_;
            }
            e = after;
        }
        lowest_[slot] = lowest;
        if (head.next_ == &head) occupied_[0] &= ~(std::uint64_t{1} << slot);
    }

    static void append(TimerEntry& entry, TimerEntry& head) {
        entry.prev_ = head.prev_;
        entry.next_ = &head;
        head.prev_->next_ = &entry;
        head.prev_ = &entry;
    }

    // Moves to the next tick at which anything lies, and unpacks the coarser slots begun there.
    void step(std::int64_t target) {
        std::int64_t to = target;
        for (std::size_t level = 0; level < kLevels; ++level) {
            if (occupied_[level] == 0) continue;
            const std::int64_t position = tick_ >> (kBits * level);
            const auto at = static_cast<unsigned>(position) % kSlots;
            const std::uint64_t turned =
                std::rotr(occupied_[level], static_cast<int>(at)) & ~std::uint64_t{1};
            if (turned == 0) continue;
            const std::int64_t begin = (position + std::countr_zero(turned)) << (kBits * level);
            if (begin < to) to = begin;
        }
        tick_ = to;
        for (std::size_t level = kLevels - 1; level > 0; --level) {
            if ((tick_ & ((std::int64_t{1} << (kBits * level)) - 1)) == 0) unpack(level);
        }
    }

    void unpack(std::size_t level) {
        const auto slot = static_cast<std::size_t>(tick_ >> (kBits * level)) % kSlots;
        TimerEntry& head = heads_[level * kSlots + slot];
        TimerEntry* e = head.next_;
        head.next_ = head.prev_ = &head;
        occupied_[level] &= ~(std::uint64_t{1} << slot);
        while (e != &head) {
            TimerEntry* after = e->next_;
            file(*e, e->at_);
            e = after;
        }
    }

    std::array<TimerEntry, kLevels * kSlots> heads_{};
    std::array<std::uint64_t, kLevels> occupied_{};
    // Of the finest level: no entry of the slot is due before. Early after a cancel, exact after a
    // look, so that a poll at next() always gets further.
    std::array<Instant, kSlots> lowest_{};
    std::int64_t tick_ = 0;
    Instant bound_ = Instant::never();  // nothing is due before; what next() says
};

}  // namespace fairlead
