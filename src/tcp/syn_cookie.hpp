// tcp/syn_cookie.hpp — a half-open connection that is kept in the numbers of its own SYN-ACK.
//
// Owns:     the cookie, which is the SYN-ACK's sequence number (a minute, an index of an MSS, both under
//           keyed hashes), and the options in the low bits of its timestamp.
// Knows:    RFC 4987 §3.6, in Linux's encoding: it is good for two minutes, the eight bits of the
//           minute lie above 24 bits of hash and index.
// Not here: when one is sent (passive.cpp).
#pragma once

#include <cstdint>
#include <optional>

#include "base/siphash.hpp"
#include "tcp/flow.hpp"
#include "tcp/negotiation.hpp"

namespace fairlead::tcp {

inline constexpr Duration kCookieLife = 120_s;

// What only we know, one key for each of the two hashes.
struct CookieKeys {
    SipKey number{};
    SipKey index{};
};

std::uint32_t make_cookie(const FlowKey& key, std::uint32_t peer_isn, std::uint16_t peer_mss,
                          Instant now, const CookieKeys& keys);
// The peer's MSS, rounded down to one of the table. Nothing: we never made it, or long ago.
std::optional<std::uint16_t> mss_of_cookie(std::uint32_t cookie, const FlowKey& key,
                                           std::uint32_t peer_isn, Instant now,
                                           const CookieKeys& keys);

// A value of our clock, not later than `clock`, whose low bits say what was agreed.
std::uint32_t cookie_clock(std::uint32_t clock, const Agreement& agreement);
// What such a value says. Nothing: what it says we do not do.
std::optional<Agreement> agreement_of_clock(std::uint32_t clock, const Config& config);

}  // namespace fairlead::tcp
