// sim/link.hpp — a wire between two ends, with all that a path does to frames.
//
//    left ==[ split ]==> there: faults, queue, rate, delay ==> right
//         <============= back:  faults, queue, rate, delay ==[ split ]==
//
// Owns:   Link and its two ends, which are devices; a FaultLine each way.
// Rules:  Only wire-sized frames cross: a large segment is cut, and every checksum completed, as it
//         enters. A frame over the MTU is dropped and counted: no stack of ours sends one. An end
//         always takes all it is given; what does not fit is lost in the queue, as on a wire.
// Not here: who owns an end's clock (world.hpp); the faults themselves (link/fault_line.hpp).
#pragma once

#include <cstdint>
#include <string>

#include "fairlead/device.hpp"
#include "link/fault_line.hpp"
#include "sim/recorder.hpp"

namespace fairlead::sim {

using link::FaultCounts;
using link::Faults;

struct LinkOptions {
    LinkKind kind = LinkKind::Ethernet;
    std::uint32_t mtu = 1500;
    // What the ends promise their stacks.
    DeviceFeatures features{.checksum_out = true, .tso4 = true, .tso6 = true, .uso = true};
    Faults there{.delay = 1_ms};  // from left to right
    Faults back{.delay = 1_ms};
};

class Link {
public:
    // `number` names it in the recorder and in its stations' addresses. The pool and the recorder
    // outlive it.
    Link(const LinkOptions& options, std::uint32_t number, std::uint64_t seed, PacketPool& pool,
         Recorder& recorder);

    Device& left() { return left_; }
    Device& right() { return right_; }

    void set_there(const Faults& faults) { there_.set_faults(faults); }
    void set_back(const Faults& faults) { back_.set_faults(faults); }
    void set_up(bool is_up);  // down: what is on its way is lost
    void set_mtu(std::uint32_t mtu);

    const FaultCounts& there() const { return there_.counts(); }
    const FaultCounts& back() const { return back_.counts(); }
    std::uint64_t oversized() const { return oversized_; }
    std::uint64_t not_split() const { return not_split_; }

private:
    class End final : public Device {
    public:
        End(Link& link, DeviceInfo info, link::FaultLine& out, link::FaultLine& in)
            : link_{link}, info_{std::move(info)}, out_{out}, in_{in} {}
        const DeviceInfo& info() const override { return info_; }
        std::size_t receive(std::uint16_t queue, Instant now, PacketPool& pool,
                            std::span<PacketPtr> out) override;
        std::size_t send(std::uint16_t queue, Instant now, std::span<PacketPtr> burst) override;
        Instant next_deadline() const override { return in_.next_deadline(); }

    private:
        friend class Link;
        void enter(PacketPtr frame, Instant now);

        Link& link_;
        DeviceInfo info_;
        link::FaultLine& out_;
        link::FaultLine& in_;
    };

    static DeviceInfo info_of_end(const LinkOptions& options, std::uint32_t number, bool is_left);

    std::uint32_t number_;
    PacketPool& pool_;
    Recorder& recorder_;
    link::FaultLine there_;
    link::FaultLine back_;
    End left_;
    End right_;
    std::uint64_t oversized_ = 0;
    std::uint64_t not_split_ = 0;
};

}  // namespace fairlead::sim
