// sim/recorder.hpp — what crossed the links of a world.
//
// Owns:   Recorder: one hash over every frame that entered a link (when, where, which way, its
//         headers) or left it (all its bytes), counts, and a list where one is asked for.
// Why:    two runs are the same if one number is. What is lost on the way is in it too: a frame
//         counts once when it enters and once when it leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/stream_hash.hpp"
#include "fairlead/packet.hpp"

namespace fairlead::sim {

struct Crossing {
    Instant at{};
    std::uint32_t link = 0;
    bool is_from_left = false;
    bool has_left = false;  // else it has just entered
    std::vector<std::byte> frame{};
};

class Recorder {
public:
    // Keeps a copy of up to `most` frames from now on.
    void keep(std::size_t most) { most_kept_ = most; }
    void add(std::uint32_t link, bool is_from_left, bool has_left, Instant at, const Packet& frame);

    std::uint64_t hash() const { return hash_.value(); }
    std::uint64_t entered() const { return entered_; }
    std::uint64_t left() const { return left_; }
    std::span<const Crossing> list() const { return kept_; }

private:
    StreamHash hash_{};
    std::uint64_t entered_ = 0;
    std::uint64_t left_ = 0;
    std::size_t most_kept_ = 0;
    std::vector<Crossing> kept_{};
};

}  // namespace fairlead::sim
