#include "ip/fragment.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace fairlead::ip {

PacketPtr part_of(const Packet& packet, std::size_t from, std::size_t bytes, PacketPool& pool) {
    FAIRLEAD_ASSERT(from + bytes <= packet.size());
    PacketPtr part = pool.packet();
    if (part == nullptr) return nullptr;
    part->meta = packet.meta;

    const Bytes head = packet.head();
    if (from < head.size()) {
        const std::size_t n = std::min(bytes, head.size() - from);
        Slice copy = pool.small_buffer();
        if (copy.empty()) return nullptr;
        copy.trim_back(static_cast<std::uint32_t>(copy.size() - n));
        std::memcpy(copy.mutable_bytes().data(), head.data() + from, n);
        if (!part->append(std::move(copy))) return nullptr;
        bytes -= n;
        from += n;
    }
    std::size_t skip = from - head.size();
    for (const Slice& s : packet.slices()) {
        if (bytes == 0) break;
        if (skip >= s.size()) {
            skip -= s.size();
            continue;
        }
        const std::size_t n = std::min<std::size_t>(bytes, s.size() - skip);
        if (!part->append(
                s.part(static_cast<std::uint32_t>(skip), static_cast<std::uint32_t>(n)))) {
            return nullptr;
        }
        bytes -= n;
        skip = 0;
    }
    return part;
}

PacketPtr copy_of(const Packet& packet, PacketPool& pool) {
    PacketPtr copy = pool.packet();
    if (copy == nullptr) return nullptr;
    copy->meta = packet.meta;
    for (std::size_t at = 0; at < packet.size();) {
        const std::size_t left = packet.size() - at;
        Slice room = left <= PacketPool::kSmallBytes ? pool.small_buffer() : pool.large_buffer();
        if (room.empty()) return nullptr;
        const std::size_t n = std::min<std::size_t>(left, room.size());
        room.trim_back(static_cast<std::uint32_t>(room.size() - n));
        packet.copy_to(at, room.mutable_bytes());
        if (!copy->append(std::move(room))) return nullptr;
        at += n;
    }
    return copy;
}

}  // namespace fairlead::ip
