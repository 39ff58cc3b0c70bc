// ip/rooms.hpp — the corridor of ip/: one value of each room, and the ways between them.
//
// Up:     input() -> input_v4/input_v6 -> deliver_* -> icmp, or an Incoming for a transport.
// Down:   send_v4/send_v6 -> fragment -> transmit -> neighbour -> link::Interface.
// Where:  each way lies in the file of its name: input_v4.cpp, output_v6.cpp, icmp_v4.cpp, path.cpp,
//         neighbourhood.cpp (ARP, ND and what waits for them), autoconfiguration.cpp.
// Not here: any algorithm that can be tested without the others.
#pragma once

#include <optional>
#include <vector>

#include "ip/address_hash.hpp"
#include "ip/address_table.hpp"
#include "ip/icmp_limit.hpp"
#include "ip/interface_table.hpp"
#include "ip/network.hpp"
#include "ip/packet_id.hpp"
#include "ip/path_cache.hpp"
#include "ip/path_mtu.hpp"
#include "ip/reassembly.hpp"
#include "ip/route.hpp"
#include "ip/router_list.hpp"
#include "link/arp.hpp"
#include "link/ethernet.hpp"
#include "link/gro.hpp"
#include "link/nd.hpp"
#include "link/neighbour.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"

namespace fairlead::ip {

// How a packet came to us.
struct Arrival {
    InterfaceIndex interface = 0;
    bool is_unicast = false;      // to one of our addresses, in a frame to our station
    bool is_reassembled = false;  // from fragments
    std::uint8_t route = 0;       // as Incoming has it
};

// Two IPv4 addresses and an interface, as things stood in one generation.
struct AddressPair {
    std::uint32_t source = 0;
    std::uint32_t target = 0;
    InterfaceIndex interface = 0;
    std::uint32_t generation = 0;  // 0: nothing

    AddressPair() = default;
    AddressPair(const wire::Ipv4Header& header, InterfaceIndex in, std::uint32_t now)
        : source{header.source.v4_value()},
          target{header.target.v4_value()},
          interface{in},
          generation{now} {}
    bool operator==(const AddressPair&) const = default;
};

struct Network::Rooms {
    Rooms(const Config& config, Counters& counters, PacketPool& pool,
          std::span<const std::uint8_t, 16> key);

    // --- up ---
    void input(PacketPtr&& frame, link::Interface& in);
    void input_v4(PacketPtr&& packet, const link::Interface& in, link::FrameTarget target);
    // False: it goes no further.
    bool take_source_route(Bytes options, const IpAddress& source, Arrival& arrival);
    void reassemble_v4(PacketPtr packet, const wire::Ipv4Header& header, const Arrival& arrival);
    void deliver_v4(PacketPtr&& packet, const wire::Ipv4Header& header, const Arrival& arrival);
    void input_icmp_v4(PacketPtr message, const wire::Ipv4Header& header, const Arrival& arrival);
    void input_v6(PacketPtr packet, const link::Interface& in, link::FrameTarget target);
    void walk_v6(PacketPtr packet, const wire::Ipv6Header& header, const Arrival& arrival);
    void reassemble_v6(PacketPtr packet, const wire::Ipv6Header& header,
                       const wire::Ipv6Upper& upper, const Arrival& arrival);
    void deliver_v6(PacketPtr packet, const wire::Ipv6Header& header, const wire::Ipv6Upper& upper,
                    const Arrival& arrival);
    void input_icmp_v6(PacketPtr message, const wire::Ipv6Header& header, const Arrival& arrival);

    // --- what ICMP does for others ---
    void answer_echo_v4(PacketPtr message, const wire::Ipv4Header& header, const Arrival& arrival);
    void answer_echo_v6(PacketPtr message, const wire::Ipv6Header& header, const Arrival& arrival);
    void take_error_v4(Packet& message, const wire::IcmpHeader& icmp,
                       const wire::Ipv4Header& header, const Arrival& arrival);
    void take_error_v6(Packet& message, const wire::Icmpv6Header& icmp,
                       const wire::Ipv6Header& header, const Arrival& arrival);
    // About `packet`, which begins at its IP header. Silent where the RFCs want silence.
    void send_error_v4(const Packet& packet, const wire::Ipv4Header& header,
                       const wire::IcmpHeader& icmp, const Arrival& arrival);
    void send_error_v6(const Packet& packet, const wire::Ipv6Header& header,
                       const wire::Icmpv6Header& icmp, const Arrival& arrival);

