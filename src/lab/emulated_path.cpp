#include "lab/emulated_path.hpp"

#include <algorithm>
#include <utility>

#include "base/prng.hpp"
#include "link/segmentation.hpp"

namespace fairlead::lab {
namespace {

constexpr Duration kRetry = 50_us;  // after a device had no room

std::uint64_t other_seed(std::uint64_t seed) { return splitmix64(seed); }

}  // namespace

EmulatedPath::EmulatedPath(Device& left, Device& right, const EmulatedPathOptions& options)
    : there_{.from = left, .to = right, .line = {pool_, options.seed}},
      back_{.from = right, .to = left, .line = {pool_, other_seed(options.seed)}} {
    there_.line.set_faults(options.there);
    back_.line.set_faults(options.back);
    for (Way* way : {&there_, &back_}) way->line.set_link(left.info().link);
}

bool EmulatedPath::take(Way& way, Instant now) {
    std::array<PacketPtr, kBurst> burst{};
    const std::size_t n = way.from.receive(0, now, pool_, burst);
    const auto summing =
        way.to.info().features.checksum_out ? link::Summing::LeavePartial : link::Summing::Complete;
    for (PacketPtr& packet : std::span{burst}.first(n)) {
        const Instant arrived = std::max(now, packet->meta.arrived);
        const auto result = link::split(std::move(packet), pool_, summing, [&](PacketPtr frame) {
            way.line.enter(std::move(frame), arrived);
        });
        if (result != link::SplitResult::Done) ++way.not_split;
    }
    return n == kBurst;
}

void EmulatedPath::hand_on(Way& way, Instant now) {
    way.retry = Instant::never();
    for (;;) {
        while (way.leaving_count < kBurst) {
            PacketPtr frame = way.line.leave(now);
            if (frame == nullptr) break;
            way.leaving[way.leaving_count++] = std::move(frame);
        }
        if (way.leaving_count == 0) return;
        const std::span leaving{way.leaving.data(), way.leaving_count};
        const std::size_t taken = way.to.send(0, now, leaving);
        for (PacketPtr& frame : leaving.first(taken)) frame.reset();
        std::ranges::move(leaving.subspan(taken), way.leaving.begin());
        way.leaving_count -= taken;
        if (taken == 0) {
            way.retry = now + kRetry;
            return;
        }
    }
}

bool EmulatedPath::turn(Instant now) {
    bool has_more = false;
    for (Way* way : {&there_, &back_}) {
        has_more = take(*way, now) || has_more;
        hand_on(*way, now);
    }
    return has_more;
}

Instant EmulatedPath::next_deadline() const {
    Instant next = Instant::never();
    for (const Way* way : {&there_, &back_}) {
        next = std::min({next, way->line.next_deadline(), way->retry});
    }
    return next;
}

}  // namespace fairlead::lab
