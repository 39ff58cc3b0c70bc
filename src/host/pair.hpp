// host/pair.hpp — a program's descriptor whose readiness the host sets.
//
// Owns:      the AF_UNIX stream pair behind a socket of a program: the program has one end, the host
//            the other. No data of the socket crosses it. What the host sends are tokens: as long as
//            one lies there, the program's end is readable. What the program sends is a filler: as long
//            as it lies there beside the charge, its end is not writable.
// Knows:     unix(7); how much may wait until a stream's end is not writable any more differs between
//            kernels, and is found out (Charge).
// Why:       the kernel then does select, poll and epoll, fork, exec, dup, descriptors in messages, and
//            tells the host of the last close, whatever the program does.
// Not here:  when readiness is to change (pump.cpp), bytes (ring.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "device/file_descriptor.hpp"

namespace fairlead::host {

using device::FileDescriptor;

// How many bytes lie in the host's end for good, so that one more makes the program's not writable.
struct Charge {
    int bytes = 0;

    // Asks the kernel. The error is an errno; ENOTSUP: no such number.
    static std::expected<Charge, int> probe();
};

struct Pair {
    FileDescriptor program{};
    FileDescriptor host{};

    // Both do not block, and the program's end is writable.
    static std::expected<Pair, int> make(const Charge& charge);
    // For one whose bytes cross the pair themselves.
    static std::expected<Pair, int> make_plain();
};

// Raises: readable. False: there is no room for it, or nobody at the other end.
bool send_token(int host_end);
// Takes one filler back: writable. False: none is there.
bool take_filler(int host_end);
// A message with descriptors, on any AF_UNIX socket: errno, or 0.
int send_with_descriptors(int fd, std::span<const std::byte> bytes, std::span<const int> sent);

// Whether the program's last descriptor has been closed, for an end of the host that cannot tell by
// itself any more: what is put into the pair's queue holds a pipe open, until nobody has it.
std::expected<FileDescriptor, int> put_close_watch(int host_end);

// The number by which the directories of descriptors in /proc name a socket.
std::uint64_t inode_of(int fd);

}  // namespace fairlead::host
