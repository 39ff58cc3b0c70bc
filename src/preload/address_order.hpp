// preload/address_order.hpp — which address of a name is tried first (RFC 6724 §6).
//
// Contract:  one that the host has a way to comes before one that it has none to, then one that it goes to
//            from an address of the same kind, then IPv6 before IPv4; what is alike stays as it was.
// Not here:  where the addresses are from (calls_names.cpp).
#pragma once

#include <netdb.h>

namespace fairlead::preload {

// The chain of getaddrinfo(), in order. `configured_only`: without what nothing leads to, if something
// leads elsewhere.
addrinfo* in_order(addrinfo* chain, bool configured_only);

}  // namespace fairlead::preload
