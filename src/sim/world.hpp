// sim/world.hpp — stacks and links under one clock and one seed.
//
// Owns:   World: the virtual time, the pool of packets, the hosts, the links, the recorder; the
//         order in which things happen.
// Rules:  Time jumps from deadline to deadline; a host is polled only when a frame has arrived or
//         a deadline of its own is due. At one instant the hosts take turns in the order they were
//         made, until nobody has anything left to do. The same seed and the same calls give the
//         same frames to the bit, on every machine and compiler.
// Not here: any real clock; what a path does to frames (link.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "sim/host.hpp"
#include "sim/link.hpp"
#include "sim/recorder.hpp"

namespace fairlead::sim {

struct WorldCounts {
    std::uint64_t steps = 0;  // instants at which something happened
    std::uint64_t polls = 0;
};

class World {
public:
    explicit World(std::uint64_t seed);

    // `recorder` writes down every input of its stack; it and the controllers outlive the world.
    Host& add_host(std::string name, const Config& config = {}, InputRecorder* recorder = nullptr,
                   std::span<const CongestionOperations* const> controllers = {});
    // A link whose ends nobody wears yet.
    Link& add_link(const LinkOptions& options = {});
    // A link with `left` and `right` at its ends. The n-th link of a world is 10.x.y.0/24 (x and y
    // the bytes of n) and 2001:db8:0:n::/64; left has .1 and ::1, right .2 and ::2.
    Link& join(Host& left, Host& right, const LinkOptions& options = {});

    Instant now() const { return now_; }
    PacketPool& pool() { return pool_; }
    Recorder& recorder() { return recorder_; }
    const WorldCounts& counts() const { return counts_; }
    // Chance for whoever plays in this world.
    Prng& chance() { return chance_; }

    // Whatever happens next, up to `limit`. False: nothing does, and the time has not moved.
    bool step(Instant limit = Instant::never());
    void run_until(Instant end);
    void run_for(Duration span) { run_until(now_ + span); }
    // Runs until done() or the span is over; says whether it was done.
    template <typename Done>
    bool run_while_not(Done&& done, Duration at_most) {
        const Instant end = now_ + at_most;
        while (!done()) {
            if (!step(end)) {
                run_until(end);
                return done();
            }
        }
        return true;
    }

private:
    Instant next_deadline();
    void settle();

    PacketPool pool_{};
    Recorder recorder_{};
    Prng chance_;
    Instant now_ = Instant::from_ns(1'000'000'000);
    WorldCounts counts_{};
    std::vector<std::unique_ptr<Link>> links_{};
    std::vector<std::unique_ptr<Host>> hosts_{};
    std::vector<Instant> due_{};  // of each, when the step began
};

}  // namespace fairlead::sim
