// wire/icmp.hpp — ICMP for IPv4: 8 bytes and what they are about.
//
//   | type | code | checksum | rest, by type | body: echo data, or the packet that went wrong |
//
// Knows:  RFC 792, RFC 1122 §3.2.2, RFC 1191 §4 (next-hop MTU), RFC 1812 §5.2.7 (codes 13 to 15).
// Not here: which error a socket sees (ip/icmp), the quoted packet (quoted.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>

#include "base/bytes.hpp"
#include "fairlead/address.hpp"

namespace fairlead::wire {

enum class IcmpType : std::uint8_t {
    EchoReply = 0,
    Unreachable = 3,
    SourceQuench = 4,
    Redirect = 5,
    Echo = 8,
    RouterAdvertisement = 9,
    RouterSolicitation = 10,
    TimeExceeded = 11,
    ParameterProblem = 12,
    Timestamp = 13,
    TimestampReply = 14,
};

enum class UnreachableCode : std::uint8_t {
    Network = 0,
    Host = 1,
    Protocol = 2,
    Port = 3,
    FragmentationNeeded = 4,
    SourceRouteFailed = 5,
    NetworkUnknown = 6,
    HostUnknown = 7,
    SourceIsolated = 8,
    NetworkProhibited = 9,
    HostProhibited = 10,
    NetworkTypeOfService = 11,
    HostTypeOfService = 12,
    AdministrativelyProhibited = 13,
    PrecedenceViolation = 14,
    PrecedenceCutoff = 15,
};

enum class RedirectCode : std::uint8_t { Network = 0, Host = 1 };
enum class TimeExceededCode : std::uint8_t { InTransit = 0, Reassembly = 1 };
enum class ParameterCode : std::uint8_t { Pointer = 0, MissingOption = 1, BadLength = 2 };

// The eight bytes; `rest` is read through the name that its type gives it.
struct IcmpHeader {
    IcmpType type{};
    std::uint8_t code = 0;
    std::uint16_t checksum = 0;
    std::uint32_t rest = 0;

    static constexpr std::size_t kBytes = 8;
    static constexpr std::size_t kChecksumAt = 2;

    // Echo and its reply.
    constexpr std::uint16_t echo_id() const { return static_cast<std::uint16_t>(rest >> 16); }
    constexpr std::uint16_t echo_sequence() const { return static_cast<std::uint16_t>(rest); }
    // Unreachable, FragmentationNeeded; 0 from a router older than RFC 1191.
    constexpr std::uint16_t mtu() const { return static_cast<std::uint16_t>(rest); }
    // Redirect.
    constexpr IpAddress gateway() const { return IpAddress::v4(rest); }
    // ParameterProblem, Pointer: the byte of the quoted packet.
    constexpr std::uint8_t pointer() const { return static_cast<std::uint8_t>(rest >> 24); }
    // Whether a packet is quoted behind the header. About such a one nothing is ever sent back.
    constexpr bool is_error() const {
        return type == IcmpType::Unreachable || type == IcmpType::SourceQuench ||
               type == IcmpType::Redirect || type == IcmpType::TimeExceeded ||
               type == IcmpType::ParameterProblem;
    }
    constexpr bool operator==(const IcmpHeader&) const = default;
};

constexpr IcmpHeader icmp_echo(std::uint16_t id, std::uint16_t sequence) {
    return {.type = IcmpType::Echo, .rest = std::uint32_t{id} << 16 | sequence};
}
constexpr IcmpHeader icmp_unreachable(UnreachableCode code) {
    return {.type = IcmpType::Unreachable, .code = static_cast<std::uint8_t>(code)};
}
constexpr IcmpHeader icmp_fragmentation_needed(std::uint16_t mtu) {
    return {.type = IcmpType::Unreachable,
            .code = static_cast<std::uint8_t>(UnreachableCode::FragmentationNeeded),
            .rest = mtu};
}
constexpr IcmpHeader icmp_time_exceeded(TimeExceededCode code) {
    return {.type = IcmpType::TimeExceeded, .code = static_cast<std::uint8_t>(code)};
}
constexpr IcmpHeader icmp_parameter_problem(ParameterCode code, std::uint8_t pointer) {
    return {.type = IcmpType::ParameterProblem,
            .code = static_cast<std::uint8_t>(code),
            .rest = std::uint32_t{pointer} << 24};
}
constexpr IcmpHeader icmp_redirect(RedirectCode code, const IpAddress& gateway) {
    return {.type = IcmpType::Redirect,
            .code = static_cast<std::uint8_t>(code),
            .rest = gateway.v4_value()};
}

enum class IcmpFault : std::uint8_t { Truncated };

// `message` begins with the header, contiguous. The checksum covers the whole message, which may
// lie in pieces: its verification is the caller's (PartialSum).
std::expected<IcmpHeader, IcmpFault> parse_icmp(Bytes message);

// `to` has room for kBytes; the checksum is written as it stands in the header.
void write_icmp(MutableBytes to, const IcmpHeader& header);

}  // namespace fairlead::wire
