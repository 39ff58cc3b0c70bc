#include "udp/input.hpp"

#include "packet/sum.hpp"
#include "wire/checksum.hpp"

namespace fairlead::udp {
namespace {

bool has_good_checksum(const ip::Incoming& incoming, const wire::UdpHeader& header) {
    const Packet& packet = *incoming.packet;
    if (header.checksum == 0) return incoming.source.is_v4();
    if (packet.meta.checksum != ChecksumState::None) return true;
    const wire::PartialSum pseudo =
        wire::pseudo_header(incoming.source, incoming.destination, wire::IpProtocol::Udp,
                            static_cast<std::uint32_t>(packet.size()));
    return sum_from(packet, 0, pseudo).is_valid();
}

}  // namespace

Verdict check(ip::Incoming& incoming, wire::UdpHeader& header) {
    Packet& packet = *incoming.packet;
    if (!packet.pull(wire::UdpHeader::kBytes)) return Verdict::BadLength;
    const auto parsed = wire::parse_udp(packet.front(), packet.size());
    if (!parsed) return Verdict::BadLength;
    header = *parsed;
    packet.trim_back(packet.size() - header.total_bytes);
    return has_good_checksum(incoming, header) ? Verdict::Good : Verdict::BadChecksum;
}

}  // namespace fairlead::udp
