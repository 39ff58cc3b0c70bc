// link/gro.hpp — consecutive TCP segments of one flow become one larger packet.
//
// Owns:      the flows that are open within one received burst.
// Knows:     what Linux's GRO merges: IPv4 and IPv6 without options or extension headers; segments
//            with ACK alone (PSH ends the packet and stays on it), payload, the same addresses, TOS,
//            TTL, DF, acknowledgment, window and option bytes, each where the last one ended, each
//            of the first one's size but the last. Their checksums are verified, before.
// Result:    payload slices are appended, nothing is copied. The merged packet has its own length
//            in its IP header, meta.gso, gso_size and gso_segments; meta.checksum is Verified, and
//            the TCP checksum field holds the pseudo-header's sum, as Partial would, so that it can
//            be split again. meta.arrived is the first one's: all share its acknowledgment, which
//            came with it. A segment that was verified and not merged keeps meta.checksum Verified.
// Order:     within a flow never changes: whatever of a flow can't be merged closes its packet.
//            What may hold a segment and can't be seen through (a fragment, an extension header, a
//            tag) closes all.
// Not here:  UDP, segments that the device merged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "wire/checksum.hpp"

namespace fairlead::link {

// What one look at a segment's headers told. The pointers are into its packet.
struct GroSegment {
    const std::byte* link = nullptr;  // null: there is no link header
    const std::byte* ip = nullptr;
    const std::byte* tcp = nullptr;
    std::uint32_t header_bytes = 0;  // all of them
    std::uint32_t payload_bytes = 0;
    std::uint16_t vlan = 0;
    std::uint8_t tcp_header_bytes = 0;
    bool is_v4 = false;
};

struct GroFlow {
    GroSegment first{};
    std::size_t place = 0;  // of its packet among those kept
    std::uint32_t next_sequence = 0;
    std::uint32_t payload_bytes = 0;
    std::uint16_t segments = 0;
    bool is_pushed = false;
    wire::PartialSum addresses{};  // and the protocol: what all pseudo-headers have in common
};

class Gro {
public:
    static constexpr std::size_t kFlows = 8;

    // Merges within the burst, whose packets begin at the link header of `link`. What is left
    // stands at the front, in order; returns how many. Nothing stays behind for the next call.
    std::size_t merge(LinkKind link, std::span<PacketPtr> burst);

private:
    bool is_merged(LinkKind link, Packet& packet, std::span<PacketPtr> kept);
    GroFlow* find(const GroSegment& segment);
    void open(const GroSegment& segment, std::span<PacketPtr> kept, wire::PartialSum addresses);
    void close(GroFlow& flow, std::span<PacketPtr> kept);
    void close_all(std::span<PacketPtr> kept);

    std::array<GroFlow, kFlows> flows_{};
    std::size_t open_ = 0;    // the first so many
    std::size_t recent_ = 0;  // where the last segment was found
};

}  // namespace fairlead::link
