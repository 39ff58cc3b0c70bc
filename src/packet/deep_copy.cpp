#include "packet/deep_copy.hpp"

#include <algorithm>

namespace fairlead {

PacketPtr deep_copy(const Packet& packet, PacketPool& pool) {
    PacketPtr copy = pool.packet();
    if (copy == nullptr) return nullptr;
    std::size_t at = 0;
    while (at < packet.size()) {
        const std::size_t left = packet.size() - at;
        Slice s = left <= PacketPool::kSmallBytes ? pool.small_buffer() : pool.large_buffer();
        if (s.empty()) return nullptr;
        s.trim_back(static_cast<std::uint32_t>(s.size() - std::min<std::size_t>(left, s.size())));
        packet.copy_to(at, s.mutable_bytes());
        at += s.size();
        if (!copy->append(std::move(s))) return nullptr;
    }
    copy->meta = packet.meta;
    copy->mark_network(packet.network_offset());
    copy->mark_transport(packet.transport_offset());
    return copy;
}

}  // namespace fairlead
