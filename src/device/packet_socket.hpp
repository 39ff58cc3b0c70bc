// packet_socket.hpp — frames of an existing interface, through AF_PACKET.
//
// Owns:   one raw packet socket bound to an interface: bursts by recvmmsg and sendmmsg, large
//         segments and partial checksums passed on as they are (PACKET_VNET_HDR).
// Knows:  packet(7).
// Why:    it needs no /dev/net/tun; the other end of a veth pair is a kernel's stack. The kernel
//         still sees every frame of the interface it is bound to: give that one no address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "device/clock.hpp"
#include "device/file_descriptor.hpp"
#include "device/interface.hpp"
#include "device/opened.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

struct PacketSocketOptions {
    std::string interface{};
    MacAddress mac{};          // of the stack's end; all zero: the interface's own
    bool promiscuous = false;  // also frames to others; needed where `mac` is not the interface's
    bool offload = true;    // false: no large segments out (in, they come as the kernel has them)
    Clock clock = nullptr;  // that frames are stamped by
};

class PacketSocket final : public Device {
public:
    struct Counts {
        std::uint64_t bad_header = 0;  // received: the vnet header lied about the frame
        std::uint64_t too_long = 0;    // received: longer than any IP packet
        std::uint64_t overrun = 0;     // received: lost, the socket's buffer was full
        std::uint64_t not_sent = 0;    // refused by the kernel for good: dropped
    };

    static Opened<std::unique_ptr<PacketSocket>> open(const PacketSocketOptions& options);

    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;

    int fd() const { return fd_.get(); }  // readable: something to receive; writable: room
    const Counts& counts() const { return counts_; }

private:
    PacketSocket(FileDescriptor fd, InterfaceControl control)
        : fd_{std::move(fd)}, control_{std::move(control)} {}
    Opened<void> configure(const PacketSocketOptions& options);
    Opened<void> bind_to(InterfaceIndex index);
    void watch_link(Instant now);
    // Sends up to a burst; how many are dealt with (sent, or given up).
    std::size_t send_burst(std::span<PacketPtr> burst);
    bool is_given_up(int error);

    FileDescriptor fd_;
    Clock clock_ = nullptr;
    InterfaceControl control_;
    DeviceInfo info_{};
    Counts counts_{};
    Instant next_look_{};
};

}  // namespace fairlead::device
