// link/queue_discipline.hpp — what waits for a device, and who goes next.
//
//    pfifo      one queue; what does not fit is dropped
//    fq         a queue for each flow, served in turn by bytes; new flows first; nothing leaves before
//               its time (PacketMeta::departs)
//    fq_codel   the same, and CoDel at the head of each: marked, or dropped
//
// Owns:   QueueDiscipline: the queues, their limits, what was dropped and why.
// Knows:  RFC 8290 §4 (deficit round robin with new and old flows, the fattest loses when all is
//         full), RFC 8289 (by queue_rule.hpp), with the limits of Linux's sch_fifo, sch_fq and
//         sch_fq_codel.
// Rules:  Large segments are one packet, as they are to Linux. All memory is taken when it is made.
// Not here: devices (link/queueing_device.hpp); who says when a packet departs (tcp/pacer.hpp).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/prng.hpp"
#include "base/siphash.hpp"
#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "link/deadline_heap.hpp"
#include "link/queue_rule.hpp"

namespace fairlead::link {

enum class DisciplineKind : std::uint8_t { Pfifo, Fq, FqCodel };

struct DisciplineOptions {
    DisciplineKind kind = DisciplineKind::Pfifo;
    std::uint32_t limit = 1000;      // packets, in all: txqueuelen; fq and fq_codel have 10,000
    std::uint32_t flow_limit = 100;  // fq
    std::uint64_t byte_limit = std::uint64_t{32} << 20;
    std::uint32_t flows = 1024;
    std::uint32_t quantum = 1514;  // bytes a flow may send in its turn
    Duration horizon = 10_s;       // fq: what departs later than that is dropped
    QueueRules codel{.kind = QueueKind::Codel, .marks = true};
};

// As net.core.default_qdisc has its name, with Linux's limits for it.
DisciplineOptions discipline_named(std::string_view name);
std::string_view name_of(DisciplineKind kind);

struct DisciplineCounts {
    std::uint64_t sent = 0;
    std::uint64_t dropped_full = 0;  // the queue, or the flow's
    std::uint64_t dropped_late = 0;  // by CoDel
    std::uint64_t marked = 0;
    std::uint64_t new_flows = 0;
    std::uint64_t throttled = 0;       // how often a flow had to wait for its next departure
    std::uint64_t beyond_horizon = 0;  // dropped: to depart in the far future
    std::uint32_t packets = 0;         // that wait
    std::uint64_t bytes = 0;
};

class QueueDiscipline {
public:
    QueueDiscipline(const DisciplineOptions& options, LinkKind link, const SipKey& key);

    void enter(PacketPtr packet, Instant now);
    // The next that may go; null: none waits.
    PacketPtr leave(Instant now);
    bool is_empty() const { return counts_.packets == 0; }
    // Something may leave at once.
    bool is_ready() const { return new_.first != kNone || old_.first != kNone; }
    // When the first of those departs that must wait for it.
    Instant next_departure() const { return throttled_.next(); }
    const DisciplineCounts& counts() const { return counts_; }
    const DisciplineOptions& options() const { return options_; }

private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::uint32_t kMostAtOnce = 64;  // dropped of the fattest

    enum class Listed : std::uint8_t { No, New, Old, Throttled };
    struct Flow {
        PacketQueue packets{};
        std::uint64_t bytes = 0;
        std::int64_t deficit = 0;
        std::uint32_t next = kNone;
        Listed listed = Listed::No;
        QueueRule rule{};
    };
    struct List {
        std::uint32_t first = kNone;
        std::uint32_t last = kNone;
    };

    std::uint32_t flow_of(const Packet& packet) const;
    void append(List& list, std::uint32_t flow, Listed as);
    void pop(List& list);
    bool is_full() const {
        return counts_.packets > options_.limit || counts_.bytes > options_.byte_limit;
    }
    PacketPtr take(Flow& flow);
    PacketPtr take_in_time(Flow& flow, Instant now);
    bool throttle(std::uint32_t number, List& list, Instant now);
    void release_due(Instant now);
    void drop_from_fattest();

    DisciplineOptions options_;
    LinkKind link_;
    SipKey key_;
    Prng chance_{1};  // CoDel draws none
    std::vector<Flow> flows_;
    List new_{};
    List old_{};
    DeadlineHeap throttled_{};  // flows, by the departure of their first
    DisciplineCounts counts_{};
};

}  // namespace fairlead::link
