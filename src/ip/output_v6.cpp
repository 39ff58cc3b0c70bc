// Down, IPv6: the header before a transport's packet, or before each of its fragments.
#include <algorithm>

#include "base/bytes.hpp"
#include "ip/fragment.hpp"
#include "ip/output_size.hpp"
#include "ip/rooms.hpp"
#include "link/segmentation.hpp"

namespace fairlead::ip {
namespace {

// RFC 6437 §3: one label for all packets of a flow, which strangers cannot foresee, and which is
// another one when the flow asks for another way.
std::uint32_t flow_label(const Packet& packet, const Outgoing& outgoing, const AddressHash& hash) {
    constexpr std::uint32_t kLabel = 0xf'ffff;
    std::uint64_t of = std::uint64_t{outgoing.turn} << 8 | outgoing.protocol;
    const bool has_ports = outgoing.protocol == kProtocolTcp || outgoing.protocol == kProtocolUdp;
    if (has_ports) of |= std::uint64_t{load_be<std::uint32_t>(packet.front(), 0)} << 32;
    return static_cast<std::uint32_t>(hash(outgoing.source, outgoing.destination, of)) & kLabel;
}

// net.ipv6.auto_flowlabels: 2 is for sockets that ask for it, and there is no such option.
constexpr bool labels_flows(const Config& config) {
    return config.ip6_auto_flowlabels == 1 || config.ip6_auto_flowlabels == 3;
}

wire::Ipv6Header header_for(const Outgoing& outgoing, std::size_t payload_bytes,
                            std::uint32_t label, const Config& config) {
    const bool is_group = outgoing.destination.is_multicast();
    // RFC 3493 §5.2: what is sent to a group stays on the link unless somebody says otherwise.
    const std::int64_t hop_limit = is_group ? 1 : config.ip6_hop_limit;
    return {
        .traffic_class = outgoing.tos,
        .flow_label = label,
        .payload_bytes = static_cast<std::uint16_t>(payload_bytes),
        .next_header = static_cast<wire::IpProtocol>(outgoing.protocol),
        .hop_limit = outgoing.ttl != 0 ? outgoing.ttl : static_cast<std::uint8_t>(hop_limit),
        .source = outgoing.source,
        .target = outgoing.destination,
    };
}

}  // namespace

Result<void> Network::Rooms::send_v6(PacketPtr&& packet, const Outgoing& outgoing,
                                     const Path& path) {
    constexpr std::size_t kHeader = wire::Ipv6Header::kBytes;
    packet->mark_transport(0);
    if (packet->size() > UINT16_MAX) return std::unexpected{Errc::MessageTooLong};
    if (largest_segment(*packet) + kHeader > path.mtu) {
        if (!outgoing.dont_fragment && packet->meta.gso == GsoType::None) {
            const bool is_partial = packet->meta.checksum == ChecksumState::Partial;
            if (is_partial && !link::complete_checksum(*packet)) {
                return std::unexpected{Errc::NoBuffers};
            }
            return fragment_v6(*packet, outgoing, path);
        }
        counters.add(Counter::Ip6FragFails);
        return std::unexpected{Errc::MessageTooLong};
    }
    const std::uint32_t label = labels_flows(config) ? flow_label(*packet, outgoing, labels) : 0;
    const wire::Ipv6Header header = header_for(outgoing, packet->size(), label, config);
    wire::write_ipv6(packet->push_front(kHeader), header);
    counters.add(Counter::Ip6OutRequests);
    return transmit(std::move(packet), outgoing.source, path);
}

Result<void> Network::Rooms::fragment_v6(const Packet& packet, const Outgoing& outgoing,
                                         const Path& path) {
    constexpr std::size_t kHeader = wire::Ipv6Header::kBytes;
    constexpr std::size_t kBoth = kHeader + wire::Ipv6Fragment::kBytes;
    const std::size_t most = fragment_payload(path.mtu, kBoth);
    const std::uint32_t label = labels_flows(config) ? flow_label(packet, outgoing, labels) : 0;
    const std::uint32_t id = ids.take(outgoing.source, outgoing.destination, 1);
    counters.add(Counter::Ip6OutRequests);
    for (std::size_t from = 0; from < packet.size(); from += most) {
        const std::size_t bytes = std::min(most, packet.size() - from);
        PacketPtr part = part_of(packet, from, bytes, pool);
        if (part == nullptr) {
            counters.add(Counter::Ip6FragFails);
            return std::unexpected{Errc::NoBuffers};
        }
        wire::Ipv6Header header =
            header_for(outgoing, wire::Ipv6Fragment::kBytes + bytes, label, config);
        header.next_header = wire::IpProtocol::Fragment;
        const MutableBytes room = part->push_front(kBoth);
        wire::write_ipv6(room, header);
        wire::write_ipv6_fragment(room.subspan(kHeader),
                                  {.id = id,
                                   .offset = static_cast<std::uint16_t>(from),
                                   .more = from + bytes < packet.size()},
                                  static_cast<wire::IpProtocol>(outgoing.protocol));
        counters.add(Counter::Ip6FragCreates);
        if (const auto sent = transmit(std::move(part), outgoing.source, path); !sent) return sent;
    }
    counters.add(Counter::Ip6FragOKs);
    return {};
}

}  // namespace fairlead::ip
