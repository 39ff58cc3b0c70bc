// posix/message.hpp — control messages (struct cmsghdr) of sendmsg and recvmsg.
//
// Owns:   their layout on 64-bit Linux, what each carries, what Linux refuses.
// Knows:  cmsg(3), ip(7), ipv6(7): IP_PKTINFO, IP_TTL, IP_TOS and their IPv6 kin, SO_TIMESTAMP(NS), SO_TIMESTAMPING,
//         UDP_SEGMENT, UDP_GRO, TCP_INQ.
// Not here: bytes and names of a message.
#pragma once

#include <cstddef>
#include <optional>

#include "fairlead/bytes.hpp"
#include "fairlead/socket.hpp"
#include "posix/open_file.hpp"

namespace fairlead::posix {

struct Written {
    std::size_t bytes = 0;  // of the caller's buffer
    bool is_truncated = false;
};

// What the socket was asked to tell of a datagram, in Linux's order.
Written write_control(const DatagramInfo& of, const SocketFile& socket, MutableBytes into);

// What recvmsg() can tell of a stream.
struct StreamInfo {
    std::optional<Instant> arrived{};  // the last byte that was read
    std::optional<int> left{};         // how many there are still (TCP_INQ)
};
Written write_stream_control(const StreamInfo& of, const SocketFile& socket, MutableBytes into);

// struct sock_extended_err, and the name of who said so. `bytes`: what came with it.
Written write_error(const ErrorMessage& of, Bytes bytes, const SocketFile& socket,
                    MutableBytes into);

// How a datagram is to go. InvalidArgument.
Result<void> read_control(Bytes control, Family family, DatagramTarget& target);
// A stream heeds the socket level only: what is to be told of this send; -1: as the socket says.
Result<void> read_stream_control(Bytes control, std::int32_t& stamps);

}  // namespace fairlead::posix
