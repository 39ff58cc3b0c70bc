// xdp_queue.hpp — one AF_XDP socket: the frames of one queue of an interface.
//
//      UMEM   [ 2048 frames that the kernel receives into | 2048 frames that we send from ]
//      fill ring ->  kernel  -> receive ring              send ring -> kernel -> completion ring
//
// Owns:   the memory that is shared with the kernel, and its four rings. A frame is copied once on
//         its way in (into the pool's memory, and the UMEM's goes back to the fill ring at once) and
//         once on its way out.
// Knows:  Linux Documentation/networking/af_xdp.rst; copy mode.
// Not here: how frames get here (xdp_program.hpp), several queues (xdp_socket.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "device/file_descriptor.hpp"
#include "device/opened.hpp"
#include "device/xdp_ring.hpp"
#include "fairlead/device.hpp"

namespace fairlead::device {

class XdpQueue {
public:
    static constexpr std::uint32_t kFrameBytes = 4096;
    static constexpr std::uint32_t kRingFrames = 2048;
    // What the kernel keeps free before each frame that it received (XDP_PACKET_HEADROOM).
    static constexpr std::uint32_t kHeadroom = 256;

    static Opened<XdpQueue> open(const std::string& interface, InterfaceIndex index,
                                 std::uint16_t queue);

    std::size_t receive(PacketPool& pool, std::span<PacketPtr> out);
    // Takes what there is room for; frames longer than `longest` are lost, and counted.
    std::size_t send(std::span<PacketPtr> burst, std::size_t longest);
    // Wakes the kernel for what still lies in the send ring.
    void push_out();
    // Frames are left in the send ring, and the kernel will take them later if asked again.
    bool is_stuck() const { return is_stuck_; }

    int fd() const { return fd_.get(); }
    xdp_statistics statistics() const;
    std::uint64_t not_sent() const { return not_sent_; }

private:
    explicit XdpQueue(FileDescriptor fd) : fd_{std::move(fd)} {}
    Opened<void> share_memory();
    Opened<void> map_rings();
    Opened<void> bind_to(const std::string& interface, InterfaceIndex index, std::uint16_t queue);
    void take_completed();

    FileDescriptor fd_;
    MappedMemory umem_{};
    XdpProducer<std::uint64_t> fill_{};
    XdpConsumer<xdp_desc> received_{};
    XdpProducer<xdp_desc> sent_{};
    XdpConsumer<std::uint64_t> completed_{};
    std::vector<std::uint64_t> free_{};  // frames to send from; last in, first out: it is warm
    std::uint64_t not_sent_ = 0;
    bool is_stuck_ = false;
};

}  // namespace fairlead::device
