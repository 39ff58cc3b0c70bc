#include "link/neighbour.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.hpp"

namespace fairlead::link {
namespace {

// Linux's unres_qlen_bytes: what may wait for one neighbour, in bytes of packet.
constexpr std::size_t kMostWaitingBytes = 212992;
// How often Linux draws another reachable_time (neigh_periodic_work).
constexpr Duration kRedrawEvery = 300_s;

Duration ms(std::int64_t n) { return Duration::from_ms(n); }

std::size_t room_of(const Config& config) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(config.neigh_gc_thresh3, 1, 1 << 16));
}

}  // namespace

NeighbourTable::NeighbourTable(const Config& config, Counters& counters, std::uint64_t seed)
    : config_{config},
      counters_{counters},
      prng_{seed},
      hash_key_{prng_.next()},
      buckets_(std::bit_ceil(room_of(config)), kNone) {}

// --- finding ---

std::size_t NeighbourTable::bucket_of(const NeighbourKey& key) const {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), key.address.bytes().data(), sizeof words);
    std::uint64_t state = words[0] ^ hash_key_;
    state = splitmix64(state) ^ words[1] ^ key.interface;
    return splitmix64(state) & (buckets_.size() - 1);
}

std::uint32_t NeighbourTable::look_up(const NeighbourKey& key) const {
    std::uint32_t at = buckets_[bucket_of(key)];
    while (at != kNone && entries_[at].key != key) at = entries_[at].bucket_next;
    return at;
}

std::uint32_t NeighbourTable::look_up(std::uint32_t hint, const NeighbourKey& key) const {
    return is_at(hint - 1, key) ? hint - 1 : look_up(key);
}

// --- room ---

std::uint32_t NeighbourTable::create(const NeighbourKey& key, Instant now) {
    if (size_ >= static_cast<std::size_t>(config_.neigh_gc_thresh1)) retire_old(now);
    if (size_ >= room_of(config_)) {
        const std::uint32_t out = victim(now);
        if (out == kNone) return kNone;
        erase(out);
    }
    std::uint32_t index = shelves_[static_cast<std::size_t>(Shelf::Free)].first;
    if (index == kNone) {
        index = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    } else {
        take_off(index);
    }
    Entry& entry = entries_[index];
    entry.key = key;
    entry.updated = now;
    std::uint32_t& bucket = buckets_[bucket_of(key)];
    entry.bucket_next = std::exchange(bucket, index);
    put_on(index, Shelf::Failed);
    ++size_;
    return index;
}

bool NeighbourTable::is_long_idle(std::uint32_t index, Instant now) const {
    const Entry& entry = entries_[index];
    const Instant last = std::max(entry.used, entry.updated);
    return now - last >= Duration::from_s(config_.neigh_gc_stale_time);
}

std::uint32_t NeighbourTable::victim(Instant now) const {
    const auto first = [&](Shelf shelf) { return shelves_[static_cast<std::size_t>(shelf)].first; };
    const std::uint32_t idle = first(Shelf::Idle);
    if (first(Shelf::Failed) != kNone) return first(Shelf::Failed);
    if (first(Shelf::NeverUsed) != kNone) return first(Shelf::NeverUsed);
    if (idle != kNone && is_long_idle(idle, now)) return idle;
    return first(Shelf::Unproven) != kNone ? first(Shelf::Unproven) : idle;
}

// A full sweep in small steps: what is past its time leaves as others come. Below gc_thresh1
// nothing is swept, and no timer runs for it.
void NeighbourTable::retire_old(Instant now) {
    for (const Shelf shelf : {Shelf::Failed, Shelf::NeverUsed, Shelf::Idle}) {
        const std::uint32_t oldest = shelves_[static_cast<std::size_t>(shelf)].first;
        if (oldest == kNone) continue;
        if (shelf == Shelf::Failed || is_long_idle(oldest, now)) erase(oldest);
    }
}

void NeighbourTable::erase(std::uint32_t index) {
    Entry& entry = entries_[index];
    std::uint32_t* link = &buckets_[bucket_of(entry.key)];
    while (*link != index) link = &entries_[*link].bucket_next;
    *link = entry.bucket_next;
    drop_waiting(entry);
    deadlines_.clear(index);
    take_off(index);
    entry = Entry{};
    put_on(index, Shelf::Free);
    --size_;
}

