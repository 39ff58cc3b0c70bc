// unit/ip/packets.hpp — packets as a peer would send them, and what ours look like to a peer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "unit/ip/fake_device.hpp"
#include "wire/checksum.hpp"
#include "wire/ethernet.hpp"
#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"
#include "wire/ipv4.hpp"
#include "wire/ipv6.hpp"
#include "wire/udp.hpp"

namespace fairlead::testing {

inline IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
inline Prefix prefix(std::string_view text) { return Prefix::parse(text).value(); }

inline Frame bytes(std::initializer_list<int> values) {
    Frame out;
    for (const int v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}
inline Frame text(std::string_view s) {
    Frame out(s.size());
    if (!s.empty()) std::memcpy(out.data(), s.data(), s.size());
    return out;
}
inline Frame pattern(std::size_t n) {
    Frame out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(i * 7 + i / 256);
    return out;
}
inline Frame operator+(Frame a, const Frame& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
inline Frame part(const Frame& f, std::size_t from, std::size_t n = SIZE_MAX) {
    n = std::min(n, f.size() - from);
    return {f.begin() + static_cast<std::ptrdiff_t>(from),
            f.begin() + static_cast<std::ptrdiff_t>(from + n)};
}

inline Frame ipv4(wire::Ipv4Header header, const Frame& payload, const Frame& options = {}) {
    header.header_bytes = static_cast<std::uint8_t>(20 + options.size());
    header.total_bytes = static_cast<std::uint16_t>(header.header_bytes + payload.size());
    Frame out(header.header_bytes);
    wire::write_ipv4(out, header, options);
    return out + payload;
}
inline Frame ipv6(wire::Ipv6Header header, const Frame& payload) {
    header.payload_bytes = static_cast<std::uint16_t>(payload.size());
    Frame out(40);
    wire::write_ipv6(out, header);
    return out + payload;
}
inline Frame ip(const IpAddress& from, const IpAddress& to, wire::IpProtocol protocol,
                const Frame& payload) {
    if (from.is_v4()) {
        return ipv4({.id = 77, .protocol = protocol, .source = from, .target = to}, payload);
    }
    return ipv6({.next_header = protocol, .source = from, .target = to}, payload);
}

// The checksum over the pseudo-header and the message, at the byte of its protocol.
inline Frame with_checksum(Frame message, const IpAddress& from, const IpAddress& to,
                           wire::IpProtocol protocol, std::size_t at) {
    wire::PartialSum sum =
        wire::pseudo_header(from, to, protocol, static_cast<std::uint32_t>(message.size()));
    sum.add(message);
    store_be(MutableBytes{message}, at, wire::udp_checksum(sum));
    return message;
}
inline Frame udp(const IpAddress& from, const IpAddress& to, std::uint16_t source_port,
                 std::uint16_t target_port, const Frame& payload) {
    Frame message(8);
    wire::write_udp(message, {.source_port = source_port,
                              .target_port = target_port,
                              .total_bytes = static_cast<std::uint16_t>(8 + payload.size())});
    return ip(from, to, wire::IpProtocol::Udp,
              with_checksum(message + payload, from, to, wire::IpProtocol::Udp, 6));
}
inline Frame icmp_message(const IpAddress& from, const IpAddress& to, const Frame& body_after_type,
                          std::uint8_t type, std::uint8_t code = 0) {
    Frame message = bytes({type, code, 0, 0}) + body_after_type;
    if (!from.is_v4()) return with_checksum(message, from, to, wire::IpProtocol::Icmpv6, 2);
    store_be(MutableBytes{message}, 2, wire::sum_of(message).checksum());
    return message;
}
inline Frame icmp(const IpAddress& from, const IpAddress& to, std::uint8_t type,
                  const Frame& body_after_type, std::uint8_t code = 0) {
    return ip(from, to, from.is_v4() ? wire::IpProtocol::Icmp : wire::IpProtocol::Icmpv6,
              icmp_message(from, to, body_after_type, type, code));
}

inline Frame ethernet(const MacAddress& to, const MacAddress& from, const Frame& packet) {
    const bool is_v6 = (packet[0] & std::byte{0xf0}) == std::byte{0x60};
    Frame header(14);
    wire::write_ethernet(header, {.target = to,
                                  .source = from,
                                  .type = is_v6 ? wire::EtherType::Ipv6 : wire::EtherType::Ipv4});
    return header + packet;
}

}  // namespace fairlead::testing
