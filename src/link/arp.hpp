// link/arp.hpp — asking for and naming stations of IPv4 addresses.
//
// Owns:      what an ARP packet means to us: an answer, a lesson for the neighbour table, or neither.
// Knows:     RFC 826 as Linux does it (arp_process): only requests for our own addresses are
//            answered, and only they make new entries; replies and announcements (gratuitous ARP)
//            change entries that exist; RFC 5227's probes are answered and teach nothing. RFC 1812
//            §3.3.2: a group is nobody's station.
// Not here:  the bytes (wire/arp.hpp), entries (neighbour.hpp), which addresses are ours (ip/).
#pragma once

#include <cstdint>
#include <optional>

#include "fairlead/packet.hpp"
#include "fairlead/time.hpp"
#include "link/ethernet.hpp"
#include "link/neighbour.hpp"
#include "wire/arp.hpp"

namespace fairlead::link {

// What arp_input() can't know by itself.
struct ArpContext {
    InterfaceIndex interface = 0;
    MacAddress mac{};  // the interface's
    FrameTarget frame_target = FrameTarget::Us;
    bool is_target_ours = false;
    bool is_sender_ours = false;
};

struct ArpOutcome {
    enum class Kind : std::uint8_t {
        Taken,     // learnt from, or of no concern to us
        Conflict,  // another station uses one of our addresses: ArpConflicts
        Bad,       // makes no sense: ArpInErrors
    };
    Kind kind = Kind::Taken;
    std::optional<wire::ArpPacket> reply{};  // to be sent to reply->target_mac
    PacketQueue ready{};                     // waited for this; now for the sender's station
};

ArpOutcome arp_input(NeighbourTable& table, const wire::ArpPacket& arp, const ArpContext& context,
                     Instant now);

// The question who has `target`: to everybody, or to one `station` whether it still does.
wire::ArpPacket arp_request(const MacAddress& mac, const IpAddress& source,
                            const IpAddress& target);
// A frame ready to be transmitted. Null: the pool is empty.
PacketPtr arp_frame(PacketPool& pool, const wire::ArpPacket& arp, const MacAddress& station);

}  // namespace fairlead::link
