#include "wire/udp.hpp"

namespace fairlead::wire {

std::expected<UdpHeader, UdpFault> parse_udp(Bytes datagram, std::size_t datagram_bytes) {
    if (datagram.size() < UdpHeader::kBytes) return std::unexpected{UdpFault::Truncated};
    const UdpHeader header{
        .source_port = load_be<std::uint16_t>(datagram, 0),
        .target_port = load_be<std::uint16_t>(datagram, 2),
        .total_bytes = load_be<std::uint16_t>(datagram, 4),
        .checksum = load_be<std::uint16_t>(datagram, UdpHeader::kChecksumAt),
    };
    if (header.total_bytes < UdpHeader::kBytes || header.total_bytes > datagram_bytes) {
        return std::unexpected{UdpFault::BadLength};
    }
    return header;
}

void write_udp(MutableBytes to, const UdpHeader& header) {
    store_be(to, 0, header.source_port);
    store_be(to, 2, header.target_port);
    store_be(to, 4, header.total_bytes);
    store_be(to, UdpHeader::kChecksumAt, header.checksum);
}

}  // namespace fairlead::wire
