// wire/source_route.hpp — the options of an IPv4 header as a sender sets them, and the way back.
//
// Owns:   HeaderOptions: what an application gave (IP_OPTIONS), or what a packet's own source route says of
//         the way to who sent it; how they are written.
// Knows:  RFC 791 §3.1, RFC 1122 §3.2.1.8. As Linux's ip_options_compile() and __ip_options_echo(): the first
//         address of a source route is where the packet goes, the last is its target's own.
// Not here: options that came and are at rest (wire/ipv4.hpp), whose they are (tcp/header_options.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "fairlead/address.hpp"
#include "fairlead/bytes.hpp"

namespace fairlead::wire {

struct HeaderOptions {
    static constexpr std::size_t kMostBytes = 40;

    std::array<std::byte, kMostBytes> storage{};
    std::uint8_t bytes = 0;      // a multiple of 4
    std::uint8_t target_at = 0;  // where the target's address goes; 0: there is no source route
    IpAddress first_hop{};       // of a source route

    bool has_route() const { return target_at != 0; }
    // What is between the fixed header and the payload.
    Bytes written_for(const IpAddress& target);
    // As the application gave them.
    Bytes given(std::array<std::byte, kMostBytes>& into) const;
};

// Nothing: they are malformed, or say what no application may.
std::optional<HeaderOptions> compile_header_options(Bytes given);

// The way back of a packet with these options, which `source` sent. Nothing: it came by no source route, or
// has not come to its end.
std::optional<HeaderOptions> return_route(Bytes options, const IpAddress& source);

}  // namespace fairlead::wire
