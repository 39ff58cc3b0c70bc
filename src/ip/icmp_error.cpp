#include "ip/icmp_error.hpp"

#include <cstddef>

#include "wire/icmp.hpp"
#include "wire/icmpv6.hpp"

namespace fairlead::ip {
namespace {

// By code of Destination Unreachable.
constexpr ErrorMeaning kUnreachable[] = {
    {Errc::NetworkUnreachable, false},  // network
    {Errc::HostUnreachable, false},     // host
    {Errc::NoSuchOption, true},         // protocol
    {Errc::ConnectionRefused, true},    // port
    {Errc::MessageTooLong, false},      // fragmentation needed
    {Errc::NotSupported, false},        // source route failed
    {Errc::NetworkUnreachable, true},   // network unknown
    {Errc::HostDown, true},             // host unknown
    {Errc::NotOnNetwork, true},         // source isolated
    {Errc::NetworkUnreachable, true},   // network prohibited
    {Errc::HostUnreachable, true},      // host prohibited
    {Errc::NetworkUnreachable, false},  // network, for this type of service
    {Errc::HostUnreachable, false},     // host, for this type of service
    {Errc::HostUnreachable, true},      // administratively prohibited
    {Errc::HostUnreachable, true},      // precedence violation
    {Errc::HostUnreachable, true},      // precedence cutoff
};

constexpr ErrorMeaning kUnreachable6[] = {
    {Errc::NetworkUnreachable, false},  // no route
    {Errc::AccessDenied, true},         // administratively prohibited
    {Errc::HostUnreachable, false},     // beyond scope of source address
    {Errc::HostUnreachable, false},     // address
    {Errc::ConnectionRefused, true},    // port
    {Errc::AccessDenied, true},         // source address failed policy
    {Errc::AccessDenied, true},         // reject route
};

template <std::size_t N>
std::optional<ErrorMeaning> at(const ErrorMeaning (&table)[N], std::uint8_t code) {
    if (code >= N) return std::nullopt;
    return table[code];
}

}  // namespace

std::optional<ErrorMeaning> meaning_of_icmp(std::uint8_t type, std::uint8_t code) {
    switch (static_cast<wire::IcmpType>(type)) {
        case wire::IcmpType::Unreachable: return at(kUnreachable, code);
        case wire::IcmpType::TimeExceeded:
            // Fragments that never became whole are nobody's error (icmp_unreach()).
            if (code == static_cast<std::uint8_t>(wire::TimeExceededCode::Reassembly)) {
                return std::nullopt;
            }
            return ErrorMeaning{Errc::HostUnreachable, false};
        case wire::IcmpType::ParameterProblem: return ErrorMeaning{Errc::ProtocolError, true};
        default: return std::nullopt;  // Source Quench among them: RFC 9293 MUST-55
    }
}

std::optional<ErrorMeaning> meaning_of_icmpv6(std::uint8_t type, std::uint8_t code) {
    switch (static_cast<wire::Icmpv6Type>(type)) {
        case wire::Icmpv6Type::Unreachable: return at(kUnreachable6, code);
        case wire::Icmpv6Type::PacketTooBig: return ErrorMeaning{Errc::MessageTooLong, false};
        case wire::Icmpv6Type::TimeExceeded: return ErrorMeaning{Errc::HostUnreachable, false};
        case wire::Icmpv6Type::ParameterProblem: return ErrorMeaning{Errc::ProtocolError, true};
        default: return std::nullopt;
    }
}

}  // namespace fairlead::ip
