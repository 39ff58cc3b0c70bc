// tcp/reassembly.hpp — bytes that came too early.
//
// Owns:   runs of contiguous out-of-order packets, sorted, never touching, never overlapping.
// Knows:  RFC 9293 §3.10.7.4 (seventh step). Of two copies of a byte the first stays,
//         unless one segment covers a whole run: then it takes its place.
// Bounds: kMostRuns runs; what would be one more is refused. Inserting costs a binary search.
// Not here: what is in order (receiver.hpp), what to tell the sender (sack_reply.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include "fairlead/packet.hpp"
#include "tcp/segment.hpp"

namespace fairlead::tcp {

class ReceiveWindow;

class Reassembly {
public:
    static constexpr std::size_t kMostRuns = 4096;
    static constexpr std::size_t kUsualRuns = 64;  // more ask the heap for room, once

    Reassembly() { runs_.reserve(kUsualRuns); }
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    ~Reassembly() { clear(); }

    struct Inserted {
        Range run{};        // the contiguous range the segment is part of now
        Range duplicate{};  // what was there before; empty: nothing
        bool refused = false;
        bool is_new = true;        // something of it was
        bool is_copied = false;    // behind another, which had room for it
        std::uint32_t merged = 0;  // packets of which all was there, or is now
    };
    // `packet` holds the payload of [seq, seq + size), and says what it costs.
    Inserted insert(Position seq, PacketPtr packet);
    struct Taken {
        PacketPtr packet{};
        Position began{};   // where it did before it was trimmed
        Range duplicate{};  // what of it, and of those dropped on the way, had come again
    };
    // The first packet, if it begins at or before `next`: trimmed to begin there. Null: a gap. A
    // packet that lies wholly below `next` is dropped on the way.
    Taken take(Position next);
    // What lies together counts as if it were copied together (tcp_collapse_ofo_queue); where much lies
    // alone, that is not looked for. How many packets that are.
    std::uint32_t charge_as_copied(const ReceiveWindow& window);
    void drop_last() { drop_run(std::prev(runs_.end())); }  // the highest run; not empty
    void clear();

    bool empty() const { return runs_.empty(); }
    std::int64_t bytes() const { return bytes_; }
    std::size_t run_count() const { return runs_.size(); }
    // What is kept costs more than its bytes: what is charged for its packets, and in truth a
    // buffer for each piece of them.
    std::int64_t charged() const { return charged_; }
    std::size_t piece_count() const { return pieces_; }
    Position highest() const { return runs_.back().range.end; }  // not empty

private:
    struct Run {
        Range range{};
        Packet* first = nullptr;
        Packet* last = nullptr;
    };
    using Index = std::vector<Run>::iterator;

    bool meet_before(Index& next, Range& range, Packet& packet, Inserted& result);
    void drop_run(Index run);

    std::vector<Run> runs_;
    std::int64_t bytes_ = 0;
    std::int64_t charged_ = 0;
    std::size_t pieces_ = 0;
};

}  // namespace fairlead::tcp
