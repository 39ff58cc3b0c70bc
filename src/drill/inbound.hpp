// drill/inbound.hpp — a line of the script as the bytes that enter the stack.
#pragma once

#include <cstdint>
#include <vector>

#include "drill/connection.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

// `tcp` in the wire's numbers; the payload is zeros, checksums are right. `ip` says what the
// brackets say, else TTL 255 and no ECN.
std::vector<std::uint8_t> build_tcp(const Connection& connection, const IpFields& ip,
                                    const TcpBody& tcp);
std::vector<std::uint8_t> build_udp(const Connection& connection, const IpFields& ip,
                                    const UdpBody& udp);

}  // namespace fairlead::drill
