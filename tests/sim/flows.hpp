// sim/flows.hpp — flows without end from one host to another, over one bottleneck.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "sim/transfer.hpp"

namespace fairlead::testing_worlds {

inline constexpr std::uint64_t kMegabit = 1'000'000;

struct Bottleneck {
    std::uint64_t rate = 10 * kMegabit;
    Duration delay = 20_ms;  // each way
    std::uint64_t queue_bytes = 50'000;
    std::uint32_t loss = 0;  // of a million
};

// Of a frame of 1514 bytes 1448 are data: bytes a second.
inline double goodput_of(const Bottleneck& b) {
    return static_cast<double>(b.rate) / 8 * 1448 / 1514;
}

class Flows {
public:
    Flows(const Bottleneck& b, const Settings& settings, std::uint64_t seed)
        : world_{seed},
          client_{world_.add_host("client", config_of(settings))},
          server_{world_.add_host("server", config_of(settings))},
          there_{.loss = b.loss,
                 .delay = b.delay,
                 .bits_per_second = b.rate,
                 .queue_bytes = b.queue_bytes},
          path_{world_.join(client_, server_, {.there = there_, .back = {.delay = b.delay}})} {
        sink_.emplace(server_, Endpoint{server_.address(Family::Inet), 80},
                      sim::mirrored(plan(), 0));
    }

    // `controller` empty: what the settings say.
    void start(const std::string& controller = {}) {
        const SocketId socket = sim::start_connecting(client_, {server_.address(Family::Inet), 80});
        if (!controller.empty()) {
            EXPECT_TRUE(client_.stack().set_congestion_control(socket, controller));
        }
        streams_.emplace_back(client_, socket, plan());
    }
    void run_for(Duration span) { world_.run_for(span); }
    // The frames that come next are lost, until at least one was.
    void lose_some() {
        const std::uint64_t before = path_.there().lost;
        link::Faults bad = there_;
        bad.loss = link::Faults::kAlways;
        path_.set_there(bad);
        while (path_.there().lost == before) world_.run_for(50_us);
        path_.set_there(there_);
    }
    // What has arrived of the n-th, in the order in which they were accepted.
    std::uint64_t received(std::size_t n) const {
        return n < sink_->streams().size() ? sink_->streams()[n].received() : 0;
    }
    // Bytes a second of the n-th, while that much time passes.
    double rate_of(std::size_t n, Duration span) {
        const std::uint64_t before = received(n);
        run_for(span);
        return static_cast<double>(received(n) - before) * 1e6 / static_cast<double>(span.us());
    }
    TcpInfo info(std::size_t n) { return *client_.stack().tcp_info(streams_.at(n).socket()); }
    CongestionDetails details(std::size_t n) {
        return *client_.stack().congestion_details(streams_.at(n).socket());
    }
    bool set_option(std::size_t n, Option option, std::int64_t value) {
        return client_.stack().set_option(streams_.at(n).socket(), option, value).has_value();
    }
    sim::World& world() { return world_; }
    sim::Host& client() { return client_; }
    const sim::FaultCounts& there() const { return path_.there(); }

private:
    static sim::StreamPlan plan() { return {.to_send = UINT64_MAX / 2}; }

    sim::World world_;
    sim::Host& client_;
    sim::Host& server_;
    link::Faults there_;
    sim::Link& path_;
    std::optional<sim::Listener> sink_{};
    std::deque<sim::Stream> streams_{};
};

inline Settings with(const char* controller) { return {{"tcp_congestion_control", controller}}; }

}  // namespace fairlead::testing_worlds
