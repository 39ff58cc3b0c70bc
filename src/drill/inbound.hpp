// drill/inbound.hpp — a line of the script as the bytes that enter the stack.
//
// Knows:  how TCP, UDP, ICMP and ICMPv6 travel; what an error quotes (RFC 792, RFC 4443 §2.4).
// Not here: whose numbers these are (connection.hpp), headers around it (encapsulation.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "drill/connection.hpp"
#include "drill/script.hpp"

namespace fairlead::drill {

// Checksums are right and payloads zeros. `ip` says what the brackets say, else TTL 255 and no ECN.
// Numbers are the wire's (Connection::live_of).
std::vector<std::uint8_t> build_tcp(const Connection& connection, const IpFields& ip,
                                    const TcpBody& tcp);
std::vector<std::uint8_t> build_udp(const Connection& connection, const IpFields& ip,
                                    const UdpBody& udp);
// An error quotes the head of a packet of ours: as the line says, or an empty segment.
std::vector<std::uint8_t> build_icmp(const Connection& connection, const IpFields& ip,
                                     const IcmpBody& icmp);
// Whatever the line names, with the headers around it.
std::vector<std::uint8_t> build_packet(const Connection& connection, const PacketLine& line);

// Of the IP and TCP headers of a packet that build_packet() made of a TCP line, without outer ones.
std::size_t header_bytes_of(std::span<const std::uint8_t> packet);

}  // namespace fairlead::drill
