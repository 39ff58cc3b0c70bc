#include "device/virtio_header.hpp"

#include <limits>

#include "base/assert.hpp"
#include "wire/ethernet.hpp"
#include "wire/tcp.hpp"
#include "wire/udp.hpp"

namespace fairlead::device {
namespace {

constexpr std::size_t kTcpDataOffsetAt = 12;
constexpr std::size_t kTcpFlagsAt = 13;
constexpr std::byte kTcpCwr{0x80};

// The bytes of headers up to the payload; 0: they do not fit the first piece of the frame.
std::size_t header_length(const Packet& packet, std::size_t transport, GsoType gso) {
    const Bytes front = packet.front();
    const std::size_t least =
        gso == GsoType::Udp ? wire::UdpHeader::kBytes : wire::TcpHeader::kMinBytes;
    if (transport + least > front.size()) return 0;
    if (gso == GsoType::Udp) return transport + wire::UdpHeader::kBytes;
    const std::size_t tcp = std::to_integer<std::size_t>(front[transport + kTcpDataOffsetAt] >> 4);
    if (tcp * 4 < wire::TcpHeader::kMinBytes || transport + tcp * 4 > front.size()) return 0;
    return transport + tcp * 4;
}

// Where the IP header begins.
std::size_t link_header_length(LinkKind link, Bytes front) {
    if (link == LinkKind::Ip) return 0;
    const auto frame = wire::parse_ethernet(front);
    return frame ? frame->bytes() : wire::EthernetHeader::kBytes;
}

bool apply_gso(const VirtioHeader& header, LinkKind link, Packet& packet) {
    PacketMeta& meta = packet.meta;
    switch (header.gso_type & ~VirtioHeader::kGsoEcn) {
        case VirtioHeader::kGsoTcp4: meta.gso = GsoType::Tcp4; break;
        case VirtioHeader::kGsoTcp6: meta.gso = GsoType::Tcp6; break;
        case VirtioHeader::kGsoUdp: meta.gso = GsoType::Udp; break;
        default: return false;
    }
    // §5.1.6.2: large segments come with a partial checksum, or nobody could cut them.
    if (meta.checksum != ChecksumState::Partial || header.gso_size == 0) return false;
    const std::size_t headers = header_length(packet, header.checksum_start, meta.gso);
    if (headers == 0 || headers > packet.size()) return false;
    const std::size_t payload = packet.size() - headers;
    const std::size_t segments = (payload + header.gso_size - 1) / header.gso_size;
    if (segments > std::numeric_limits<std::uint16_t>::max()) return false;
    if (segments <= 1) {
        meta.gso = GsoType::None;
        return true;
    }
    const std::size_t network = link_header_length(link, packet.front());
    if (network >= header.checksum_start) return false;
    packet.mark_network(network);
    meta.gso_size = header.gso_size;
    meta.gso_segments = static_cast<std::uint16_t>(segments);
    return true;
}

}  // namespace

bool apply(const VirtioHeader& header, LinkKind link, Packet& packet) {
    PacketMeta& meta = packet.meta;
    if ((header.flags & VirtioHeader::kNeedsChecksum) != 0) {
        const std::size_t field = std::size_t{header.checksum_start} + header.checksum_offset;
        if (field + 2 > packet.size()) return false;
        if (header.checksum_offset > std::numeric_limits<std::uint8_t>::max()) return false;
        meta.checksum = ChecksumState::Partial;
        meta.checksum_offset = static_cast<std::uint8_t>(header.checksum_offset);
        packet.mark_transport(header.checksum_start);
    } else if ((header.flags & VirtioHeader::kDataValid) != 0) {
        meta.checksum = ChecksumState::Verified;
    }
    return header.gso_type == VirtioHeader::kGsoNone || apply_gso(header, link, packet);
}

VirtioHeader virtio_header_of(const Packet& packet) {
    VirtioHeader header{};
    const PacketMeta& meta = packet.meta;
    if (meta.checksum == ChecksumState::Verified) header.flags = VirtioHeader::kDataValid;
    if (meta.checksum != ChecksumState::Partial) return header;
    const std::size_t transport = packet.transport_offset();
    FAIRLEAD_ASSERT(transport + meta.checksum_offset + 2 <= packet.size());
    header.flags = VirtioHeader::kNeedsChecksum;
    header.checksum_start = static_cast<std::uint16_t>(transport);
    header.checksum_offset = meta.checksum_offset;
    if (meta.gso == GsoType::None) return header;

    const std::size_t headers = header_length(packet, transport, meta.gso);
    FAIRLEAD_ASSERT(headers != 0);
    header.header_bytes = static_cast<std::uint16_t>(headers);
    header.gso_size = meta.gso_size;
    if (meta.gso == GsoType::Udp) {
        header.gso_type = VirtioHeader::kGsoUdp;
        return header;
    }
    header.gso_type = meta.gso == GsoType::Tcp4 ? VirtioHeader::kGsoTcp4 : VirtioHeader::kGsoTcp6;
    // CWR belongs to the first segment alone (RFC 3168 §6.1.2); the kernel must know to see to it.
    if ((packet.front()[transport + kTcpFlagsAt] & kTcpCwr) != std::byte{}) {
        header.gso_type |= VirtioHeader::kGsoEcn;
    }
    return header;
}

}  // namespace fairlead::device
