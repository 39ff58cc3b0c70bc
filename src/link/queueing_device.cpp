#include "link/queueing_device.hpp"

#include <algorithm>
#include <utility>

namespace fairlead::link {
namespace {

constexpr Duration kRetry = 50_us;  // after the inner device had no room
constexpr std::uint64_t kNanoseconds = 1'000'000'000;

SipKey key_of(std::uint64_t seed) {
    const std::uint64_t a = splitmix64(seed);
    return SipKey{a, splitmix64(seed)};
}

}  // namespace

QueueingDevice::QueueingDevice(Device& inner, const DisciplineOptions& options,
                               std::uint64_t bits_per_second, std::uint64_t seed)
    : inner_{inner},
      discipline_{options, inner.info().link, key_of(seed)},
      bits_per_second_{bits_per_second} {}

void QueueingDevice::push_out(Instant now) {
    retry_ = Instant::never();
    while (free_at_ <= now) {
        if (next_ == nullptr) next_ = discipline_.leave(now);
        if (next_ == nullptr) return;
        const std::uint64_t bits = std::uint64_t{next_->size()} * 8;
        const std::uint16_t queue =
            next_->meta.queue < inner_.info().queues ? next_->meta.queue : 0;
        if (inner_.send(queue, now, {&next_, 1}) == 0) {
            retry_ = now + kRetry;
            return;
        }
        if (bits_per_second_ == 0) continue;
        const auto ns = static_cast<std::int64_t>(bits * kNanoseconds / bits_per_second_);
        free_at_ = std::max(free_at_, now) + Duration::from_ns(ns);
    }
}

std::size_t QueueingDevice::send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) {
    for (PacketPtr& packet : burst) {
        packet->meta.queue = queue;
        discipline_.enter(std::move(packet), now);
        packet = nullptr;
    }
    push_out(now);
    return burst.size();
}

std::size_t QueueingDevice::receive(std::uint16_t queue, Instant now, PacketPool& pool,
                                    std::span<PacketPtr> out) {
    push_out(now);
    return inner_.receive(queue, now, pool, out);
}

Instant QueueingDevice::next_departure() const {
    if (retry_ != Instant::never()) return retry_;
    if (next_ != nullptr || discipline_.is_ready()) return free_at_;
    return std::max(free_at_, discipline_.next_departure());
}

Instant QueueingDevice::next_deadline() const {
    return std::min(next_departure(), inner_.next_deadline());
}

}  // namespace fairlead::link
