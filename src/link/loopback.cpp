#include "link/loopback.hpp"

#include <algorithm>

namespace fairlead::link {

Loopback::Loopback() {
    info_.name = "lo";
    info_.link = LinkKind::Ip;
    info_.mtu = 65535;
    info_.features = {.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};
}

std::size_t Loopback::receive(std::uint16_t, Instant now, PacketPool&, std::span<PacketPtr> out) {
    const std::size_t n = std::min(out.size(), waiting_.size());
    for (PacketPtr& packet : out.first(n)) {
        packet = waiting_.pop_front();
        waiting_bytes_ -= packet->size();
        packet->meta.arrived = now;
        packet->meta.cookie = 0;
        // The sender is this stack: what it would have summed never left the memory.
        if (packet->meta.checksum == ChecksumState::Partial) {
            packet->meta.checksum = ChecksumState::Verified;
        }
    }
    return n;
}

std::size_t Loopback::send(std::uint16_t, Instant now, std::span<PacketPtr> burst) {
    if (waiting_.empty()) first_sent_ = now;
    std::size_t taken = 0;
    for (PacketPtr& packet : burst) {
        if (waiting_.size() == kQueuePackets) break;
        if (waiting_bytes_ + packet->size() > kQueueBytes) break;
        waiting_bytes_ += packet->size();
        waiting_.push_back(std::move(packet));
        ++taken;
    }
    return taken;
}

Instant Loopback::next_deadline() const {
    return waiting_.empty() ? Instant::never() : first_sent_;
}

}  // namespace fairlead::link
