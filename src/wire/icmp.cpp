#include "wire/icmp.hpp"

namespace fairlead::wire {

std::expected<IcmpHeader, IcmpFault> parse_icmp(Bytes message) {
    if (message.size() < IcmpHeader::kBytes) return std::unexpected{IcmpFault::Truncated};
    return IcmpHeader{
        .type = static_cast<IcmpType>(load_be<std::uint8_t>(message, 0)),
        .code = load_be<std::uint8_t>(message, 1),
        .checksum = load_be<std::uint16_t>(message, IcmpHeader::kChecksumAt),
        .rest = load_be<std::uint32_t>(message, 4),
    };
}

void write_icmp(MutableBytes to, const IcmpHeader& header) {
    store_be(to, 0, static_cast<std::uint8_t>(header.type));
    store_be(to, 1, header.code);
    store_be(to, IcmpHeader::kChecksumAt, header.checksum);
    store_be(to, 4, header.rest);
}

}  // namespace fairlead::wire
