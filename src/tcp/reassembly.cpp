#include "tcp/reassembly.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "tcp/coalesce.hpp"
#include "tcp/receive_window.hpp"

namespace fairlead::tcp {

// What begins before it, or with it, and reaches into it. False: all of it is there.
bool Reassembly::meet_before(Index& next, Range& range, Packet& packet, Inserted& result) {
    const Run& run = *std::prev(next);
    const Range before = run.range;
    result.duplicate = {range.begin, std::min(before.end, range.end)};
    if (before.end >= range.end) {
        result.run = before;
        result.is_new = false;
        result.merged = 1;
        return false;
    }
    if (before.begin == range.begin && run.first == run.last) {
        const auto at = next - runs_.begin() - 1;  // the longer one stays
        ++result.merged;
        drop_run(std::prev(next));
        next = runs_.begin() + at;
    } else {
        // As Linux, which keeps both whole: nothing is copied to the end of the one.
        packet.trim_front(static_cast<std::size_t>(before.end - range.begin));
        run.last->spare = 0;
        range.begin = before.end;
    }
    return true;
}

Reassembly::Inserted Reassembly::insert(Position seq, PacketPtr packet) {
    Range range{seq, seq + static_cast<std::int64_t>(packet->size())};
    Inserted result;
    // The first run that begins after us; the one before it may reach into us.
    auto next = std::ranges::upper_bound(runs_, range.begin, {},
                                         [](const Run& r) { return r.range.begin; });
    const bool has_before = next != runs_.begin();
    if (has_before && std::prev(next)->range.end > range.begin) {
        if (!meet_before(next, range, *packet, result)) return result;
    }
    // What we cover wholly goes; what we reach into keeps its bytes.
    while (next != runs_.end() && next->range.begin < range.end) {
        if (result.duplicate.empty()) {
            result.duplicate = {next->range.begin, std::min(next->range.end, range.end)};
        }
        if (next->range.end <= range.end) {
            const auto at = next - runs_.begin();
            ++result.merged;
            drop_run(next);
            next = runs_.begin() + at;
            continue;
        }
        packet->trim_back(static_cast<std::size_t>(range.end - next->range.begin));
        packet->spare = 0;
        range.end = next->range.begin;
    }

    const bool joins_before = next != runs_.begin() && std::prev(next)->range.end == range.begin;
    const bool joins_after = next != runs_.end() && next->range.begin == range.end;
    if (!joins_before && !joins_after && runs_.size() >= kMostRuns) return {.refused = true};

    bytes_ += range.length();
    if (joins_before && !joins_after && fill_spare(*std::prev(next)->last, *packet)) {
        std::prev(next)->range.end = range.end;
        result.run = std::prev(next)->range;
        result.is_copied = true;
        return result;
    }
    pieces_ += pieces_of(*packet);
    charged_ += packet->charge;
    packet->place = range.begin.value();
    packet->next = nullptr;
    Packet* p = packet.release();
    if (joins_before) {
        Run& before = *std::prev(next);
        before.last->next = p;
        before.last = p;
        before.range.end = range.end;
        if (joins_after) {
            p->next = next->first;
            before.last = next->last;
            before.range.end = next->range.end;
            next = runs_.erase(next);
        }
        result.run = std::prev(next)->range;
    } else if (joins_after) {
        p->next = next->first;
        next->first = p;
        next->range.begin = range.begin;
        result.run = next->range;
    } else {
        runs_.insert(next, Run{range, p, p});
        result.run = range;
    }
    return result;
}

Reassembly::Taken Reassembly::take(Position next) {
    Taken taken;
    while (!runs_.empty() && runs_.front().range.begin <= next) {
        Run& run = runs_.front();
        PacketPtr packet{run.first};
        const auto size = static_cast<std::int64_t>(packet->size());
        const Position begin{packet->place};
        run.first = packet->next;
        packet->next = nullptr;
        bytes_ -= size;
        pieces_ -= pieces_of(*packet);
        charged_ -= packet->charge;
        if (run.first == nullptr) {
            runs_.erase(runs_.begin());
        } else {
            run.range.begin = begin + size;
        }
        // Of several only the first is told of (tcp_ofo_queue).
        if (begin < next && taken.duplicate.empty()) {
            taken.duplicate = {begin, std::min(begin + size, next)};
        }
        if (begin + size <= next) continue;
        if (begin < next) packet->trim_front(static_cast<std::size_t>(next - begin));
        packet->place = next.value();
        taken.began = begin;
        taken.packet = std::move(packet);
        break;
    }
    return taken;
}

std::uint32_t Reassembly::charge_as_copied(const ReceiveWindow& window) {
    std::uint32_t copied = 0;
    std::int64_t most_alone = window.buffer() / 8;
    for (const Run& run : runs_) {
        if (run.first == run.last) {
            most_alone -= run.first->charge;
            if (most_alone < 0) return copied;
            continue;
        }
        Packet* first = run.first;
        while (first != nullptr &&
               !window.is_bloated(first->charge, static_cast<std::int64_t>(first->size()))) {
            first = first->next;
        }
        if (first == nullptr) continue;
        const TrueSize size =
            size_of_copy(static_cast<std::size_t>(run.range.end - Position{first->place}));
        for (Packet* p = first; p != nullptr; p = p->next) {
            charged_ -= std::exchange(p->charge, 0);
            p->spare = 0;
            ++copied;
        }
        first->charge = size.charge;
        run.last->spare = size.spare;
        charged_ += size.charge;
    }
    return copied;
}

void Reassembly::drop_run(Index run) {
    for (Packet* p = run->first; p != nullptr;) {
        PacketPtr packet{p};
        p = p->next;
        bytes_ -= static_cast<std::int64_t>(packet->size());
        pieces_ -= pieces_of(*packet);
        charged_ -= packet->charge;
    }
    runs_.erase(run);
}

void Reassembly::clear() {
    while (!runs_.empty()) drop_last();
    FAIRLEAD_ASSERT(bytes_ == 0 && pieces_ == 0 && charged_ == 0);
}

}  // namespace fairlead::tcp
