// packet/sum.hpp — the Internet checksum's sum over a packet.
//
// Why:    a small packet lies in its head, and its sum needs neither loop nor call.
#pragma once

#include "fairlead/packet.hpp"
#include "wire/checksum.hpp"

namespace fairlead {

// Adds the packet's bytes from `offset` on to what was summed before them.
inline wire::PartialSum sum_from(const Packet& packet, std::size_t offset,
                                 wire::PartialSum before = {}) {
    const Bytes head = packet.head();
    if (packet.slice_count() == 0 && offset <= head.size()) {
        before.add(head.subspan(offset));
        return before;
    }
    packet.for_each_piece(offset, [&](Bytes piece) { before.add(piece); });
    return before;
}

}  // namespace fairlead
