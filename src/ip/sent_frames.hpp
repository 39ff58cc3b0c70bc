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
    SentFrames(Network& network, const Path& path, std::size_t most, Instant now);
    SentFrames(const SentFrames&) = delete;
    SentFrames& operator=(const SentFrames&) = delete;
    ~SentFrames();  // what was held leaves

    // After it. Empty: none waits, as where the neighbour is not known yet.
    std::vector<std::byte> first() const;
    // Of TCP: the frame with the byte at `at` of the payload.
    std::vector<std::byte> with_byte(std::size_t at) const;
    // Of TCP, or of a datagram cut into several: as the network made it, before the interface cut it.
    std::vector<std::byte> whole() const;
    // Where they leave, and what the header of the first says.
    void describe(ErrorMessage& message) const;

private:
    std::size_t count() const;
    const Packet& frame(std::size_t i) const;
    std::vector<std::byte> copy_of(const Packet& frame) const;

    Network& network_;
    const link::Interface& out_;
    Instant now_;
    bool is_loopback_;
    bool is_watching_ = false;
    bool is_holding_ = false;
    std::size_t before_ = 0;
};

}  // namespace fairlead::ip