void NeighbourTable::put_on(std::uint32_t index, Shelf shelf) {
    Entry& entry = entries_[index];
    List& list = shelves_[static_cast<std::size_t>(shelf)];
    entry.shelf = shelf;
    entry.shelf_previous = list.last;
    entry.shelf_next = kNone;
    (list.last == kNone ? list.first : entries_[list.last].shelf_next) = index;
    list.last = index;
}

void NeighbourTable::take_off(std::uint32_t index) {
    const Entry& entry = entries_[index];
    List& list = shelves_[static_cast<std::size_t>(entry.shelf)];
    (entry.shelf_previous == kNone ? list.first : entries_[entry.shelf_previous].shelf_next) =
        entry.shelf_next;
    (entry.shelf_next == kNone ? list.last : entries_[entry.shelf_next].shelf_previous) =
        entry.shelf_previous;
}

// --- states ---

void NeighbourTable::enter(std::uint32_t index, NeighbourState state, Instant now) {
    Entry& entry = entries_[index];
    entry.state = state;
    entry.updated = now;
    entry.probes = 0;
    const Instant deadline = deadline_for(entry, now);
    if (deadline == Instant::never()) {
        deadlines_.clear(index);
    } else {
        deadlines_.set(index, deadline);
    }
    take_off(index);
    put_on(index, shelf_for(entry));
}

Instant NeighbourTable::deadline_for(const Entry& entry, Instant now) {
    switch (entry.state) {
        case NeighbourState::Incomplete:
        case NeighbourState::Probe: return now + ms(config_.neigh_retrans_time_ms);
        case NeighbourState::Delay:
            return now + Duration::from_s(config_.neigh_delay_first_probe_time);
        case NeighbourState::Reachable: return entry.confirmed + reachable_time(now);
        case NeighbourState::Stale:
        case NeighbourState::Failed:
        case NeighbourState::Permanent: break;
    }
    return Instant::never();
}

NeighbourTable::Shelf NeighbourTable::shelf_for(const Entry& entry) const {
    switch (entry.state) {
        case NeighbourState::Incomplete: return Shelf::Unproven;
        case NeighbourState::Failed: return Shelf::Failed;
        case NeighbourState::Stale: return entry.was_used ? Shelf::Idle : Shelf::NeverUsed;
        case NeighbourState::Delay:
        case NeighbourState::Probe: return entry.has_answered ? Shelf::InUse : Shelf::Unproven;
        case NeighbourState::Reachable:
        case NeighbourState::Permanent: break;
    }
    return Shelf::InUse;
}

// RFC 4861 §6.3.2: evenly spread over half to one and a half of the base, drawn now and then.
Duration NeighbourTable::reachable_time(Instant now) {
    const Duration base = ms(config_.neigh_base_reachable_time_ms);
    if (base != reachable_base_ || now >= reachable_redraw_) {
        reachable_base_ = base;
        reachable_redraw_ = now + kRedrawEvery;
        const auto spread = static_cast<std::int64_t>(
            base.is_zero() ? 0 : prng_.below(static_cast<std::uint64_t>(base.ns())));
        reachable_time_ = base / 2 + Duration::from_ns(spread);
    }
    return reachable_time_;
}

// --- packets down ---

NeighbourOutput NeighbourTable::output(std::uint32_t& hint, const NeighbourKey& key,
                                       PacketPtr& packet, Instant now) {
    std::uint32_t index = look_up(hint, key);
    if (index == kNone) index = create(key, now);
    if (index == kNone) return {};
    hint = index + 1;
    Entry& entry = entries_[index];
    entry.used = now;
    entry.was_used = true;
    switch (entry.state) {
        case NeighbourState::Reachable:
        case NeighbourState::Permanent:
        case NeighbourState::Delay:
        case NeighbourState::Probe: return {NeighbourVerdict::Ready, entry.mac};
        case NeighbourState::Stale:
            enter(index, NeighbourState::Delay, now);
            return {NeighbourVerdict::Ready, entry.mac};
        case NeighbourState::Incomplete:
            wait(entry, std::move(packet));
            return {NeighbourVerdict::Waiting, {}};
        case NeighbourState::Failed: break;
    }
    // New, or given up: asked at once, whoever gave up when.
    enter(index, NeighbourState::Incomplete, now);
    wait(entry, std::move(packet));
    if (config_.neigh_mcast_solicit == 0) return {NeighbourVerdict::Waiting, {}};
    entry.probes = 1;
    return {NeighbourVerdict::Ask, {}};
}

