// link/fault_line.hpp — one direction of a bad path: what it does to the frames that enter it.
//
//    enters -> lost? corrupted? doubled? held back? -> [ queue | rate ] -> delay -> leaves
//
// Owns:   FaultLine: the chance, the queue before the bottleneck with its rule, the frames on their
//         way.
// Rules:  Wire-sized frames only. Frames leave in the order they entered, but for those held back;
//         jitter alone reorders nothing. Each frame costs the same draws whatever the odds, so that
//         changing one fault leaves the others where they were. A full queue drops at its tail.
// Not here: large segments and devices (device/fault_injector.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/prng.hpp"
#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "link/queue_rule.hpp"

namespace fairlead::link {

struct Faults {
    static constexpr std::uint32_t kAlways = 1'000'000;

    // How many frames in a million.
    std::uint32_t loss = 0;
    std::uint32_t duplication = 0;
    std::uint32_t reordering = 0;
    std::uint32_t corruption = 0;  // one bit of the frame; the checksum stays what it was

    std::uint32_t reorder_distance = 3;  // later frames overtake one that is held back
    Duration reorder_hold = 5_ms;        // at most, when none follow

    Duration delay{};
    Duration jitter{};                  // evenly, up to this much more
    std::uint64_t bits_per_second = 0;  // 0: as fast as they come
    // What may wait before the bottleneck, where there is a rate.
    std::uint64_t queue_bytes = 256 * 1024;
    std::uint32_t queue_frames = 0;  // 0: only bytes count
    QueueRules rules{};              // what it does before it is full

    constexpr bool operator==(const Faults&) const = default;
    constexpr bool is_none() const { return *this == Faults{}; }
};

struct FaultCounts {
    std::uint64_t entered = 0;
    std::uint64_t left = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t queue_full = 0;     // dropped at the bottleneck, or over the limits of memory
    std::uint64_t queue_dropped = 0;  // by the rule of the queue
    std::uint64_t queue_marked = 0;
    Duration longest_wait{};  // before the bottleneck
};

class FaultLine {
public:
    // `pool` is where duplicates and corrupted copies come from.
    FaultLine(PacketPool& pool, std::uint64_t seed)
        : pool_{pool}, chance_{seed}, detail_{chance_.split()} {}

    void set_faults(const Faults& faults);
    const Faults& faults() const { return faults_; }
    // What the frames begin with, for a rule that marks them.
    void set_link(LinkKind link) { link_ = link; }
    const FaultCounts& counts() const { return counts_; }

    void enter(PacketPtr frame, Instant now);
    // The next frame whose time has come, its meta.arrived set to that time; or null.
    PacketPtr leave(Instant now);
    // When the next frame leaves, or is let go; never() when none waits.
    Instant next_deadline() const;
    bool is_empty() const { return on_the_way_.empty() && held_count_ == 0; }
    void clear();

private:
    struct Held {
        PacketPtr frame{};
        std::uint32_t overtakers_left = 0;
        Instant until{};
    };
    static constexpr std::size_t kMostHeld = 64;
    static constexpr std::size_t kMostOnTheWay = 1u << 17;

    PacketPtr corrupted(PacketPtr frame);
    void hold_back(PacketPtr frame, Instant now);
    void let_overtaken_go(Instant now);
    void let_due_go(Instant now);
    void let_go(std::size_t held, Instant now);
    void put_on_the_way(PacketPtr frame, Instant now);
    bool is_full(Duration sending, Instant now);
    bool obeys_rule(Packet& frame, Duration sending, Instant now);
    Duration transmission_time(std::size_t bytes) const;

    PacketPool& pool_;
    Prng chance_;  // the same draws for each frame
    Prng detail_;  // which bit, how much jitter
    Faults faults_{};
    Duration queue_time_{};  // what a full queue takes to leave
    LinkKind link_ = LinkKind::Ethernet;
    QueueRule rule_{};
    FaultCounts counts_{};
    std::array<Held, kMostHeld> held_{};
    std::size_t held_count_ = 0;
    // place: when it leaves, in nanoseconds; meta.arrived: when it is past the bottleneck.
    PacketQueue on_the_way_{};
    Packet* waiting_ = nullptr;  // the first on the way that was not past the bottleneck yet
    std::uint32_t waiting_count_ = 0;
    Instant busy_until_{};  // the bottleneck
    Instant last_leaves_{};
};

}  // namespace fairlead::link
