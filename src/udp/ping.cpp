#include "udp/ping.hpp"

#include <array>

#include "base/bytes.hpp"
#include "packet/sum.hpp"
#include "wire/checksum.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"

namespace fairlead::udp {
namespace {

constexpr std::size_t kCodeAt = 1;
constexpr std::size_t kIdAt = 4;
constexpr std::size_t kSequenceAt = 6;

bool is_request(Bytes header, bool is_v4) {
    const auto type = std::to_integer<std::uint8_t>(header[0]);
    const auto wanted = is_v4 ? static_cast<std::uint8_t>(wire::IcmpType::Echo)
                              : static_cast<std::uint8_t>(wire::Icmpv6Type::Echo);
    return type == wanted && header[kCodeAt] == std::byte{0};
}

}  // namespace

Result<void> check_request(Bytes message, bool is_v4) {
    if (message.size() > kMaxEcho) return std::unexpected{Errc::MessageTooLong};
    if (message.size() < kEchoHeader || !is_request(message, is_v4)) {
        return std::unexpected{Errc::InvalidArgument};
    }
    return {};
}

PacketPtr make_request(PacketPool& pool, const Endpoint& from, const IpAddress& to, Bytes message) {
    const auto sequence = load_be<std::uint16_t>(message, kSequenceAt);
    PacketPtr packet = pool.copy(message.subspan(kEchoHeader));
    if (packet == nullptr) return nullptr;
    const MutableBytes header = packet->push_front(kEchoHeader);
    if (to.is_v4()) {
        wire::IcmpHeader icmp = wire::icmp_echo(from.port, sequence);
        wire::write_icmp(header, icmp);
        icmp.checksum = sum_from(*packet, 0).checksum();
        wire::write_icmp(header, icmp);
    } else {
        wire::Icmpv6Header icmp = wire::icmpv6_echo(from.port, sequence);
        wire::write_icmpv6(header, icmp);
        const wire::PartialSum pseudo = wire::pseudo_header(
            from.address, to, wire::IpProtocol::Icmpv6, static_cast<std::uint32_t>(packet->size()));
        icmp.checksum = sum_from(*packet, 0, pseudo).checksum();
        wire::write_icmpv6(header, icmp);
    }
    return packet;
}

std::optional<std::uint16_t> answered_id(Packet& answer) {
    if (!answer.pull(kEchoHeader)) return std::nullopt;
    return load_be<std::uint16_t>(answer.front(), kIdAt);
}

std::optional<std::uint16_t> quoted_id(const ip::IcmpError& error) {
    if (error.transport_bytes < kEchoHeader) return std::nullopt;
    const Bytes header{error.transport};
    if (!is_request(header, error.protocol == ip::kProtocolIcmp)) return std::nullopt;
    return load_be<std::uint16_t>(header, kIdAt);
}

}  // namespace fairlead::udp
