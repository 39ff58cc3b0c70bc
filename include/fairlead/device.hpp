// fairlead/device.hpp — where packets enter and leave a stack.
//
// Owns:      the Device seam: bursts in, bursts out, on numbered queues; what a device can do.
// Contract:  receive and send never block. receive fills from the front and says how many. send
//            takes a prefix of the burst (what it took is null afterwards) and says how many; the
//            stack keeps the rest and offers it again. A device that cannot split large segments or
//            sum checksums says so in its features, and never sees one.
// Not here:  any operating system (src/device/), any address (the stack's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fairlead/packet.hpp"

namespace fairlead {

enum class LinkKind : std::uint8_t {
    Ethernet,  // frames begin with an Ethernet header
    Ip,        // frames begin with an IP header (TUN)
};

// What a device does for the stack, so that the stack does not.
struct DeviceFeatures {
    bool checksum_out = false;  // completes ChecksumState::Partial
    bool tso4 = false;          // takes GsoType::Tcp4 up to 64 KiB
    bool tso6 = false;
    bool uso = false;  // takes GsoType::Udp
};

struct DeviceInfo {
    std::string name{};
    LinkKind link = LinkKind::Ethernet;
    MacAddress mac{};
    std::uint32_t mtu = 1500;  // bytes of IP packet; at most 65535
    std::uint16_t queues = 1;
    bool is_up = true;
    DeviceFeatures features{};
};

class Device {
public:
    Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    virtual ~Device() = default;

    // May change while the device lives (link, MTU): asked once a poll.
    virtual const DeviceInfo& info() const = 0;
    // Up to out.size() frames, taken from `pool` or handed over as they are; meta.arrived is set
    // (a device without a clock of its own uses `now`; one with a clock may say later, and the
    // stack's time goes on to it). Returns how many.
    virtual std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                std::span<PacketPtr> out) = 0;
    // Returns how many of the first ones it took; 0 when there is no room now.
    virtual std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) = 0;
    // When the device will next have something to receive of its own accord (a delay line);
    // never() for one that waits for the world.
    virtual Instant next_deadline() const { return Instant::never(); }
};

}  // namespace fairlead
