#include "ip/icmp_quote.hpp"

#include <algorithm>
#include <cstring>

namespace fairlead::ip {

PacketPtr icmp_quote(const Packet& packet, std::size_t most, PacketPool& pool) {
    PacketPtr quote = pool.packet();
    Slice room = pool.small_buffer();
    if (quote == nullptr || room.empty()) return nullptr;
    const std::size_t bytes = std::min({packet.size(), most, std::size_t{room.size()}});
    room.trim_back(static_cast<std::uint32_t>(room.size() - bytes));
    packet.copy_to(0, room.mutable_bytes());
    if (!quote->append(std::move(room))) return nullptr;
    return quote;
}

IcmpError error_about(const wire::QuotedPacket& quoted, const Packet& in,
                      InterfaceIndex interface) {
    const auto named = [&](const IpAddress& a) {
        return a.needs_zone() ? a.with_zone(interface) : a;
    };
    IcmpError error{
        .interface = interface,
        .protocol = static_cast<std::uint8_t>(quoted.protocol),
        .source = named(quoted.source),
        .destination = named(quoted.target),
        .transport_bytes = wire::QuotedPacket::kMinTransport,
    };
    std::memcpy(error.transport.data(), quoted.transport.data(), error.transport.size());
    const auto before = static_cast<std::size_t>(quoted.transport.data() - in.front().data());
    const std::size_t at = before + wire::QuotedPacket::kMinTransport;
    error.rest.resize(in.size() - at);
    in.copy_to(at, error.rest);
    return error;
}

}  // namespace fairlead::ip
