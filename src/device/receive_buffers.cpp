#include "device/receive_buffers.hpp"

#include <algorithm>

namespace fairlead::device {

bool ReceiveBuffers::fill(PacketPool& pool) {
    if (packet_ == nullptr) packet_ = pool.packet();
    if (packet_ == nullptr) return false;
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        if (!buffers_[i].empty()) continue;
        buffers_[i] = i == 0 ? pool.small_buffer() : pool.large_buffer();
        if (buffers_[i].empty()) return false;
        pieces_[1 + i] = {.iov_base = buffers_[i].mutable_bytes().data(),
                          .iov_len = buffers_[i].size()};
    }
    pieces_.front() = {.iov_base = &header_, .iov_len = sizeof header_};
    pieces_.back() = {.iov_base = &overflow_, .iov_len = 1};
    return true;
}

PacketPtr ReceiveBuffers::take(std::size_t frame_bytes) {
    PacketPtr packet = std::move(packet_);
    for (Slice& buffer : buffers_) {
        if (frame_bytes == 0) break;
        Slice filled = std::move(buffer);
        const std::size_t n = std::min<std::size_t>(frame_bytes, filled.size());
        filled.trim_back(static_cast<std::uint32_t>(filled.size() - n));
        packet->append(std::move(filled));
        frame_bytes -= n;
    }
    return frame_bytes == 0 ? std::move(packet) : nullptr;
}

std::size_t pieces_of(const Packet& packet, std::span<iovec> to) {
    std::size_t n = 0;
    packet.for_each_piece(0, [&](Bytes piece) {
        // writev(2) only reads, but iovec serves readv too.
        to[n++] = {.iov_base = const_cast<std::byte*>(piece.data()), .iov_len = piece.size()};
    });
    return n;
}

}  // namespace fairlead::device
