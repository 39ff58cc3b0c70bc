// sim/recorded.hpp — streams over a path that loses, repeats and overtakes, and the recording of it.
//
// Owns:   two hosts, what goes between them, and the recording of what the first is given.
// Not here: how a recording is read again (src/stack/replay.hpp), paths without faults (transfer.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "sim/transfer.hpp"
#include "stack/recorder.hpp"
#include "stack/replay.hpp"

namespace fairlead::testing_worlds {

// Each stream carries 300,000 bytes there and 100,000 back. The recording ends with this.
class RecordedPair {
public:
    RecordedPair(std::uint64_t seed, std::vector<std::byte>& file)
        : recorder_{{&file,
                     [](void* context, Bytes bytes) {
                         auto& to = *static_cast<std::vector<std::byte>*>(context);
                         to.insert(to.end(), bytes.begin(), bytes.end());
                     }}},
          world{seed},
          a{world.add_host("a", {}, &recorder_)},
          b{world.add_host("b")} {
        const sim::Faults faults{.loss = 10'000,
                                 .duplication = 10'000,
                                 .reordering = 10'000,
                                 .delay = 3_ms,
                                 .bits_per_second = 50'000'000};
        world.join(a, b, {.there = faults, .back = faults});
    }

    SocketId listen_on(const Endpoint& at) {
        listeners_.emplace_back(b, at, sim::mirrored(plan_, kBack));
        return listeners_.back().socket();
    }
    // A socket of the first host, on its way.
    void carry(SocketId socket) { streams_.emplace_back(a, socket, plan_); }

    void expect_that_all_arrives() {
        world.run_for(60_s);
        for (const sim::Stream& s : streams_) {
            EXPECT_EQ(s.state(), sim::Stream::State::Closed);
            EXPECT_EQ(s.received(), kBack);
        }
    }

private:
    static constexpr std::uint64_t kBack = 100'000;
    InputRecorder recorder_;

public:
    sim::World world;
    sim::Host& a;
    sim::Host& b;

private:
    sim::StreamPlan plan_{.to_send = 300'000};
    std::deque<sim::Listener> listeners_{};
    std::deque<sim::Stream> streams_{};
};

inline void expect_that_it_replays(const std::vector<std::byte>& file) {
    Replay replay{file};
    EXPECT_TRUE(replay.run());
    EXPECT_GT(replay.counts().frames_out, 100u);
}

}  // namespace fairlead::testing_worlds
