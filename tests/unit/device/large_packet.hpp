// large_packet.hpp — a large TCP segment as a stack hands it to a device.
#pragma once

#include <vector>

#include "fairlead/device.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/ipv4.hpp"
#include "wire/tcp.hpp"

namespace fairlead::testing_network {

inline PacketPtr large_packet(PacketPool& pool, std::size_t payload, std::uint16_t mss = 1460) {
    const IpAddress from = IpAddress::v4(10, 0, 0, 1);
    const IpAddress to = IpAddress::v4(10, 0, 0, 2);
    std::vector<std::byte> bytes(payload);
    for (std::size_t i = 0; i < payload; ++i) bytes[i] = static_cast<std::byte>(i * 31 + i / 251);
    PacketPtr p = pool.copy(bytes);
    wire::write_tcp(p->push_front(20),
                    {.source_port = 1, .target_port = 2, .flags = {.ack = true}});
    p->mark_transport(0);
    const auto tcp_bytes = static_cast<std::uint16_t>(payload + 20);
    store_be<std::uint16_t>(p->head(), 16,
                            wire::pseudo_header(from, to, wire::IpProtocol::Tcp, tcp_bytes).fold());
    wire::write_ipv4(p->push_front(20), {.total_bytes = static_cast<std::uint16_t>(tcp_bytes + 20),
                                         .dont_fragment = true,
                                         .protocol = wire::IpProtocol::Tcp,
                                         .source = from,
                                         .target = to});
    p->mark_network(0);
    wire::write_ethernet(p->push_front(wire::EthernetHeader::kBytes),
                         {.type = wire::EtherType::Ipv4});
    p->meta.checksum = ChecksumState::Partial;
    p->meta.checksum_offset = 16;
    if (payload > mss) {
        p->meta.gso = GsoType::Tcp4;
        p->meta.gso_size = mss;
        p->meta.gso_segments = static_cast<std::uint16_t>((payload + mss - 1) / mss);
    }
    return p;
}

// Whether the TCP checksum of such a frame is complete and right.
inline bool is_summed_right(const Packet& p) {
    std::vector<std::byte> frame(p.size());
    p.copy_to(0, frame);
    const Bytes tcp = Bytes{frame}.subspan(34);
    auto sum = wire::pseudo_header(IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2),
                                   wire::IpProtocol::Tcp, static_cast<std::uint32_t>(tcp.size()));
    sum.add(tcp);
    return sum.is_valid();
}

}  // namespace fairlead::testing_network
