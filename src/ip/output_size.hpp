// ip/output_size.hpp — how large a packet is on the wire, if it stands for several.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::ip {

// Bytes of the largest transport segment that the packet, which begins at its transport header,
// becomes.
inline std::size_t largest_segment(const Packet& packet) {
    if (packet.meta.gso == GsoType::None) return packet.size();
    constexpr std::size_t kUdpHeader = 8;
    constexpr std::size_t kTcpDataOffset = 12;  // in its upper four bits, in words
    const std::size_t header =
        packet.meta.gso == GsoType::Udp
            ? kUdpHeader
            : std::size_t{load_be<std::uint8_t>(packet.front(), kTcpDataOffset)} / 16 * 4;
    return header + packet.meta.gso_size;
}

}  // namespace fairlead::ip
