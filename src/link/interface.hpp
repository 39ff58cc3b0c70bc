// link/interface.hpp — one device of a stack, with what waits to leave by it.
//
// Owns:      the interface's index and name, what its device said about itself this poll, the frames
//            that the device has not taken yet, and the interface's own counts.
// Rules:     What the device can't do is done here: large segments are split and Partial checksums
//            completed before they are queued (segmentation.hpp). Frames leave in order, in bursts
//            of up to kBurst; what a busy device leaves stays for the next flush(), up to
//            kQueueFrames; beyond that the newest is dropped and counted (DeviceSendBusy).
// Not here:  addresses, link headers, queueing disciplines.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "fairlead/counters.hpp"
#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "fairlead/time.hpp"
#include "link/segmentation.hpp"

namespace fairlead::link {

// As `ip -s link` shows them; large packets count as what they stand for on the wire.
struct InterfaceCounts {
    std::uint64_t received_packets = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_packets = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t send_drops = 0;  // the queue was full, the device down, or the pool empty
};

struct InterfaceSetup {
    InterfaceIndex index = 0;
    std::string name{};     // empty: the device's
    std::uint32_t mtu = 0;  // 0: the device's; else the smaller of both
    // Which of the device's queues are ours to receive from; we send on the first of them.
    std::uint16_t first_queue = 0;
    std::uint16_t queue_count = 0;  // 0: all from the first on
    bool holds_departures = false;  // what says when it departs may come before that
};

class Interface {
public:
    static constexpr std::size_t kBurst = 64;
    static constexpr std::size_t kQueueFrames = 1024;  // a power of two

    // The device, the pool and the counters outlive the interface.
    Interface(Device& device, PacketPool& pool, Counters& counters, const InterfaceSetup& setup);
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;

    // Asks the device about itself: once a poll. True when link, station, MTU or state changed.
    bool refresh();

    InterfaceIndex index() const { return index_; }
    const std::string& name() const { return name_; }
    LinkKind link() const { return link_; }
    const MacAddress& mac() const { return mac_; }
    std::uint32_t mtu() const { return mtu_; }
    bool is_up() const { return is_up_; }
    const DeviceFeatures& features() const { return features_; }
    const InterfaceCounts& counts() const { return counts_; }
    Device& device() { return device_; }
    bool holds_departures() const { return holds_departures_; }

    // Up to out.size() frames, from each queue in turn; meta.interface is ours. Returns how many.
    std::size_t receive(Instant now, std::span<PacketPtr> out);
    // A complete frame, link header included, with its network and transport headers marked where
    // its checksum is Partial or it is large. False: dropped (it stays with the caller, who lets it
    // go), and counted.
    bool transmit(PacketPtr&& frame, Instant now);
    // Offers what is queued to the device. True when nothing is left.
    bool flush(Instant now) { return queued() == 0 ? is_idle() : flush_queued(now); }
    // Nothing leaves before the next flush(), as if the device were busy.
    void hold() { is_device_busy_ = true; }

    std::size_t queued() const { return tail_ - head_; }
    // Of those, the last but `back`.
    const Packet& newest(std::size_t back) const {
        return *ring_[(tail_ - 1 - back) % kQueueFrames];
    }
    // Bytes of a flow (PacketMeta::flow_hash) that wait because the device had no room; those of
    // another may be among them. 0, and nothing is counted, as long as it takes all.
    std::uint32_t backlog(std::uint32_t flow) const {
        return has_backlog_ ? backlog_[slot_of(flow)] : 0;
    }

private:
    static constexpr std::size_t kBacklogs = 256;
    static std::size_t slot_of(std::uint32_t flow) {
        constexpr std::uint32_t kSpread = 0x9e37'79b1;  // 2^32 over the golden ratio
        return flow * kSpread >> 24;
    }
    void begin_backlog();
    bool flush_queued(Instant now);
    bool is_idle() {
        is_device_busy_ = false;
        return true;
    }
    bool can_send_large(GsoType type) const;
    bool split_and_enqueue(PacketPtr frame, Instant now);
    bool enqueue(PacketPtr&& frame, Instant now);
    std::size_t send(std::span<PacketPtr> burst, Instant now);
    bool drop();
    void drop_queued();

    Device& device_;
    PacketPool& pool_;
    Counters& counters_;
    InterfaceIndex index_;
    std::uint32_t mtu_ = 0;
    std::uint32_t mtu_wanted_;
    std::uint16_t first_queue_;
    std::uint16_t queues_wanted_;
    std::uint16_t queues_ = 1;
    std::uint16_t next_queue_ = 0;  // where the next receive() begins
    LinkKind link_ = LinkKind::Ethernet;
    bool is_up_ = false;
    bool holds_departures_;
    bool is_device_busy_ = false;  // refused some: wait for the next flush
    bool has_backlog_ = false;     // refused some, which wait still
    DeviceFeatures features_{};
    MacAddress mac_{};
    InterfaceCounts counts_{};
    std::size_t head_ = 0;  // ever taken from the ring
    std::size_t tail_ = 0;  // ever put into it
    std::array<PacketPtr, kQueueFrames> ring_{};
    std::array<std::uint32_t, kBacklogs> backlog_{};
    std::string name_;
};

// Inline: every packet leaves by these.

inline bool Interface::transmit(PacketPtr&& frame, Instant now) {
    if (!is_up_) return drop();
    const PacketMeta& meta = frame->meta;
    // No device leaves CWR in each piece.
    if (meta.gso != GsoType::None && (meta.repeats_cwr || !can_send_large(meta.gso))) {
        return split_and_enqueue(std::move(frame), now);
    }
    if (meta.checksum == ChecksumState::Partial && !features_.checksum_out &&
        !complete_checksum(*frame)) {
        return drop();
    }
    return enqueue(std::move(frame), now);
}

inline bool Interface::enqueue(PacketPtr&& frame, Instant now) {
    if (queued() == kQueueFrames) return drop();
    if (has_backlog_) [[unlikely]] {
        backlog_[slot_of(frame->meta.flow_hash)] += static_cast<std::uint32_t>(frame->size());
    }
    ring_[tail_++ % kQueueFrames] = std::move(frame);
    if (queued() >= kBurst && !is_device_busy_) flush_queued(now);
    return true;
}

}  // namespace fairlead::link
