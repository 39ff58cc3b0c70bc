// wire/icmpv6.hpp — ICMP for IPv6: errors and echo. Neighbour Discovery is in nd.hpp.
//
//   | type | code | checksum | rest, by type | body: echo data, or the packet that went wrong |
//
// Knows:  RFC 4443, RFC 7112 §5 (code 3 of Parameter Problem).
// Not here: which error a socket sees (ip/icmp), the quoted packet (quoted.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "base/bytes.hpp"

namespace fairlead::wire {

enum class Icmpv6Type : std::uint8_t {
    Unreachable = 1,
    PacketTooBig = 2,
    TimeExceeded = 3,
    ParameterProblem = 4,
    Echo = 128,
    EchoReply = 129,
    ListenerQuery = 130,  // MLD, RFC 2710
    ListenerReport = 131,
    ListenerDone = 132,
    RouterSolicitation = 133,
    RouterAdvertisement = 134,
    NeighborSolicitation = 135,
    NeighborAdvertisement = 136,
    Redirect = 137,
    ListenerReport2 = 143,  // RFC 3810
};

enum class Unreachable6Code : std::uint8_t {
    NoRoute = 0,
    AdministrativelyProhibited = 1,
    BeyondScope = 2,
    Address = 3,
    Port = 4,
    SourcePolicy = 5,
    RejectRoute = 6,
};

enum class TimeExceeded6Code : std::uint8_t { InTransit = 0, Reassembly = 1 };

enum class Parameter6Code : std::uint8_t {
    Header = 0,
    NextHeader = 1,
    Option = 2,
    IncompleteFirstFragment = 3,
};

// The eight bytes; `rest` is read through the name that its type gives it.
struct Icmpv6Header {
    Icmpv6Type type{};
    std::uint8_t code = 0;
    std::uint16_t checksum = 0;
    std::uint32_t rest = 0;

    static constexpr std::size_t kBytes = 8;
    static constexpr std::size_t kChecksumAt = 2;

    // Echo and its reply.
    constexpr std::uint16_t echo_id() const { return static_cast<std::uint16_t>(rest >> 16); }
    constexpr std::uint16_t echo_sequence() const { return static_cast<std::uint16_t>(rest); }
    // PacketTooBig.
    constexpr std::uint32_t mtu() const { return rest; }
    // ParameterProblem: the byte of the quoted packet.
    constexpr std::uint32_t pointer() const { return rest; }
    // RFC 4443 §2.1: the high bit says "information".
    constexpr bool is_error() const { return static_cast<std::uint8_t>(type) < 128; }
    constexpr bool operator==(const Icmpv6Header&) const = default;
};

constexpr Icmpv6Header icmpv6_echo(std::uint16_t id, std::uint16_t sequence) {
    return {.type = Icmpv6Type::Echo, .rest = std::uint32_t{id} << 16 | sequence};
}
constexpr Icmpv6Header icmpv6_unreachable(Unreachable6Code code) {
    return {.type = Icmpv6Type::Unreachable, .code = static_cast<std::uint8_t>(code)};
}
constexpr Icmpv6Header icmpv6_packet_too_big(std::uint32_t mtu) {
    return {.type = Icmpv6Type::PacketTooBig, .rest = mtu};
}
constexpr Icmpv6Header icmpv6_time_exceeded(TimeExceeded6Code code) {
    return {.type = Icmpv6Type::TimeExceeded, .code = static_cast<std::uint8_t>(code)};
}
constexpr Icmpv6Header icmpv6_parameter_problem(Parameter6Code code, std::uint32_t pointer) {
    return {.type = Icmpv6Type::ParameterProblem,
            .code = static_cast<std::uint8_t>(code),
            .rest = pointer};
}

enum class Icmpv6Fault : std::uint8_t { Truncated };

// `message` begins with the header, contiguous. The checksum covers pseudo-header and message,
// which may lie in pieces: its verification is the caller's (PartialSum).
std::expected<Icmpv6Header, Icmpv6Fault> parse_icmpv6(Bytes message);

// `to` has room for kBytes; the checksum is written as it stands in the header.
void write_icmpv6(MutableBytes to, const Icmpv6Header& header);

}  // namespace fairlead::wire
