#include "device/fault_injector.hpp"

#include <algorithm>
#include <utility>

#include "link/segmentation.hpp"

namespace fairlead::device {
namespace {

constexpr Duration kRetry = 50_us;  // after the inner device had no room

std::uint64_t other_seed(std::uint64_t seed) { return splitmix64(seed); }

}  // namespace

FaultInjector::FaultInjector(Device& inner, PacketPool& pool, std::uint64_t seed)
    : inner_{inner}, pool_{pool}, out_{pool, seed}, in_{pool, other_seed(seed)} {
    out_.set_link(inner.info().link);
    in_.set_link(inner.info().link);
}

void FaultInjector::clear() {
    out_.clear();
    in_.clear();
    for (PacketPtr& frame : leaving_) frame.reset();
    leaving_count_ = 0;
    retry_ = Instant::never();
}

// We split and sum ourselves, whatever the inner device can do.
const DeviceInfo& FaultInjector::info() const {
    info_ = inner_.info();
    info_.features = {.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};
    return info_;
}

bool FaultInjector::can_pass_whole(const Packet& packet) const {
    const DeviceFeatures& features = inner_.info().features;
    if (packet.meta.checksum == ChecksumState::Partial && !features.checksum_out) return false;
    switch (packet.meta.gso) {
        case GsoType::None: return true;
        case GsoType::Tcp4: return features.tso4;
        case GsoType::Tcp6: return features.tso6;
        case GsoType::Udp: return features.uso;
    }
    return false;
}

void FaultInjector::enter(FaultLine& line, PacketPtr packet, Instant now) {
    const bool is_out = &line == &out_;
    if (line.faults().is_none() && (!is_out || can_pass_whole(*packet))) {
        line.enter(std::move(packet), now);
        return;
    }
    // A receiver trusts a partial sum; a device may not know how to finish one.
    const bool leave = !is_out || inner_.info().features.checksum_out;
    const auto summing = leave ? link::Summing::LeavePartial : link::Summing::Complete;
    const auto result = link::split(std::move(packet), pool_, summing,
                                    [&](PacketPtr frame) { line.enter(std::move(frame), now); });
    if (result != link::SplitResult::Done) ++not_split_;
}

bool FaultInjector::push_out(std::uint16_t queue, Instant now) {
    retry_ = Instant::never();
    for (;;) {
        while (leaving_count_ < kBurst) {
            PacketPtr frame = out_.leave(now);
            if (frame == nullptr) break;
            leaving_[leaving_count_++] = std::move(frame);
        }
        if (leaving_count_ == 0) return true;
        const std::size_t taken =
            inner_.send(queue, now, std::span{leaving_}.first(leaving_count_));
        std::move(leaving_.begin() + static_cast<std::ptrdiff_t>(taken),
                  leaving_.begin() + static_cast<std::ptrdiff_t>(leaving_count_), leaving_.begin());
        leaving_count_ -= taken;
        if (leaving_count_ != 0) {
            retry_ = now + kRetry;
            return false;
        }
    }
}

std::size_t FaultInjector::send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) {
    if (!push_out(queue, now)) return 0;
    if (is_idle(out_) &&
        std::ranges::all_of(burst, [this](const PacketPtr& p) { return can_pass_whole(*p); })) {
        return inner_.send(queue, now, burst);
    }
    for (PacketPtr& packet : burst) enter(out_, std::move(packet), now);
    push_out(queue, now);
    return burst.size();
}

std::size_t FaultInjector::pull_in(std::uint16_t queue, Instant now) {
    std::array<PacketPtr, kBurst> burst;
    const std::size_t n = inner_.receive(queue, now, pool_, burst);
    for (PacketPtr& packet : std::span{burst}.first(n)) enter(in_, std::move(packet), now);
    return n;
}

std::size_t FaultInjector::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                   std::span<PacketPtr> out) {
    push_out(queue, now);
    if (is_idle(in_)) return inner_.receive(queue, now, pool, out);
    std::size_t n = 0;
    std::size_t pulled = 0;
    while (n < out.size()) {
        if (PacketPtr frame = in_.leave(now)) {
            out[n++] = std::move(frame);
            continue;
        }
        const std::size_t more = pulled < kMostPulled ? pull_in(queue, now) : 0;
        if (more == 0) break;
        pulled += more;
    }
    return n;
}

Instant FaultInjector::next_deadline() const {
    return std::min({out_.next_deadline(), in_.next_deadline(), retry_, inner_.next_deadline()});
}

}  // namespace fairlead::device
