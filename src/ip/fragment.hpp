// ip/fragment.hpp — cutting what is too large for a link.
//
// Owns:   parts of a packet as packets of their own, that share its bytes, and whole copies.
// Knows:  RFC 791 §3.2 and RFC 8200 §4.5: all but the last are a multiple of eight bytes long.
// Not here: the headers of the fragments (output_v4.cpp, output_v6.cpp).
#pragma once

#include <cstddef>

#include "fairlead/packet.hpp"

namespace fairlead::ip {

// The part [from, from + bytes) of the packet's content, with room before it for the headers of a
// fragment. Bytes of its head are copied, slices are shared. Null: the pool is empty.
PacketPtr part_of(const Packet& packet, std::size_t from, std::size_t bytes, PacketPool& pool);

// The whole content, copied into as little memory as it takes. Null: the pool is empty.
PacketPtr copy_of(const Packet& packet, PacketPool& pool);

// The most payload that a fragment of at most `mtu` bytes carries beside `header_bytes`.
constexpr std::size_t fragment_payload(std::size_t mtu, std::size_t header_bytes) {
    return (mtu - header_bytes) / 8 * 8;
}

}  // namespace fairlead::ip
