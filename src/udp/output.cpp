#include "udp/output.hpp"

#include "wire/checksum.hpp"
#include "wire/udp.hpp"

namespace fairlead::udp {

PacketPtr make_datagram(PacketPool& pool, const Endpoint& from, const Endpoint& to, Bytes payload) {
    PacketPtr packet = pool.copy(payload);
    if (packet == nullptr) return nullptr;
    const auto bytes = static_cast<std::uint16_t>(wire::UdpHeader::kBytes + payload.size());
    const wire::PartialSum sum =
        wire::pseudo_header(from.address, to.address, wire::IpProtocol::Udp, bytes);
    wire::write_udp(packet->push_front(wire::UdpHeader::kBytes), {.source_port = from.port,
                                                                  .target_port = to.port,
                                                                  .total_bytes = bytes,
                                                                  .checksum = sum.fold()});
    packet->meta.checksum = ChecksumState::Partial;
    packet->meta.checksum_offset = wire::UdpHeader::kChecksumAt;
    return packet;
}

}  // namespace fairlead::udp
