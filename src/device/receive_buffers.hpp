// receive_buffers.hpp — the memory one frame is read into, so that a small frame costs a small
// buffer and a large segment still fits.
//
//    [ vnet header ][ small: 2 KiB ][ large: 32 KiB ][ large: 32 KiB ][ one byte: too long ]
//
// Owns:   ReceiveBuffers: what is not used by one frame serves the next; whatever is left at the
//         end of the burst goes back to the pool.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <sys/uio.h>

#include "device/virtio_header.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::device {

class ReceiveBuffers {
public:
    // False: the pool is at its limit; frames wait where they are.
    bool fill(PacketPool& pool);
    // Where a read puts the header and the frame. Good until the next take().
    std::span<const iovec> pieces() const { return pieces_; }
    const VirtioHeader& header() const { return header_; }
    // The packet of a frame of this many bytes. Null: it did not fit.
    PacketPtr take(std::size_t frame_bytes);

private:
    static constexpr std::size_t kLarge = 2;

    VirtioHeader header_{};
    std::byte overflow_{};
    PacketPtr packet_{};
    std::array<Slice, 1 + kLarge> buffers_{};
    std::array<iovec, 1 + 1 + kLarge + 1> pieces_{};
};

// The content piece by piece, for writev; how many pieces.
std::size_t pieces_of(const Packet& packet, std::span<iovec> to);

}  // namespace fairlead::device
