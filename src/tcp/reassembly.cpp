#include "tcp/reassembly.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairlead::tcp {

Reassembly::Inserted Reassembly::insert(Position seq, PacketPtr packet) {
    Range range{seq, seq + static_cast<std::int64_t>(packet->size())};
    Inserted result;
    // The first run that begins after us; the one before it may reach into us.
    auto next = std::ranges::upper_bound(runs_, range.begin, {},
                                         [](const Run& r) { return r.range.begin; });
    const bool has_before = next != runs_.begin();
    if (has_before && std::prev(next)->range.end > range.begin) {
        const Range before = std::prev(next)->range;
        result.duplicate = {range.begin, std::min(before.end, range.end)};
        if (before.end >= range.end) {
            result.run = before;
            return result;
        }
        packet->trim_front(static_cast<std::size_t>(before.end - range.begin));
        range.begin = before.end;
    }
    // What we cover wholly goes; what we reach into keeps its bytes.
    while (next != runs_.end() && next->range.begin < range.end) {
        if (result.duplicate.empty()) {
            result.duplicate = {next->range.begin, std::min(next->range.end, range.end)};
        }
        if (next->range.end <= range.end) {
            const auto at = next - runs_.begin();
            drop_run(next);
            next = runs_.begin() + at;
            continue;
        }
        packet->trim_back(static_cast<std::size_t>(range.end - next->range.begin));
        range.end = next->range.begin;
    }

    result.added = range.length();
    packet->place = range.begin.value();
    packet->next = nullptr;
    auto own = next;
    if (next != runs_.begin() && std::prev(next)->range.end == range.begin) {
        own = std::prev(next);
        Packet* last = own->last;
        own->last = last->next = packet.release();
        own->range.end = range.end;
    } else if (runs_.size() >= kMostRuns) {
        return {.refused = true};
    } else {
        Packet* p = packet.release();
        own = runs_.insert(next, Run{range, p, p});
    }
    bytes_ += result.added;
    if (const auto after = std::next(own);
        after != runs_.end() && after->range.begin == own->range.end) {
        own->last->next = after->first;
        own->last = after->last;
        own->range.end = after->range.end;
        runs_.erase(after);
        // erase() moves what is behind; `own` lies before it and stays.
    }
    result.run = own->range;
    return result;
}

PacketPtr Reassembly::take(Position next) {
    while (!runs_.empty() && runs_.front().range.begin <= next) {
        Run& run = runs_.front();
        PacketPtr packet{run.first};
        const auto size = static_cast<std::int64_t>(packet->size());
        const Position begin{packet->place};
        run.first = packet->next;
        packet->next = nullptr;
        bytes_ -= size;
        if (run.first == nullptr) {
            runs_.erase(runs_.begin());
        } else {
            run.range.begin = begin + size;
        }
        if (begin + size <= next) continue;
        if (begin < next) packet->trim_front(static_cast<std::size_t>(next - begin));
        packet->place = next.value();
        return packet;
    }
    return nullptr;
}

void Reassembly::drop_run(Index run) {
    for (Packet* p = run->first; p != nullptr;) {
        PacketPtr packet{p};
        p = p->next;
        bytes_ -= static_cast<std::int64_t>(packet->size());
    }
    runs_.erase(run);
}

void Reassembly::clear() {
    while (!runs_.empty()) drop_run(std::prev(runs_.end()));
    FAIRLEAD_ASSERT(bytes_ == 0);
}

}  // namespace fairlead::tcp
