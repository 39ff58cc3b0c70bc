// udp/ping.hpp — the messages of ping sockets: datagram sockets of ICMP, whose port is the identifier of an
// echo.
//
// Owns:      which message an application may send, its form on the wire, the identifier by which an
//            answer, or an error about a request, finds its socket.
// Knows:     RFC 792, RFC 4443 §4; Linux's ping_common_sendmsg(), ping_rcv() and ping_err().
// Not here:  the sockets, their names and queues (layer.hpp); the answer to others (ip/icmp_v4.cpp).
#pragma once

#include <cstdint>
#include <optional>

#include "fairlead/bytes.hpp"
#include "fairlead/error.hpp"
#include "fairlead/packet.hpp"
#include "ip/network.hpp"

namespace fairlead::udp {

inline constexpr std::size_t kEchoHeader = 8;
inline constexpr std::size_t kMaxEcho = 65535;

constexpr bool is_echo_protocol(std::uint8_t protocol) {
    return protocol == ip::kProtocolIcmp || protocol == ip::kProtocolIcmp6;
}

// An echo request, from its header on: what else an application would send is not its business.
// InvalidArgument, MessageTooLong.
Result<void> check_request(Bytes message, bool is_v4);
// With the sender's identifier and a checksum. Null: the pool is empty.
PacketPtr make_request(PacketPool& pool, const Endpoint& from, const IpAddress& to, Bytes message);
// The identifier of an answer, whose packet begins with its header. Nothing: it is too short.
std::optional<std::uint16_t> answered_id(Packet& answer);
// And of a request of ours that is quoted in an error.
std::optional<std::uint16_t> quoted_id(const ip::IcmpError& error);

}  // namespace fairlead::udp
