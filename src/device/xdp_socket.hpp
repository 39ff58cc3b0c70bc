// xdp_socket.hpp — frames of an existing interface, through AF_XDP, before the kernel has seen them.
//
// Owns:   a socket for each queue of an interface (or for one of them) and the program that gives
//         them its frames: bursts in and out of memory shared with the kernel, one call a burst that
//         is sent and none for one that is received.
// Knows:  Linux Documentation/networking/af_xdp.rst; copy mode, which every driver has.
// Rules:  All frames of these queues are ours, and the kernel answers none. No offload: frames are of
//         the wire's size with complete checksums, and so must those be that come; on a veth pair
//         the other end needs `ethtool -K ... tx off`.
// Not here: the rings (xdp_queue.hpp), the program (xdp_program.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/clock.hpp"
#include "device/file_descriptor.hpp"
#include "device/interface.hpp"
#include "device/opened.hpp"
#include "device/xdp_program.hpp"
#include "device/xdp_queue.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

struct XdpSocketOptions {
    std::string interface{};
    std::optional<std::uint16_t> queue{};  // empty: all
    MacAddress mac{};                      // of the stack's end; all zero: the interface's own
    bool promiscuous = false;  // also frames to others; needed where `mac` is not the interface's
    Clock clock = nullptr;     // that frames are stamped by
};

class XdpSocket final : public Device {
public:
    // Room for an IP packet in a frame, with an Ethernet header and a tag.
    static constexpr std::uint32_t kLongestMtu = XdpQueue::kFrameBytes - XdpQueue::kHeadroom - 18;

    struct Counts {
        std::uint64_t rx_ring_full = 0;        // received: lost, we took none for too long
        std::uint64_t rx_fill_ring_empty = 0;  // received: lost, no frame was free
        std::uint64_t rx_dropped = 0;          // received: lost, with those for which none was free
        std::uint64_t tx_invalid = 0;          // refused: the kernel did not like our descriptor
        std::uint64_t not_sent = 0;            // longer than the MTU, or dropped by the driver
    };

    static Opened<std::unique_ptr<XdpSocket>> open(const XdpSocketOptions& options);

    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override { return retry_; }

    // Readable: something to receive.
    int fd() const { return waiting_.is_open() ? waiting_.get() : queues_.front().fd(); }
    Counts counts() const;

private:
    explicit XdpSocket(InterfaceControl control) : control_{std::move(control)} {}
    Opened<void> configure(const XdpSocketOptions& options);
    Opened<void> open_queues(const XdpSocketOptions& options, InterfaceIndex index);
    Opened<void> wait_for_all();
    Opened<void> hear_groups(const XdpSocketOptions& options, InterfaceIndex index);
    void watch_link(Instant now);

    InterfaceControl control_;
    Clock clock_ = nullptr;
    std::vector<XdpQueue> queues_{};
    FileDescriptor waiting_{};  // on the sockets of several queues
    FileDescriptor groups_{};
    std::optional<XdpProgram> program_{};  // goes first: no frame comes to a closed socket
    DeviceInfo info_{};
    std::uint64_t lost_while_down_ = 0;
    Instant next_look_{};
    Instant retry_ = Instant::never();
};

}  // namespace fairlead::device
