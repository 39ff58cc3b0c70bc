// fault_injector.hpp — a device behind a bad path.
//
// Owns:   FaultInjector, which wears any device: a FaultLine each way, and the split of large
//         segments before they meet it.
// Rules:  Faults, rate and queue act on wire-sized frames. A direction without faults is left alone:
//         there large segments pass whole. What waits inside belongs to `pool` or to whoever sent
//         it: give the stack the same pool, which outlives both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/device.hpp"
#include "link/fault_line.hpp"

namespace fairlead::device {

using link::FaultCounts;
using link::FaultLine;
using link::Faults;

class FaultInjector final : public Device {
public:
    FaultInjector(Device& inner, PacketPool& pool, std::uint64_t seed);

    void set_outgoing(const Faults& faults) { out_.set_faults(faults); }
    void set_incoming(const Faults& faults) { in_.set_faults(faults); }
    const FaultCounts& outgoing() const { return out_.counts(); }
    const FaultCounts& incoming() const { return in_.counts(); }
    // Large segments that could not be cut: never, unless the headers lie or memory ran out.
    std::uint64_t not_split() const { return not_split_; }
    void clear();  // lets go of all that waits

    const DeviceInfo& info() const override;
    std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                        std::span<PacketPtr> out) override;
    std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
    Instant next_deadline() const override;

private:
    static constexpr std::size_t kBurst = 32;
    static constexpr std::size_t kMostPulled = 256;  // in one receive

    static bool is_idle(const FaultLine& line) {
        return line.faults().is_none() && line.is_empty();
    }
    bool can_pass_whole(const Packet& packet) const;
    void enter(FaultLine& line, PacketPtr packet, Instant now);
    // Hands what is due to the inner device; false: it has no room.
    bool push_out(std::uint16_t queue, Instant now);
    std::size_t pull_in(std::uint16_t queue, Instant now);

    Device& inner_;
    PacketPool& pool_;
    FaultLine out_;
    FaultLine in_;
    mutable DeviceInfo info_{};
    std::array<PacketPtr, kBurst> leaving_{};  // due, and refused by the inner device
    std::size_t leaving_count_ = 0;
    Instant retry_ = Instant::never();
    std::uint64_t not_split_ = 0;
};

}  // namespace fairlead::device
