// link/nd.hpp — asking for and naming stations of IPv6 addresses.
//
// Owns:      what a Neighbour Discovery message means to the neighbour table, and our answer to it.
// Knows:     RFC 4861 §7.1 (what is invalid by its IP header), §7.2 (solicitations, advertisements,
//            the solicited, override and router flags) as Linux does it; §6.2.6 and §6.3.4 (link
//            addresses of routers and hosts); RFC 4862 §5.4 (a probe for one of our addresses is
//            answered to all nodes).
// Not here:  the bytes (wire/nd.hpp), entries (neighbour.hpp), whether an address of ours is still
//            tentative (ip/), routers, prefixes.
#pragma once

#include <cstdint>
#include <optional>

#include "fairlead/packet.hpp"
#include "fairlead/time.hpp"
#include "link/neighbour.hpp"
#include "wire/nd.hpp"

namespace fairlead::link {

// The packet that brought the message, and what the table can't know by itself.
struct NdContext {
    InterfaceIndex interface = 0;
    MacAddress mac{};  // the interface's
    IpAddress source{};
    IpAddress destination{};
    std::uint8_t hop_limit = 0;
    bool is_target_ours = false;  // ours and not tentative
    bool are_we_router = false;
};

struct NdReply {
    wire::NeighborAdvertisement message{};
    IpAddress source{};
    IpAddress destination{};
    // None: the asker's station is not known; it goes the way of any packet to `destination`.
    std::optional<MacAddress> station{};
};

struct NdOutcome {
    enum class Kind : std::uint8_t {
        Taken,     // learnt from, or of no concern to us
        Conflict,  // another station advertises one of our addresses
        Bad,       // RFC 4861 §7.1: discarded, Icmp6InErrors
    };
    Kind kind = Kind::Taken;
    std::optional<NdReply> reply{};
    PacketQueue ready{};         // waited for this...
    MacAddress ready_station{};  // ...and go to this station
};

// The four take a message whose checksum was verified.
NdOutcome nd_input(NeighbourTable& table, const wire::NeighborSolicitation& message,
                   const NdContext& context, Instant now);
NdOutcome nd_input(NeighbourTable& table, const wire::NeighborAdvertisement& message,
                   const NdContext& context, Instant now);
NdOutcome nd_input(NeighbourTable& table, const wire::RouterSolicitation& message,
                   const NdContext& context, Instant now);
NdOutcome nd_input(NeighbourTable& table, const wire::RouterAdvertisement& message,
                   const NdContext& context, Instant now);

// Packets that begin at their IPv6 header, hop limit 255 and checksum in place. Null: the pool is
// empty. A solicitation goes to wire::solicited_node(target), or to `target` itself when it asks a
// station that we know; one from :: (duplicate address detection) names no station.
PacketPtr nd_packet(PacketPool& pool, const wire::NeighborSolicitation& message,
                    const IpAddress& source, const IpAddress& destination);
PacketPtr nd_packet(PacketPool& pool, const wire::NeighborAdvertisement& message,
                    const IpAddress& source, const IpAddress& destination);
PacketPtr nd_packet(PacketPool& pool, const wire::RouterSolicitation& message,
                    const IpAddress& source, const IpAddress& destination);

}  // namespace fairlead::link
