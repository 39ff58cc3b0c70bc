// timer_wheel.hpp — many alarms, few of which ever ring.
//
// Owns:   TimerEntry (intrusive), TimerWheel: seven levels of 64 slots, a tick of 2^14 ns (16 us).
// Rules:  Alarms ring at their exact instant, not at a tick, those of one call in the order of
//         their instants. Arming and cancelling cost a few stores. Moving an alarm to later is
//         nothing at all: leave it filed, and file it again when it rings early (the owner knows
//         its deadline).
// Why:    a slot is a row of records, not a list through the entries: among a hundred thousand
//         alarms, filing and taking out one does not wait for the memory of its neighbours.
// Not here: what rings (the owner embeds the entry), whose clock (now is an argument).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "fairlead/time.hpp"

namespace fairlead {

class TimerEntry;

struct TimerRecord {
    Instant at{};
    TimerEntry* entry = nullptr;
};

class TimerEntry {
public:
    TimerEntry() = default;
    TimerEntry(const TimerEntry&) = delete;
    TimerEntry& operator=(const TimerEntry&) = delete;

    bool is_filed() const { return place_ != kNowhere; }
    Instant filed_at() const { return at_; }  // never() when not filed

private:
    friend class TimerWheel;
    static constexpr std::uint32_t kNowhere = UINT32_MAX;
    Instant at_ = Instant::never();
    std::uint32_t place_ = kNowhere;  // of its record: the number of the row, and which one there
    std::uint16_t slot_ = 0;
};

class TimerWheel {
public:
    TimerWheel() { lowest_.fill(Instant::never()); }
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
        remove(entry);
        entry.place_ = TimerEntry::kNowhere;
        entry.at_ = Instant::never();
    }

    // Calls ring(entry) for each entry due at `now`, taken out before; ring may arm and cancel.
    // `ahead(entry)` is told of one that rings soon, so that its memory is there in time.
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

    // No entry is due before this instant: exact where nothing was cancelled, else early.
    Instant next() const { return bound_; }

private:
    static constexpr unsigned kTickBits = 14;
    static constexpr unsigned kBits = 6;
    static constexpr std::size_t kSlots = std::size_t{1} << kBits;
    static constexpr std::size_t kLevels = 7;
    static constexpr std::uint16_t kDue = kLevels * kSlots;  // what rings in this call

    static constexpr std::size_t kRowsAtOnce = 16;
    static constexpr std::size_t kAhead = 3;

    // The last of a slot's records are in its first row; rows behind it are full.
    struct Row {
        static constexpr std::size_t kMost = 15;
        std::array<TimerRecord, kMost> records{};
        std::uint32_t size = 0;
        std::uint32_t number = 0;
        Row* next = nullptr;
    };
    static constexpr unsigned kPlaceBits = 4;  // of a record in its row
    static_assert(Row::kMost < 1u << kPlaceBits && std::has_single_bit(kRowsAtOnce));
    struct Due {
        Instant at{};
        std::size_t order = 0;
        TimerEntry* entry = nullptr;
    };

    static std::int64_t tick_of(Instant t) { return t.ns() >> kTickBits; }

    Instant lowest() const {
        Instant best = Instant::never();
        for (std::size_t level = 0; level < kLevels; ++level) {
            if (occupied_[level] == 0) continue;
            const auto at = static_cast<unsigned>(tick_ >> (kBits * level)) % kSlots;
            const std::uint64_t turned = std::rotr(occupied_[level], static_cast<int>(at));
            const std::size_t slot =
                (at + static_cast<unsigned>(std::countr_zero(turned))) % kSlots;
            best = std::min(best, lowest_[level * kSlots + slot]);
        }
        return best;
    }

    void file(TimerEntry& entry, Instant at) {
        const std::int64_t tick = std::max(tick_of(at), tick_);
        const auto distance = static_cast<std::uint64_t>(tick ^ tick_);
        std::size_t level =
            distance == 0 ? 0 : (static_cast<std::size_t>(std::bit_width(distance)) - 1) / kBits;
        std::int64_t filed = tick;
        if (level >= kLevels) {  // beyond the horizon: wait in the last slot and be filed again
            level = kLevels - 1;
            filed = tick_ + ((std::int64_t{kSlots} - 1) << (kBits * level));
        }
        const std::size_t slot = static_cast<std::size_t>(filed >> (kBits * level)) % kSlots;
        put(entry, at, static_cast<std::uint16_t>(level * kSlots + slot));
        occupied_[level] |= std::uint64_t{1} << slot;
        bound_ = std::min(bound_, at);
    }

    void put(TimerEntry& entry, Instant at, std::uint16_t slot) {
        Row*& first = rows_[slot];
        if (first == nullptr || first->size == Row::kMost) {
            Row* row = take_row();
            row->next = first;
            first = row;
        }
        entry.place_ = first->number << kPlaceBits | first->size;
        first->records[first->size++] = {at, &entry};
        entry.at_ = at;
        entry.slot_ = slot;
        lowest_[slot] = std::min(lowest_[slot], at);
    }

