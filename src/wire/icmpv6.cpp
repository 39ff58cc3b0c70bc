#include "wire/icmpv6.hpp"

namespace fairlead::wire {

std::expected<Icmpv6Header, Icmpv6Fault> parse_icmpv6(Bytes message) {
    if (message.size() < Icmpv6Header::kBytes) return std::unexpected{Icmpv6Fault::Truncated};
    return Icmpv6Header{
        .type = static_cast<Icmpv6Type>(load_be<std::uint8_t>(message, 0)),
        .code = load_be<std::uint8_t>(message, 1),
        .checksum = load_be<std::uint16_t>(message, Icmpv6Header::kChecksumAt),
        .rest = load_be<std::uint32_t>(message, 4),
    };
}

void write_icmpv6(MutableBytes to, const Icmpv6Header& header) {
    store_be(to, 0, static_cast<std::uint8_t>(header.type));
    store_be(to, 1, header.code);
    store_be(to, Icmpv6Header::kChecksumAt, header.checksum);
    store_be(to, 4, header.rest);
}

}  // namespace fairlead::wire
