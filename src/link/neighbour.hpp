// link/neighbour.hpp — which station has which address, for ARP and Neighbour Discovery alike.
//
// Owns:      the entries and their states, when to ask again and when to give up, and the packets
//            that wait for an answer.
// Knows:     RFC 4861 §7.3 (unreachability detection) as Linux runs it for both families
//            (net/ipv4/neigh/* sysctls), with Linux's states.
// Contract:  No callback and no packet of its own: what is to be asked, what may go now and what
//            can't be delivered come out as values. `hint` makes the next look-up of the same
//            neighbour one comparison; 0 is "none yet", and a stale one is only slower.
// Room:      gc_thresh3 entries. A new one takes the place of, in this order: a failed one; one that
//            nothing was sent to for gc_stale_time or ever; the longest unanswered; the longest
//            idle. Entries in use (reachable, delay, probe, permanent) are never pushed out.
// Not here:  ARP's and ND's packets (arp.hpp, nd.hpp), groups and broadcasts (ethernet.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/prng.hpp"
#include "fairlead/address.hpp"
#include "fairlead/config.hpp"
#include "fairlead/counters.hpp"
#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "fairlead/time.hpp"
#include "link/deadline_heap.hpp"

namespace fairlead::link {

// The interface is the zone: the one in the address is not looked at.
struct NeighbourKey {
    IpAddress address{};
    InterfaceIndex interface = 0;

    friend bool operator==(const NeighbourKey& a, const NeighbourKey& b) {
        return a.interface == b.interface && a.address.has_bytes_of(b.address);
    }
};

enum class NeighbourState : std::uint8_t {
    Incomplete,  // asked, not answered; packets wait
    Reachable,   // heard from within reachable_time
    Stale,       // known, not vouched for; used until somebody asks
    Delay,       // used while stale: the transport has delay_first_probe_time to confirm
    Probe,       // asked directly
    Failed,
    Permanent,  // set by hand
};

struct NeighbourInfo {
    NeighbourKey key{};
    NeighbourState state = NeighbourState::Failed;
    MacAddress mac{};  // meaningless while Incomplete or Failed
    bool is_router = false;
    std::size_t waiting = 0;  // packets
    Instant used{};           // last packet sent to it
    Instant confirmed{};      // where it ever was
    Instant updated{};        // state or station changed
};

// What becomes of a packet that wants to go to a neighbour.
enum class NeighbourVerdict : std::uint8_t {
    Ready,    // still the caller's: put the header with `mac` before it and send
    Waiting,  // taken: it comes back from learn() or from expire()
    Ask,      // taken likewise, and the caller sends the first solicitation now
    NoRoom,   // still the caller's, to drop: every entry of the table is in use (NoBuffers)
};

struct NeighbourOutput {
    NeighbourVerdict verdict = NeighbourVerdict::NoRoom;
    MacAddress mac{};
};

// What was heard about a neighbour: the arguments of Linux's neigh_update().
struct NeighbourNews {
    std::optional<MacAddress> mac{};  // none: the message named no station
    bool is_confirmation = false;     // an answer to our question: reachable; else stale
    bool may_create = false;
    bool may_override = false;        // a different station replaces the one we know...
    bool may_weaken = false;          // ...or else only makes a reachable one stale
    std::optional<bool> is_router{};  // none: says nothing about that
};

// What is due.
struct NeighbourEvent {
    enum class Kind : std::uint8_t {
        Ask,     // send a solicitation
        Failed,  // nobody answered: `packets` can't be delivered (HostUnreachable)
    };
    Kind kind = Kind::Ask;
    NeighbourKey key{};
    std::optional<MacAddress> station{};  // Ask: this one only; none: broadcast, solicited-node
    const Packet* waiting = nullptr;      // Ask: the first that waits; its source is a good source
    PacketQueue packets{};                // Failed
};

class NeighbourTable {
public:
    // `config` and `counters` outlive the table; `seed` spreads reachable_time and keys the hash.
    NeighbourTable(const Config& config, Counters& counters, std::uint64_t seed);

