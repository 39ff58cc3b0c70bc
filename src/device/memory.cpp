#include "device/memory.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "packet/deep_copy.hpp"

namespace fairlead::device {
namespace {

// What a receiver is told is what a wire would tell it, and what the sender vouches for: a checksum
// still partial is right by construction, and a large segment says how it would have been cut.
void forget_sender(PacketMeta& meta) {
    meta.interface = 0;
    meta.queue = 0;
    meta.cookie = 0;
}

bool is_allowed(const PacketMeta& meta, const DeviceFeatures& features) {
    if (meta.checksum == ChecksumState::Partial && !features.checksum_out) return false;
    switch (meta.gso) {
        case GsoType::None: return true;
        case GsoType::Tcp4: return features.tso4;
        case GsoType::Tcp6: return features.tso6;
        case GsoType::Udp: return features.uso;
    }
    return false;
}

}  // namespace

MemoryLink::MemoryLink(const MemoryLinkOptions& options)
    : left_{"mem0", 1, options, right_}, right_{"mem1", 2, options, left_} {}

void MemoryLink::set_up(bool is_up) {
    left_.info_.is_up = right_.info_.is_up = is_up;
    if (!is_up) clear();
}

void MemoryLink::set_mtu(std::uint32_t mtu) { left_.info_.mtu = right_.info_.mtu = mtu; }

void MemoryLink::clear() {
    left_.inbox_ = PacketQueue{};
    right_.inbox_ = PacketQueue{};
}

MemoryLink::End::End(std::string name, std::uint8_t station, const MemoryLinkOptions& options,
                     End& peer)
    : info_{.name = std::move(name),
            .link = options.link,
            .mac = {0x02, 0, 0, 0, 0, station},
            .mtu = options.mtu,
            .features = options.features},
      peer_{peer},
      room_{options.queue_frames},
      copy_{options.copy} {}

std::size_t MemoryLink::End::receive(std::uint16_t, Instant, PacketPool& pool,
                                     std::span<PacketPtr> out) {
    std::size_t n = 0;
    while (n < out.size()) {
        PacketPtr packet = inbox_.pop_front();
        if (packet == nullptr) break;
        if (copy_) packet = deep_copy(*packet, pool);
        if (packet == nullptr) {
            ++lost_;
            continue;
        }
        out[n++] = std::move(packet);
    }
    return n;
}

std::size_t MemoryLink::End::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    if (!info_.is_up) return 0;
    const std::size_t room = room_ - std::min(room_, peer_.inbox_.size());
    const std::size_t n = std::min(room, burst.size());
    for (PacketPtr& packet : burst.first(n)) {
        FAIRLEAD_ASSERT(is_allowed(packet->meta, info_.features));
        forget_sender(packet->meta);
        packet->meta.arrived = now;
        peer_.inbox_.push_back(std::move(packet));
    }
    return n;
}

}  // namespace fairlead::device
