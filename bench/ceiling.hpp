// ceiling.hpp — what the machine itself allows: no stack can be faster.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fairlead::bench {

// Copies a buffer of 256 KiB to another over and over, in pieces, on the core it runs on.
class CopyLoop {
public:
    explicit CopyLoop(std::size_t piece);
    double copy(std::uint64_t pieces);          // returns seconds
    double copy_and_sum(std::uint64_t pieces);  // and the Internet checksum of each piece
    std::size_t piece() const { return piece_; }

private:
    std::size_t piece_;
    std::vector<std::byte> from_;
    std::vector<std::byte> to_;
};

// A flow table as a stack's demux has it: a hash of a 40-byte key (two addresses with zones, two
// ports) finds a slot, the slot names a block of eleven cache lines, whose key is compared and whose
// first line is written.
class FlowTable {
public:
    explicit FlowTable(std::uint32_t flows);  // a power of two of slots, half full at most
    ~FlowTable();
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    // Each lookup depends on what the one before it read. Returns seconds.
    double touch_one_by_one(std::uint64_t count);
    // 32 at a time: hash and prefetch the slots, prefetch the blocks, then touch.
    double touch_in_batches(std::uint64_t count);

private:
    struct Key;
    struct Slot;
    struct Block;

    Block& find(const Key& key, std::uint64_t hash);

    std::uint32_t flows_;
    std::uint64_t mask_;
    std::unique_ptr<Slot[]> slots_;
    std::unique_ptr<Block[]> blocks_;
    std::uint64_t random_ = 88172645463325252u;
};

}  // namespace fairlead::bench