    NeighbourOutput output(std::uint32_t& hint, const NeighbourKey& key, PacketPtr& packet,
                           Instant now);
    // What nearly every packet meets, the neighbour of the last one that is known and fresh: its
    // station, until the table changes. Null: ask output().
    const MacAddress* fresh_station(std::uint32_t hint, const NeighbourKey& key, Instant now) {
        if (!is_at(hint - 1, key) || !is_fresh(entries_[hint - 1].state)) return nullptr;
        Entry& entry = entries_[hint - 1];
        entry.used = now;
        entry.was_used = true;
        return &entry.mac;
    }
    // For output(), later. 0: not known yet.
    std::uint32_t hint_of(const NeighbourKey& key) const { return look_up(key) + 1; }
    // The transport heard something new from there (RFC 4861 §7.3.1, Linux's dst_confirm).
    void confirm(std::uint32_t hint, const NeighbourKey& key, Instant now);
    // The transport gets no answer from there (RFC 1122 §3.3.1.4): what goes there next has it asked.
    void doubt(std::uint32_t hint, const NeighbourKey& key, Instant now);
    // Returns the packets that waited for this, oldest first, to be sent to news.mac.
    PacketQueue learn(const NeighbourKey& key, const NeighbourNews& news, Instant now);

    Instant next_deadline() const { return deadlines_.next(); }
    // What is due at `now`, one after another, until none.
    std::optional<NeighbourEvent> expire(Instant now);

    // False: no room. Waiting packets come out through `ready`.
    bool set_permanent(const NeighbourKey& key, const MacAddress& mac, PacketQueue& ready,
                       Instant now);
    // Packets that waited are dropped.
    void remove(const NeighbourKey& key);
    void remove_all(InterfaceIndex interface);

    std::optional<NeighbourInfo> find(const NeighbourKey& key) const;
    std::vector<NeighbourInfo> snapshot() const;
    std::size_t size() const { return size_; }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    // Who may be pushed out, and in which order within each: a list an entry is on.
    enum class Shelf : std::uint8_t {
        Failed,
        NeverUsed,  // stale, and nothing was ever sent to it
        Idle,       // stale
        Unproven,   // asked, or used, and never heard to answer
        InUse,
        Free,
    };
    static constexpr std::size_t kShelves = 6;

    struct Entry {
        NeighbourKey key{};
        MacAddress mac{};
        NeighbourState state = NeighbourState::Failed;
        Shelf shelf = Shelf::Free;
        bool is_router = false;
        bool was_used = false;
        bool has_answered = false;  // the station that `mac` names; else `confirmed` says nothing
        std::int64_t probes = 0;
        Instant used{};
        Instant confirmed{};
        Instant updated{};
        std::uint32_t bucket_next = kNone;
        std::uint32_t shelf_previous = kNone;
        std::uint32_t shelf_next = kNone;
        std::size_t waiting_bytes = 0;
        PacketQueue waiting{};
    };
    struct List {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };

    static bool is_valid(NeighbourState state) {
        return state != NeighbourState::Incomplete && state != NeighbourState::Failed;
    }
    // Known, and not about to change because it is used.
    static bool is_fresh(NeighbourState state) {
        return is_valid(state) && state != NeighbourState::Stale;
    }
    std::size_t bucket_of(const NeighbourKey& key) const;
    bool is_at(std::uint32_t index, const NeighbourKey& key) const {
        return index < entries_.size() && entries_[index].key == key &&
               entries_[index].shelf != Shelf::Free;
    }
    std::uint32_t look_up(const NeighbourKey& key) const;
    std::uint32_t look_up(std::uint32_t hint, const NeighbourKey& key) const;
    std::uint32_t create(const NeighbourKey& key, Instant now);  // as Failed
    bool is_long_idle(std::uint32_t index, Instant now) const;
    std::uint32_t victim(Instant now) const;
    void retire_old(Instant now);
    void erase(std::uint32_t index);

    void enter(std::uint32_t index, NeighbourState state, Instant now);
    Shelf shelf_for(const Entry& entry) const;
    Instant deadline_for(const Entry& entry, Instant now);
    void put_on(std::uint32_t index, Shelf shelf);
    void take_off(std::uint32_t index);
    void wait(Entry& entry, PacketPtr packet);
    void drop_waiting(Entry& entry);
    PacketQueue release(std::uint32_t index, Instant now);
    std::optional<NeighbourEvent> on_deadline(std::uint32_t index, Instant now);
    void on_unconfirmed(std::uint32_t index, Instant now);
    NeighbourEvent ask(std::uint32_t index, Instant now);
    NeighbourEvent fail(std::uint32_t index, Instant now);
    Duration reachable_time(Instant now);
    static NeighbourInfo info_of(const Entry& entry);

    const Config& config_;
    Counters& counters_;
    Prng prng_;
    std::uint64_t hash_key_;
    Duration reachable_time_{};
    Duration reachable_base_{};  // what reachable_time_ was drawn from
    Instant reachable_redraw_{};
    std::size_t size_ = 0;
    std::vector<Entry> entries_{};
    std::vector<std::uint32_t> buckets_{};
    std::array<List, kShelves> shelves_{};
    DeadlineHeap deadlines_{};
};

}  // namespace fairlead::link
