// tap.hpp — the kernel's own network stack as the neighbour: TAP (Ethernet) and TUN (IP).
//
// Owns:   one /dev/net/tun descriptor: bursts both ways without blocking, large segments and
//         partial checksums passed on as they are (IFF_VNET_HDR), the interface's state as a link
//         state.
// Knows:  Linux Documentation/networking/tuntap.rst.
// Not here: addresses and routes of the kernel's end (interface.hpp).
#pragma once

#include <array>
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

struct TapOptions {
    std::string name{};  // "": the kernel picks tap0, tap1, ... (tun0 for Ip)
    LinkKind link = LinkKind::Ethernet;
    std::uint32_t mtu = 0;  // 0: as it is
    MacAddress mac{};       // of the stack's end; all zero: made from the kernel's end
    bool offload = true;    // false: wire-sized frames with complete checksums only
    bool bring_up = true;   // needs CAP_NET_ADMIN; false where somebody else did it
    Clock clock = nullptr;  // that frames are stamped by
};

class Tap final : public Device {
public:
    struct Counts {
        std::uint64_t bad_header = 0;  // received: the vnet header lied about the frame
        std::uint64_t too_long = 0;    // received: longer than any IP packet
        std::uint64_t not_sent = 0;    // refused by the kernel for good: dropped
    };

    static Opened<std::unique_ptr<Tap>> open(const TapOptions& options = {});

    const DeviceInfo& info() const override { return info_; }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;

    int fd() const { return fd_.get(); }  // readable: something to receive; writable: room
    const Counts& counts() const { return counts_; }

private:
    enum class Sent : std::uint8_t { Taken, NoRoom };

    Tap(FileDescriptor fd, InterfaceControl control)
        : fd_{std::move(fd)}, control_{std::move(control)} {}
    Opened<void> configure(const TapOptions& options);
    void offer_offloads();
    void watch_link(Instant now);
    Sent send_one(const Packet& packet);

    FileDescriptor fd_;
    Clock clock_ = nullptr;
    InterfaceControl control_;
    DeviceInfo info_{};
    Counts counts_{};
    Instant next_look_{};
    bool is_gone_ = false;
};

}  // namespace fairlead::device
