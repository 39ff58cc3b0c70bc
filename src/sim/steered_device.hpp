// sim/steered_device.hpp — a device with several queues, as a card with receive side scaling.
//
// Owns:   SteeredDevice, which wears any device and sorts what it receives into queues by
//         ip::Steering: over addresses and ports of whole TCP and UDP packets, over addresses of all
//         other IP packets, the rest into the first.
// Rules:  As by DMA, a frame is copied on its way: what leaves is in the device's memory, what is
//         received is in the receiver's. So each queue may belong to a stack with its own pool.
#pragma once

#include <vector>

#include "fairlead/device.hpp"
#include "ip/steering.hpp"

namespace fairlead::sim {

class SteeredDevice final : public Device {
public:
    // `pool` is the device's memory.
    SteeredDevice(Device& inner, const ip::Steering& steering, PacketPool& pool)
        : inner_{inner}, steering_{steering}, pool_{pool}, queues_(steering.members()) {}

    const DeviceInfo& info() const override;
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override { return inner_.next_deadline(); }

    // Frames that no memory was left for.
    std::uint64_t lost() const { return lost_; }
    bool has_waiting(std::uint16_t queue) const { return !queues_[queue].empty(); }
    std::uint16_t queue_of(const Packet& frame) const;

private:
    void sort(Instant now);

    Device& inner_;
    const ip::Steering& steering_;
    PacketPool& pool_;
    mutable DeviceInfo info_{};
    std::vector<PacketQueue> queues_;
    std::uint64_t lost_ = 0;
};

}  // namespace fairlead::sim
