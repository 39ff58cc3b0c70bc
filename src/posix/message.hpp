// posix/message.hpp — control messages (struct cmsghdr) of sendmsg and recvmsg.
//
// Owns:   their layout on 64-bit Linux, what each carries, what Linux refuses.
// Knows:  cmsg(3), ip(7), ipv6(7): IP_PKTINFO, IP_TTL, IP_TOS and their IPv6 kin, SO_TIMESTAMP(NS).
// Not here: bytes and names of a message.
#pragma once

#include <cstddef>

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

// struct sock_extended_err, and the name of who said so.
Written write_error(const ErrorMessage& of, const SocketFile& socket, MutableBytes into);

// How a datagram is to go. InvalidArgument.
Result<void> read_control(Bytes control, Family family, DatagramTarget& target);
// A stream heeds the socket level only.
Result<void> check_stream_control(Bytes control);

}  // namespace fairlead::posix
