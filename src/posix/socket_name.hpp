// posix/socket_name.hpp — struct sockaddr_in and sockaddr_in6, read and written.
//
// Owns:   SocketName, the bytes of one; which lengths and families Linux takes where.
// Not here: what is done with an address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/address.hpp"
#include "fairlead/bytes.hpp"
#include "fairlead/error.hpp"
#include "posix/abi.hpp"

namespace fairlead::posix {

struct SocketName {
    std::array<std::byte, abi::kInet6Name> storage{};
    std::size_t size = 0;

    Bytes bytes() const { return Bytes{storage}.first(size); }
};

// As a socket of that family shows it: an IPv4 address of an IPv6 socket is v4-mapped.
SocketName write_name(const Endpoint& name, Family family);

// The family that the bytes begin with; AF_UNSPEC if they are too few.
int family_of(Bytes name);

// What bind(), connect() and sendto() read; each has checks of its own. Bytes of AF_UNSPEC are for
// connect() to see first.
Result<Endpoint> read_bind_name(Bytes name, Family family);
Result<Endpoint> read_connect_name(Bytes name, Family family, bool is_stream);
Result<Endpoint> read_send_name(Bytes name, Family family, bool is_ping = false);

}  // namespace fairlead::posix
