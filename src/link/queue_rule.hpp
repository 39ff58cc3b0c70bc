// link/queue_rule.hpp — which frame of a queue is marked or dropped before the queue is full.
//
//    a frame that will have waited `wait` when it leaves  ->  pass, mark, or drop
//
// Owns:   QueueRule: CoDel, RED, and a step (what DCTCP and L4S want of a switch).
// Knows:  RFC 8289 §4 and §5 (CoDel's control law), Floyd and Jacobson 1993 (RED), RFC 8257 §3.1 and
//         RFC 9332 (a step), RFC 3168 §5 (a frame that may be marked is marked, not dropped).
// Rules:  The queue is first in, first out at a known rate, so that how long a frame waits is known
//         when it enters; the frames are asked about in that order. Integers only.
// Not here: the queue, its limit (fault_line.hpp), how a frame is marked (congestion_mark.hpp).
#pragma once

#include <cstdint>

#include "base/prng.hpp"
#include "fairlead/time.hpp"

namespace fairlead::link {

enum class QueueKind : std::uint8_t { Plain, Codel, Red, Step };

struct QueueRules {
    QueueKind kind = QueueKind::Plain;
    bool marks = false;  // what may be marked is not dropped; a step does nothing else

    // CoDel: a wait that is acceptable for good, and how long it may be worse.
    Duration target = 5_ms;
    Duration interval = 100_ms;
    // Step: who waits longer is marked.
    Duration step = 1_ms;
    // RED: frames on the average from which on chance begins and ends to decide, and how many in a
    // million it takes just before the end.
    std::uint32_t red_least = 30;
    std::uint32_t red_most = 90;
    std::uint32_t red_odds = 20'000;

    constexpr bool operator==(const QueueRules&) const = default;
};

enum class QueueVerdict : std::uint8_t { Pass, Mark, Drop };

class QueueRule {
public:
    struct Frame {
        Instant entered{};
        Duration wait{};            // until its first bit leaves
        Duration sending{};         // and its last after that
        std::uint32_t waiting = 0;  // frames before it
        bool may_be_marked = false;
    };

    QueueVerdict ask(const QueueRules& rules, const Frame& frame, Prng& chance);

private:
    bool is_late(const QueueRules& rules, const Frame& frame, Instant leaves);
    bool codel(const QueueRules& rules, const Frame& frame);
    bool red(const QueueRules& rules, const Frame& frame, Prng& chance);

    // CoDel, by the names of RFC 8289 §5.
    Instant first_above_ = Instant::never();
    Instant drop_next_{};
    std::uint32_t count_ = 0;
    std::uint32_t last_count_ = 0;
    bool is_dropping_ = false;
    // RED
    std::int64_t average_ = 0;  // frames, in 512ths
    std::int64_t since_last_ = -1;
    Instant empty_since_{};
};

}  // namespace fairlead::link
