#include "link/interface.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fairlead::link {

static_assert((Interface::kQueueFrames & (Interface::kQueueFrames - 1)) == 0);
static_assert(Interface::kQueueFrames % Interface::kBurst == 0);

Interface::Interface(Device& device, PacketPool& pool, Counters& counters,
                     const InterfaceSetup& setup)
    : device_{device},
      pool_{pool},
      counters_{counters},
      index_{setup.index},
      mtu_wanted_{setup.mtu},
      first_queue_{setup.first_queue},
      queues_wanted_{setup.queue_count},
      holds_departures_{setup.holds_departures},
      name_{setup.name.empty() ? device.info().name : setup.name} {
    refresh();
}

bool Interface::refresh() {
    const DeviceInfo& info = device_.info();
    const std::uint32_t mtu = mtu_wanted_ == 0 ? info.mtu : std::min(info.mtu, mtu_wanted_);
    const int queues = std::max(1, info.queues - first_queue_);
    queues_ = static_cast<std::uint16_t>(
        queues_wanted_ == 0 ? queues : std::min<int>(queues, queues_wanted_));
    features_ = info.features;
    const bool is_same_station = std::memcmp(mac_.data(), info.mac.data(), mac_.size()) == 0;
    if (link_ == info.link && is_same_station && mtu_ == mtu && is_up_ == info.is_up) return false;
    link_ = info.link;
    mac_ = info.mac;
    mtu_ = mtu;
    is_up_ = info.is_up;
    if (!is_up_) drop_queued();
    return true;
}

std::size_t Interface::receive(Instant now, std::span<PacketPtr> out) {
    std::size_t n = 0;
    // A busy queue that fills the burst does not keep the others from the next one.
    for (std::uint16_t turn = 0; turn < queues_ && n < out.size(); ++turn) {
        // Only a device that has lost queues makes it a division.
        if (next_queue_ >= queues_) next_queue_ = static_cast<std::uint16_t>(next_queue_ % queues_);
        const auto queue = static_cast<std::uint16_t>(first_queue_ + next_queue_);
        if (++next_queue_ == queues_) next_queue_ = 0;
        n += device_.receive(queue, now, pool_, out.subspan(n));
    }
    for (const PacketPtr& packet : out.first(n)) {
        packet->meta.interface = index_;
        counts_.received_packets += packet->meta.gso_segments;
        counts_.received_bytes += packet->size();
    }
    return n;
}

bool Interface::can_send_large(GsoType type) const {
    if (!features_.checksum_out) return false;  // each segment needs one of its own
    switch (type) {
        case GsoType::None: return true;
        case GsoType::Tcp4: return features_.tso4;
        case GsoType::Tcp6: return features_.tso6;
        case GsoType::Udp: return features_.uso;
    }
    return false;
}

bool Interface::split_and_enqueue(PacketPtr frame, Instant now) {
    const Summing summing = features_.checksum_out ? Summing::LeavePartial : Summing::Complete;
    bool is_whole = true;
    const SplitResult result = split(std::move(frame), pool_, summing, [&](PacketPtr segment) {
        is_whole &= enqueue(std::move(segment), now);
    });
    if (result != SplitResult::Done) return drop();
    return is_whole;
}

bool Interface::drop() {
    ++counts_.send_drops;
    counters_.add(Counter::DeviceSendBusy);
    return false;
}

// The device has refused a frame: what waits is counted until all of it has left.
void Interface::begin_backlog() {
    has_backlog_ = true;
    backlog_ = {};
    for (std::size_t at = head_; at != tail_; ++at) {
        const Packet& frame = *ring_[at % kQueueFrames];
        backlog_[slot_of(frame.meta.flow_hash)] += static_cast<std::uint32_t>(frame.size());
    }
}

void Interface::drop_queued() {
    has_backlog_ = false;
    for (; head_ != tail_; ++head_) {
        ring_[head_ % kQueueFrames].reset();
        drop();
    }
}

bool Interface::flush_queued(Instant now) {
    is_device_busy_ = false;
    while (head_ != tail_) {
        const std::size_t at = head_ % kQueueFrames;
        const std::size_t n = std::min({queued(), kBurst, kQueueFrames - at});
        if (send(std::span{ring_}.subspan(at, n), now) < n) {
            is_device_busy_ = true;
            if (!has_backlog_) begin_backlog();
            return false;
        }
    }
    // From the start again, whose lines are still in the cache.
    head_ = tail_ = 0;
    has_backlog_ = false;
    return true;
}

std::size_t Interface::send(std::span<PacketPtr> burst, Instant now) {
    for (const PacketPtr& frame : burst) {
        counts_.sent_packets += frame->meta.gso_segments;
        counts_.sent_bytes += frame->size();
        if (has_backlog_) [[unlikely]] {
            backlog_[slot_of(frame->meta.flow_hash)] -= static_cast<std::uint32_t>(frame->size());
        }
    }
    const std::size_t taken = device_.send(first_queue_, now, burst);
    for (const PacketPtr& frame : burst.subspan(taken)) {
        counts_.sent_packets -= frame->meta.gso_segments;
        counts_.sent_bytes -= frame->size();
        if (has_backlog_) {
            backlog_[slot_of(frame->meta.flow_hash)] += static_cast<std::uint32_t>(frame->size());
        }
    }
    head_ += taken;
    return taken;
}

}  // namespace fairlead::link
