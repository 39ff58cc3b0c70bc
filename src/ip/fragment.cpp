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

}  // namespace fairlead::ip
