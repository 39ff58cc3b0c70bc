// virtio_header.hpp — what the kernel says of a frame's checksum and segments, and what we say.
//
// Owns:   the way between VirtioHeader (the small header in front of each frame of a TAP and of a
//         packet socket) and PacketMeta.
// Knows:  Virtual I/O Device 1.2 §5.1.6. (linux/virtio_net.h is no header for C++.)
#pragma once

#include <cstdint>

#include "fairlead/device.hpp"

namespace fairlead::device {

// struct virtio_net_hdr: numbers in this machine's byte order.
struct VirtioHeader {
    static constexpr std::uint8_t kNeedsChecksum = 1;  // flags: a partial checksum
    static constexpr std::uint8_t kDataValid = 2;      // flags: a checksum already verified

    static constexpr std::uint8_t kGsoNone = 0;
    static constexpr std::uint8_t kGsoTcp4 = 1;
    static constexpr std::uint8_t kGsoTcp6 = 4;
    static constexpr std::uint8_t kGsoUdp = 5;     // Linux 6.2
    static constexpr std::uint8_t kGsoEcn = 0x80;  // with a TCP type: CWR is set

    std::uint8_t flags = 0;
    std::uint8_t gso_type = kGsoNone;
    std::uint16_t header_bytes = 0;
    std::uint16_t gso_size = 0;
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);

// Fills the metadata of a frame of such a link; every number is checked against the frame itself.
// A partial checksum has its transport header marked, a large segment its network header too.
// False: the header lies, and the frame is not to be trusted.
bool apply(const VirtioHeader& header, LinkKind link, Packet& packet);

// What the kernel has to finish. A large segment and a partial checksum have the transport header
// marked (Packet::mark_transport) and at hand in front().
VirtioHeader virtio_header_of(const Packet& packet);

}  // namespace fairlead::device
