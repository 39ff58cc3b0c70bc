// link/segmentation.hpp — a large segment becomes the frames that a wire carries.
//
//    [ eth ip tcp ][ ......... payload ......... ]       one packet, gso_size = n
//    [ eth ip tcp ][ n ] [ eth ip tcp ][ n ] ... [ eth ip tcp ][ rest ]
//
// Owns:   the split of GsoType::Tcp4, Tcp6 and Udp packets, and the completion of
//         ChecksumState::Partial, for whatever device can do neither.
// Knows:  RFC 9293 §3.1, RFC 3168 §6.1.2 (CWR once), RFC 6864 (IPv4 ids), RFC 768; Linux's
//         tcp_gso_segment and __udp_gso_segment are the reference for each field.
// Rules:  Headers are copied, payload slices are shared. A large packet has its network and
//         transport headers marked, all headers within front(), and its payload behind them.
// Not here: merging on the way in (gro.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "fairlead/packet.hpp"
#include "wire/checksum.hpp"

namespace fairlead::link {

enum class SplitResult : std::uint8_t {
    Done,
    Malformed,  // the headers are not what `gso` promises: nothing came out
    NoMemory,   // the pool is at its limit: the rest is lost, as on a full queue
};

// Who sums the payload.
enum class Summing : std::uint8_t {
    Complete,      // we do
    LeavePartial,  // the device does
};

// Sums what ChecksumState::Partial left open and writes it; the state is None afterwards. False:
// the field is not within reach of the packet's own room.
bool complete_checksum(Packet& packet);

// The segments of one large packet, in order.
class Segmenter {
public:
    // Takes the headers off `large`. Check is_valid() before next().
    Segmenter(Packet& large, PacketPool& pool, Summing summing);

    bool is_valid() const { return header_bytes_ != 0; }
    bool is_done() const { return left_ == 0; }
    PacketPtr next();  // null: the pool is at its limit

private:
    bool read_headers();
    bool read_payload();
    void sum_headers();
    void patch_network(MutableBytes header, std::uint16_t transport_bytes);
    void patch_tcp(MutableBytes transport, wire::PartialSum& sum, bool is_last);
    wire::PartialSum share_payload(Packet& segment, std::uint32_t bytes);

    static constexpr std::size_t kMostHeaderBytes = 160;  // the headroom of an empty packet

    Packet& large_;
    PacketPool& pool_;
    Summing summing_;
    bool is_v4_ = false;
    bool is_tcp_ = false;
    bool is_first_ = true;
    std::uint16_t network_ = 0;
    std::uint16_t transport_ = 0;
    std::uint16_t header_bytes_ = 0;
    std::uint16_t id_ = 0;        // IPv4, of the next segment
    std::uint32_t sequence_ = 0;  // TCP, of the next segment
    std::uint16_t flags_ = 0;     // TCP data offset and flags
    std::uint32_t left_ = 0;      // payload bytes
    std::size_t next_slice_ = 0;
    Slice rest_{};                      // of the slice we are in
    wire::PartialSum network_sum_{};    // of what all IPv4 headers have in common
    wire::PartialSum pseudo_sum_{};     // addresses and protocol
    wire::PartialSum transport_sum_{};  // of what all transport headers have in common
    std::array<std::byte, kMostHeaderBytes> header_;
};

// Hands wire-sized frames to sink(PacketPtr), in order. A packet that is no large one passes as it
// is, but for its checksum.
template <typename Sink>
SplitResult split(PacketPtr packet, PacketPool& pool, Summing summing, Sink&& sink) {
    if (packet->meta.gso == GsoType::None) {
        if (summing == Summing::Complete && packet->meta.checksum == ChecksumState::Partial &&
            !complete_checksum(*packet)) {
            return SplitResult::Malformed;
        }
        sink(std::move(packet));
        return SplitResult::Done;
    }
    Segmenter segmenter{*packet, pool, summing};
    if (!segmenter.is_valid()) return SplitResult::Malformed;
    while (!segmenter.is_done()) {
        PacketPtr segment = segmenter.next();
        if (segment == nullptr) return SplitResult::NoMemory;
        sink(std::move(segment));
    }
    return SplitResult::Done;
}

}  // namespace fairlead::link
