// ip/sent_frames.hpp — what was sent just now, as it waits before its device.
//
// Owns:     SentFrames: a look, around one Network::send(), at the frames that it made.
// Answers:  a copy of what SO_TIMESTAMPING gives back beside a stamp: the frame with a byte, the first
//           fragment, the large segment or datagram that the frames were cut from.
// Why here: who does not ask for it pays nothing: a frame stays in its interface's queue until the
//           burst is full or the stack flushes. A send of more than a burst holds the queue meanwhile.
// Not here: when it is told (tcp/connection_errors.cpp, udp/layer_send.cpp).
#pragma once

#include <cstddef>
#include <vector>

#include "fairlead/socket.hpp"
#include "ip/network.hpp"

namespace fairlead::ip {

class SentFrames {
public:
    // Before the send, which makes `most` frames at the most. More than the interface's queue takes
    // are not looked at.
    SentFrames(link::Interface& out, bool is_loopback, std::size_t most, Instant now);
    SentFrames(Network& network, const Path& path, std::size_t most, Instant now)
        : SentFrames{network.interface(path.interface), path.is_loopback, most, now} {}
    SentFrames(const SentFrames&) = delete;
    SentFrames& operator=(const SentFrames&) = delete;
    ~SentFrames();  // what was held leaves

    // After it. None: it waits until the neighbour is known, or was dropped.
    bool is_none() const { return is_watching_ && count() == 0; }
    std::vector<std::byte> first() const;
    // Of TCP: the frame with the byte at `at` of the payload.
    std::vector<std::byte> with_byte(std::size_t at) const;
    // Of TCP, or of a datagram cut into several: as the network made it, before the interface cut it.
    std::vector<std::byte> whole() const;
    // Where they leave, and what the header of the first says.
    void describe(ErrorMessage& message) const;
    // All of this. `is_large`: they were cut from one.
    Departure look(bool is_large) const;

private:
    std::size_t count() const;
    const Packet& frame(std::size_t i) const;
    std::vector<std::byte> copy_of(const Packet& frame) const;

    link::Interface& out_;
    Instant now_;
    bool is_loopback_;
    bool is_watching_ = false;
    bool is_holding_ = false;
    std::size_t before_ = 0;
};

}  // namespace fairlead::ip
