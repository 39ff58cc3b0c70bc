// lab/emulated_path.hpp — a path with a rate, a delay and faults between two devices, in real time.
//
//    left device ==[ split ]==> there: faults, queue, rate, delay ==> right device
//                <============= back:  faults, queue, rate, delay ==[ split ]==
//
// Owns:      EmulatedPath: the frames between two devices, whoever is behind them: two kernels, or a
//            kernel and a stack.
// Rules:     The same FaultLine as in the simulator, asked with the same seed: only wire-sized frames
//            cross. What the far device does not take waits for it and is asked again.
// Not here:  the clock (the caller's `now`), where the devices come from (open_device.hpp), the
//            faults (link/fault_line.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fairlead/device.hpp"
#include "fairlead/packet.hpp"
#include "link/fault_line.hpp"

namespace fairlead::lab {

struct EmulatedPathOptions {
    link::Faults there{};  // from left to right
    link::Faults back{};
    std::uint64_t seed = 1;
};

class EmulatedPath {
public:
    // The devices outlive the path.
    EmulatedPath(Device& left, Device& right, const EmulatedPathOptions& options);
    EmulatedPath(const EmulatedPath&) = delete;
    EmulatedPath& operator=(const EmulatedPath&) = delete;

    // Takes what has come, hands on what is due. True: there may be more at once.
    bool turn(Instant now);
    Instant next_deadline() const;

    const link::FaultCounts& there() const { return there_.line.counts(); }
    const link::FaultCounts& back() const { return back_.line.counts(); }
    // Frames that could not be cut: memory ran out, or their headers lied.
    std::uint64_t not_split() const { return there_.not_split + back_.not_split; }

private:
    static constexpr std::size_t kBurst = 64;

    struct Way {
        Device& from;
        Device& to;
        link::FaultLine line;
        std::array<PacketPtr, kBurst> leaving{};  // due, and not taken yet
        std::size_t leaving_count = 0;
        Instant retry = Instant::never();
        std::uint64_t not_split = 0;
    };

    bool take(Way& way, Instant now);
    void hand_on(Way& way, Instant now);

    PacketPool pool_{};
    Way there_;
    Way back_;
};

}  // namespace fairlead::lab