    // The slot's last record takes the place.
    void remove(const TimerEntry& entry) {
        const std::uint16_t slot = entry.slot_;
        const std::uint32_t place = entry.place_;
        Row* first = rows_[slot];
        const TimerRecord& last = first->records[--first->size];
        if (last.entry != &entry) {
            last.entry->place_ = place;
            row_at(place >> kPlaceBits).records[place & ((1u << kPlaceBits) - 1)] = last;
        }
        if (first->size != 0) return;
        rows_[slot] = first->next;
        give_row(first);
        if (rows_[slot] != nullptr) return;
        lowest_[slot] = Instant::never();
        if (slot != kDue) occupied_[slot / kSlots] &= ~(std::uint64_t{1} << (slot % kSlots));
    }

    // Rings what is due in the slot of the present tick. What ring() arms for now rings as well.
    template <typename Ring, typename Ahead>
    void collect(Instant now, Ring&& ring, Ahead&& ahead) {
        const auto slot = static_cast<std::uint16_t>(static_cast<std::size_t>(tick_) % kSlots);
        while (lowest_[slot] <= now) {
            take_due(slot, now);
            while (rows_[kDue] != nullptr) {
                const Row& row = *rows_[kDue];
                TimerEntry& entry = *row.records[row.size - 1].entry;
                if (const TimerEntry* soon = behind(row, kAhead)) ahead(*soon);
                cancel(entry);
                ring(entry);
            }
        }
    }

    // The record so many places behind the last of a row, or in the full one that follows it.
    static const TimerEntry* behind(const Row& row, std::size_t places) {
        if (row.size > places) return row.records[row.size - 1 - places].entry;
        if (row.next == nullptr) return nullptr;
        return row.next->records[Row::kMost + row.size - 1 - places].entry;
    }

    // Moves what is due to kDue, the earliest last, and learns the slot's lowest anew.
    void take_due(std::uint16_t slot, Instant now) {
        due_.clear();
        Instant lowest = Instant::never();
        for (const Row* row = rows_[slot]; row != nullptr; row = row->next) {
            for (const TimerRecord& r : std::span{row->records}.first(row->size)) {
                if (r.at <= now) {
                    due_.push_back({r.at, due_.size(), r.entry});
                } else {
                    lowest = std::min(lowest, r.at);
                }
            }
        }
        const auto is_later = [](const Due& a, const Due& b) {
            return a.at != b.at ? a.at > b.at : a.order > b.order;
        };
        std::sort(due_.begin(), due_.end(), is_later);
        for (const Due& due : due_) {
            remove(*due.entry);
            put(*due.entry, due.at, kDue);
        }
        if (rows_[slot] != nullptr) lowest_[slot] = lowest;
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
        const std::size_t place = static_cast<std::size_t>(tick_ >> (kBits * level)) % kSlots;
        const std::size_t slot = level * kSlots + place;
        Row* row = std::exchange(rows_[slot], nullptr);
        occupied_[level] &= ~(std::uint64_t{1} << place);
        lowest_[slot] = Instant::never();
        while (row != nullptr) {
            const auto records = std::span{row->records}.first(row->size);
            for (const TimerRecord& r : records) __builtin_prefetch(r.entry, 1);
            for (const TimerRecord& r : records) file(*r.entry, r.at);
            Row* after = row->next;
            give_row(row);
            row = after;
        }
    }

    Row* take_row() {
        if (free_ == nullptr) {
            auto number = static_cast<std::uint32_t>(blocks_.size() * kRowsAtOnce);
            blocks_.push_back(std::make_unique<std::array<Row, kRowsAtOnce>>());
            for (Row& row : *blocks_.back()) {
                row.number = number++;
                give_row(&row);
            }
        }
        Row* row = free_;
        free_ = row->next;
        row->size = 0;
        return row;
    }
    Row& row_at(std::uint32_t number) {
        return (*blocks_[number / kRowsAtOnce])[number % kRowsAtOnce];
    }
    void give_row(Row* row) {
        row->next = free_;
        free_ = row;
    }

    std::array<std::uint64_t, kLevels> occupied_{};
    // No entry of the slot is due before. Early after a cancel, exact after a look, so that a poll
    // at next() always gets further.
    std::array<Instant, kLevels * kSlots + 1> lowest_{};
    std::array<Row*, kLevels * kSlots + 1> rows_{};
    std::int64_t tick_ = 0;
    Instant bound_ = Instant::never();  // nothing is due before; what next() says
    Row* free_ = nullptr;
    std::vector<std::unique_ptr<std::array<Row, kRowsAtOnce>>> blocks_{};
    std::vector<Due> due_{};
};

}  // namespace fairlead
