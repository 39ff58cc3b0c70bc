// memory.hpp — two devices joined back to back: what one sends, the other receives.
//
// Owns:   MemoryLink: its two ends and a bounded queue each way.
// Rules:  Packets are handed over as they are, one by one, never merged or split; a large segment
//         passes whole where the features promise that. What waits in a queue belongs to its
//         sender's pool: end the link, or clear() it, before the pools.
// Not here: time. A frame sent may be received at once; delay is the fault injector's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "fairlead/device.hpp"

namespace fairlead::device {

struct MemoryLinkOptions {
    LinkKind link = LinkKind::Ethernet;
    std::uint32_t mtu = 1500;
    DeviceFeatures features{};
    std::size_t queue_frames = 1024;  // each way; a full queue refuses
    // Receive a copy in the receiver's pool, as from a wire, instead of the sender's packet. A
    // frame that the receiver's pool has no room for is lost and counted.
    bool copy = false;
};

class MemoryLink {
public:
    explicit MemoryLink(const MemoryLinkOptions& options = {});

    Device& left() { return left_; }
    Device& right() { return right_; }
    void set_up(bool is_up);  // down: nothing is taken, what waits is let go
    void set_mtu(std::uint32_t mtu);
    void clear();  // lets go of all that waits
    std::size_t waiting() const { return left_.inbox_.size() + right_.inbox_.size(); }
    std::uint64_t lost() const { return left_.lost_ + right_.lost_; }

private:
    class End final : public Device {
    public:
        End(std::string name, std::uint8_t station, const MemoryLinkOptions& options, End& peer);
        const DeviceInfo& info() const override { return info_; }
        std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                            std::span<PacketPtr> out) override;
        std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;

    private:
        friend class MemoryLink;
        DeviceInfo info_;
        End& peer_;
        std::size_t room_;
        bool copy_;
        PacketQueue inbox_{};  // what the peer sent
        std::uint64_t lost_ = 0;
    };

    End left_;
    End right_;
};

}  // namespace fairlead::device
