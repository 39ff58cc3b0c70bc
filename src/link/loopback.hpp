// link/loopback.hpp — the device called "lo": what is sent is received again.
//
// Owns:      a queue, bounded in packets and bytes; a full one takes no more.
// Rules:     All offloads, since nothing leaves the machine: a large packet stays large, and a
//            Partial checksum arrives as Verified. One receive() yields no more than what waited
//            when it was called; a caller who answers what it reads drains what was there at the
//            start, and the answers at its next poll.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::link {

class Loopback final : public Device {
public:
    static constexpr std::size_t kQueuePackets = 1024;
    static constexpr std::size_t kQueueBytes = std::size_t{32} << 20;

    Loopback();

    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override;

    std::size_t waiting() const { return waiting_.size(); }

private:
    DeviceInfo info_{};
    PacketQueue waiting_{};
    std::size_t waiting_bytes_ = 0;
    Instant first_sent_{};
};

}  // namespace fairlead::link