// The oldest make room, as in Linux: what was sent last is most likely still wanted.
void NeighbourTable::wait(Entry& entry, PacketPtr packet) {
    const auto most = static_cast<std::size_t>(config_.neigh_unres_qlen);
    const std::size_t bytes = packet->size();
    while (!entry.waiting.empty() &&
           (entry.waiting.size() >= most || entry.waiting_bytes + bytes > kMostWaitingBytes)) {
        entry.waiting_bytes -= entry.waiting.pop_front()->size();
        counters_.add(Counter::NeighbourQueueDrops);
    }
    if (most == 0) {
        counters_.add(Counter::NeighbourQueueDrops);
        return;
    }
    entry.waiting_bytes += bytes;
    entry.waiting.push_back(std::move(packet));
}

void NeighbourTable::drop_waiting(Entry& entry) {
    counters_.add(Counter::NeighbourQueueDrops, entry.waiting.size());
    entry.waiting_bytes = 0;
    while (entry.waiting.pop_front()) {
    }
}

void NeighbourTable::confirm(std::uint32_t hint, const NeighbourKey& key, Instant now) {
    const std::uint32_t index = look_up(hint, key);
    if (index == kNone || !is_valid(entries_[index].state)) return;
    entries_[index].confirmed = now;
    entries_[index].has_answered = true;
}

void NeighbourTable::doubt(std::uint32_t hint, const NeighbourKey& key, Instant now) {
    const std::uint32_t index = look_up(hint, key);
    if (index == kNone || entries_[index].state != NeighbourState::Reachable) return;
    enter(index, NeighbourState::Stale, now);
}

// --- news ---

PacketQueue NeighbourTable::learn(const NeighbourKey& key, const NeighbourNews& news, Instant now) {
    std::uint32_t index = look_up(key);
    if (index == kNone) {
        if (!news.may_create || !news.mac) return {};
        index = create(key, now);
        if (index == kNone) return {};
    }
    Entry& entry = entries_[index];
    const bool was_valid = is_valid(entry.state);
    if (entry.state == NeighbourState::Permanent || (!was_valid && !news.mac)) return {};

    MacAddress mac = news.mac.value_or(entry.mac);
    NeighbourState state = news.is_confirmation ? NeighbourState::Reachable : NeighbourState::Stale;
    bool is_router = news.is_router.value_or(entry.is_router);
    if (was_valid && mac != entry.mac && !news.may_override) {
        // RFC 4861 §7.2.5: another station without the right to replace ours casts doubt on it.
        if (!news.may_weaken || entry.state != NeighbourState::Reachable) return {};
        mac = entry.mac;
        state = NeighbourState::Stale;
        is_router = entry.is_router;
    } else if (was_valid && mac == entry.mac && state == NeighbourState::Stale) {
        state = entry.state;  // nothing new
    }
    entry.is_router = is_router;
    if (mac != entry.mac) {
        entry.mac = mac;
        entry.updated = now;
        entry.has_answered = false;  // not this one
    }
    if (news.is_confirmation && state == NeighbourState::Reachable) {
        entry.confirmed = now;
        entry.has_answered = true;
    }
    if (state != entry.state) enter(index, state, now);
    return was_valid ? PacketQueue{} : release(index, now);
}

PacketQueue NeighbourTable::release(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    entry.waiting_bytes = 0;
    PacketQueue ready = std::exchange(entry.waiting, PacketQueue{});
    if (!ready.empty() && entry.state == NeighbourState::Stale) {
        enter(index, NeighbourState::Delay, now);  // they are its first use
    }
    return ready;
}

