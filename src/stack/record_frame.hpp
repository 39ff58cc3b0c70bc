// stack/record_frame.hpp — frames in a recording: those that came in whole, those that left as a
// hash.
//
// Owns:   the form of a frame (metadata and bytes), and the hash of one that leaves.
// Why:    what a stack does may hang on how a packet lies in memory (what can be joined, what is
//         shared). So the stack that is recorded is given a copy laid out by read_frame(), and so
//         is the one that replays.
#pragma once

#include <cstdint>

#include "stack/record_format.hpp"

namespace fairlead {

void write_frame(RecordWriter& to, const Packet& frame);
// Null: the pool is at its limit, or the frame makes no sense (from.ran_out() or not).
PacketPtr read_frame(RecordReader& from, PacketPool& pool);
// Of what a device is told: every byte, and how it is to be cut and summed.
std::uint64_t hash_of_frame(const Packet& frame);

}  // namespace fairlead
