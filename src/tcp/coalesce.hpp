// tcp/coalesce.hpp — small payloads that wait are copied together.
//
// Why:    a packet that holds a few bytes costs as much memory as one that holds a thousand; a peer
//         that sends bytes one by one must not make us hold more than our buffer (Linux's
//         tcp_try_coalesce() and tcp_collapse()).
// Not here: pieces of one buffer that touch: Packet::append() joins those without a copy.
#pragma once

#include <cstdint>

#include "fairlead/packet.hpp"

namespace fairlead::tcp {

// As much as leaves room for a second one in a small buffer.
inline constexpr std::size_t kSmallPayload = 1024;

// What a packet costs beside its bytes is a buffer for each piece of it.
inline std::uint32_t pieces_of(const Packet& packet) {
    return packet.slice_count() > 1 ? static_cast<std::uint32_t>(packet.slice_count()) : 1;
}

// Copies `small` behind the content of `last`, where nobody else sees that buffer and it has room.
inline bool append_by_copy(Packet& last, const Packet& small) {
    if (small.size() > kSmallPayload || last.slice_count() == 0) return false;
    const Slice& tail = last.slices().back();
    Buffer* buffer = tail.buffer();
    const std::uint32_t end = tail.offset() + tail.size();
    if (buffer->references() != 1 || buffer->capacity() - end < small.size()) return false;
    const auto n = static_cast<std::uint32_t>(small.size());
    small.copy_to(0, {buffer->data() + end, n});
    return last.append(Slice{*buffer, end, n});
}

}  // namespace fairlead::tcp