bool NeighbourTable::set_permanent(const NeighbourKey& key, const MacAddress& mac,
                                   PacketQueue& ready, Instant now) {
    std::uint32_t index = look_up(key);
    if (index == kNone) index = create(key, now);
    if (index == kNone) return false;
    entries_[index].mac = mac;
    enter(index, NeighbourState::Permanent, now);
    ready = release(index, now);
    return true;
}

void NeighbourTable::remove(const NeighbourKey& key) {
    const std::uint32_t index = look_up(key);
    if (index != kNone) erase(index);
}

void NeighbourTable::remove_all(InterfaceIndex interface) {
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].shelf != Shelf::Free && entries_[i].key.interface == interface) erase(i);
    }
}

// --- time ---

std::optional<NeighbourEvent> NeighbourTable::expire(Instant now) {
    while (!deadlines_.empty() && deadlines_.next() <= now) {
        if (auto event = on_deadline(deadlines_.first(), now)) return event;
    }
    return std::nullopt;
}

std::optional<NeighbourEvent> NeighbourTable::on_deadline(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    const Duration delay = Duration::from_s(config_.neigh_delay_first_probe_time);
    switch (entry.state) {
        case NeighbourState::Reachable: on_unconfirmed(index, now); return std::nullopt;
        case NeighbourState::Delay:
            if (entry.has_answered && now <= entry.confirmed + delay) {
                enter(index, NeighbourState::Reachable, now);
                return std::nullopt;
            }
            enter(index, NeighbourState::Probe, now);
            return ask(index, now);
        case NeighbourState::Incomplete:
        case NeighbourState::Probe: return ask(index, now);
        case NeighbourState::Stale:
        case NeighbourState::Failed:
        case NeighbourState::Permanent: break;
    }
    FAIRLEAD_ASSERT(false);  // these have no deadline
    return std::nullopt;
}

// reachable_time is over, unless the transport has confirmed the neighbour since.
void NeighbourTable::on_unconfirmed(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    const Instant until = entry.confirmed + reachable_time(now);
    if (now < until) {
        deadlines_.set(index, until);
        return;
    }
    const Duration delay = Duration::from_s(config_.neigh_delay_first_probe_time);
    const bool is_in_use = entry.was_used && now <= entry.used + delay;
    enter(index, is_in_use ? NeighbourState::Delay : NeighbourState::Stale, now);
}

NeighbourEvent NeighbourTable::ask(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    const bool is_probe = entry.state == NeighbourState::Probe;
    const std::int64_t most = is_probe ? config_.neigh_ucast_solicit : config_.neigh_mcast_solicit;
    if (entry.probes >= most) return fail(index, now);
    ++entry.probes;
    deadlines_.set(index, now + ms(config_.neigh_retrans_time_ms));
    NeighbourEvent event{.kind = NeighbourEvent::Kind::Ask, .key = entry.key};
    if (is_probe) event.station = entry.mac;
    event.waiting = entry.waiting.front();
    return event;
}

NeighbourEvent NeighbourTable::fail(std::uint32_t index, Instant now) {
    Entry& entry = entries_[index];
    counters_.add(Counter::NeighbourFailed);
    NeighbourEvent event{.kind = NeighbourEvent::Kind::Failed, .key = entry.key};
    event.packets = std::exchange(entry.waiting, PacketQueue{});
    entry.waiting_bytes = 0;
    enter(index, NeighbourState::Failed, now);
    return event;
}

// --- what can be seen ---

std::optional<NeighbourInfo> NeighbourTable::find(const NeighbourKey& key) const {
    const std::uint32_t index = look_up(key);
    if (index == kNone) return std::nullopt;
    return info_of(entries_[index]);
}

std::vector<NeighbourInfo> NeighbourTable::snapshot() const {
    std::vector<NeighbourInfo> all;
    for (const Entry& entry : entries_) {
        if (entry.shelf != Shelf::Free) all.push_back(info_of(entry));
    }
    return all;
}

NeighbourInfo NeighbourTable::info_of(const Entry& entry) {
    return {.key = entry.key,
            .state = entry.state,
            .mac = entry.mac,
            .is_router = entry.is_router,
            .waiting = entry.waiting.size(),
            .used = entry.used,
            .confirmed = entry.confirmed,
            .updated = entry.updated};
}

}  // namespace fairlead::link