    // --- down ---
    SourcedPath path_to_self(SourcedPath path, const IpAddress& named) const;
    Result<SourcedPath> choose_source(SourcedPath path, const IpAddress& named) const;
    Result<SourcedPath> find_path(const IpAddress& destination, const IpAddress& source,
                                  InterfaceIndex interface);
    Result<SourcedPath> look_up_path(const IpAddress& destination, const IpAddress& source,
                                     InterfaceIndex interface) const;
    Result<void> send_v4(PacketPtr&& packet, const Outgoing& outgoing, const Path& path);
    [[gnu::always_inline]] inline Result<void> send_v4(PacketPtr&& packet, const Outgoing& outgoing,
                                                       Bytes options, const Path& path);
    Result<void> send_v6(PacketPtr&& packet, const Outgoing& outgoing, const Path& path);
    Result<void> fragment_v4(const Packet& packet, const Outgoing& outgoing, const Path& path);
    Result<void> fragment_v6(const Packet& packet, const Outgoing& outgoing, const Path& path);
    // A packet with its IP header on.
    [[gnu::always_inline]] inline Result<void> transmit(PacketPtr&& packet, const IpAddress& source,
                                                        const Path& path);
    // What leaves beside transmit(), and what goes to several.
    void count_direct(const Packet& packet, const IpAddress& destination);
    void count_for_group(const Packet& packet, const IpAddress& destination);
    // By a link without stations, or to a group.
    Result<void> transmit_aside(PacketPtr&& packet, const Path& path);
    // To a neighbour that was not used before, is not known, or must be asked.
    Result<void> look_up_and_transmit(PacketPtr&& packet, const link::NeighbourKey& key,
                                      const IpAddress& source, const Path& path);
    // Finds the path first; for what the stack itself has to say. Counted where it fails.
    void send_own(PacketPtr packet, Outgoing outgoing, InterfaceIndex interface);

    // --- the neighbourhood ---
    void input_arp(PacketPtr packet, link::Interface& in, link::FrameTarget target);
    // True when the message was one of Neighbour Discovery.
    bool input_nd(Packet& message, const wire::Icmpv6Header& icmp, const wire::Ipv6Header& header,
                  const Arrival& arrival);
    // False: the message was bad.
    bool act_on(link::NdOutcome outcome, link::Interface& in);
    void answer_solicitation(const link::NdReply& reply, link::Interface& in);
    void solicit(const link::NeighbourKey& key, const std::optional<MacAddress>& station,
                 const IpAddress& source);
    void transmit_waiting(PacketQueue packets, link::Interface& out, const MacAddress& station);
    [[gnu::always_inline]] inline void put_on_link(PacketPtr&& packet, link::Interface& out,
                                                   const MacAddress& station);
    void report_unreachable(PacketQueue packets, InterfaceIndex interface);
    void expire_neighbours();

    // --- addresses ---
    Result<void> add_address(OwnAddress address);
    Result<void> remove_address(InterfaceIndex interface, const IpAddress& address);
    void make_link_local(const link::Interface& in);
    void probe_for_duplicate(OwnAddress& own);
    void on_duplicate(InterfaceIndex interface, const IpAddress& address);
    void on_router_advertisement(const wire::RouterAdvertisement& message, const IpAddress& router,
                                 const link::Interface& in);
    void on_prefix(const wire::PrefixInformation& prefix, const link::Interface& in);
    void take_back(const Route& way);
    void solicit_router(link::Interface& out);
    void expire_addresses();

    void expire_fragments();
    void begin(Instant at);
    Instant next_expiry() const;

    const Config& config;
    Counters& counters;
    PacketPool& pool;
    AddressHash hash;
    InterfaceTable interfaces;
    AddressTable addresses{};
    RouteTable routes;
    std::vector<RouteHints> hints{
        RouteHints{}};  // what routes say to TCP, each once; first: nothing
    RouterList routers{};
    PathMtuTable path_mtus;
    PathCache paths;
    link::NeighbourTable neighbours;
    Reassembly fragments;
    IcmpLimit limit;
    PacketIds ids;
    AddressHash labels;  // of flows of IPv6
    link::Gro gro{};

    Instant now{};
    std::uint32_t generation = 1;
    // Of the last packet to one of our addresses, whose source was no martian: those behind it are
    // mostly of the same pair, and need not be asked for again.
    AddressPair admitted{};
    std::array<PacketPtr, link::Interface::kBurst> burst{};  // empty between two calls
    std::vector<Incoming> incoming{};
    std::vector<IcmpError> errors{};
    std::vector<Departure>* departed = nullptr;  // the network's
    std::vector<wire::HeaderOptions> ways_back{};
};

// Inline: every packet leaves by these. They hand it on by reference.

inline void Network::Rooms::put_on_link(PacketPtr&& packet, link::Interface& out,
                                        const MacAddress& station) {
    const bool is_v6 = (packet->front()[0] & std::byte{0xf0}) == std::byte{0x60};
    link::put_ethernet_header(*packet, station, out.mac(),
                              is_v6 ? wire::EtherType::Ipv6 : wire::EtherType::Ipv4);
    out.transmit(std::move(packet), now);
}

inline Result<void> Network::Rooms::transmit(PacketPtr&& packet, const IpAddress& source,
                                             const Path& path) {
    const bool is_v4 = path.next_hop.is_v4();
    counters.add(is_v4 ? Counter::IpExtOutOctets : Counter::Ip6OutOctets, packet->size());
    counters.add(is_v4 ? Counter::IpOutTransmits : Counter::Ip6OutTransmits);
    packet->mark_network(0);
    link::Interface& out = interfaces.at(path.interface);
    if (out.link() == LinkKind::Ip || path.is_group) {
        return transmit_aside(std::move(packet), path);
    }
    const link::NeighbourKey key{.address = path.next_hop, .interface = path.interface};
    const MacAddress* station = neighbours.fresh_station(path.neighbour, key, now);
    if (station == nullptr) return look_up_and_transmit(std::move(packet), key, source, path);
    put_on_link(std::move(packet), out, *station);
    return {};
}

}  // namespace fairlead::ip
