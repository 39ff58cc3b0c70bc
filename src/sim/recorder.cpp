#include "sim/recorder.hpp"

#include <algorithm>

namespace fairlead::sim {
namespace {

// Ethernet, IPv6 and TCP with all its options.
constexpr std::size_t kHeaders = 14 + 40 + 60;

}  // namespace

void Recorder::add(std::uint32_t link, bool is_from_left, bool has_left, Instant at,
                   const Packet& frame) {
    ++(has_left ? left_ : entered_);
    hash_.add(static_cast<std::uint64_t>(at.ns()));
    hash_.add(std::uint64_t{link} << 2 | (is_from_left ? 2u : 0u) | (has_left ? 1u : 0u));
    hash_.add(frame.size());
    std::size_t left = has_left ? frame.size() : std::min(frame.size(), kHeaders);
    frame.for_each_piece(0, [&](Bytes piece) {
        const Bytes part = piece.first(std::min(left, piece.size()));
        left -= part.size();
        hash_.add(part);
    });
    if (kept_.size() >= most_kept_) return;
    kept_.push_back({.at = at,
                     .link = link,
                     .is_from_left = is_from_left,
                     .has_left = has_left,
                     .frame = std::vector<std::byte>(frame.size())});
    frame.copy_to(0, kept_.back().frame);
}

}  // namespace fairlead::sim
