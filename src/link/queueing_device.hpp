// link/queueing_device.hpp — a device with a queue before it.
//
// Owns:   QueueingDevice, which wears any device: what that has no room for waits here, by a
//         discipline, instead of in the stack; and a rate, where the device has none of its own.
// Rules:  It takes all it is given, and drops what does not fit, as an interface of Linux does. What
//         waits belongs to the pool of who sent it, which outlives it.
// Not here: the disciplines (link/queue_discipline.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "fairlead/device.hpp"
#include "link/queue_discipline.hpp"

namespace fairlead::link {

class QueueingDevice final : public Device {
public:
    // `bits_per_second` 0: as fast as the inner device takes them.
    QueueingDevice(Device& inner, const DisciplineOptions& options,
                   std::uint64_t bits_per_second = 0, std::uint64_t seed = 1);

    const DisciplineCounts& counts() const { return discipline_.counts(); }
    const DisciplineOptions& options() const { return discipline_.options(); }
    // When the queue, not the device behind it, has something to do.
    Instant next_departure() const;

    const DeviceInfo& info() const override { return inner_.info(); }
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override;

private:
    void push_out(Instant now);

    Device& inner_;
    QueueDiscipline discipline_;
    std::uint64_t bits_per_second_;
    PacketPtr next_{};   // chosen, and the device had no room
    Instant free_at_{};  // by the rate
    Instant retry_ = Instant::never();
};

}  // namespace fairlead::link
