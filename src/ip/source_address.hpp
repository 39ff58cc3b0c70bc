// ip/source_address.hpp — which of our addresses a packet leaves from.
//
// Owns:   the choice, as pure functions over the list of our addresses.
// Knows:  RFC 6724 §5 rules 1, 2, 3, 5, 6 and 8 with the policy table of §2.1 (rule 4 is for mobile
//         nodes, rule 7 for temporary addresses, which the stack does not make). For IPv4, Linux's
//         inet_select_addr(): the primary address of the outgoing interface that shares the next
//         hop's subnet, else its first, else another interface's.
// Not here: a route's preferred source, which comes before any of this (path.cpp).
#pragma once

#include <optional>
#include <span>

#include "fairlead/address.hpp"
#include "ip/address_table.hpp"

namespace fairlead::ip {

// Nothing: no address of this family will do.
std::optional<IpAddress> choose_source_v4(std::span<const OwnAddress> own,
                                          const IpAddress& next_hop, InterfaceIndex outgoing);
std::optional<IpAddress> choose_source_v6(std::span<const OwnAddress> own,
                                          const IpAddress& destination, InterfaceIndex outgoing,
                                          Instant now);

}  // namespace fairlead::ip
