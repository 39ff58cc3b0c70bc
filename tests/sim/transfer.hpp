// sim/transfer.hpp — two hosts, a path between them, and bytes that must arrive.
#pragma once

#include <deque>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/stream.hpp"
#include "sim/world.hpp"

namespace fairlead::testing_worlds {

using Settings = std::vector<std::pair<std::string, std::string>>;  // sysctl names and values

inline Config config_of(const Settings& settings) {
    Config config;
    // A path may lose many questions in a row; that is not what is tested here.
    config.neigh_mcast_solicit = 30;
    for (const auto& [name, value] : settings) {
        const bool is_whole = name.starts_with("net.");
        EXPECT_TRUE(config.set(is_whole ? name : "net.ipv4." + name, value))
            << name << " = " << value;
    }
    return config;
}

struct Case {
    std::string name{};
    Family family = Family::Inet;
    sim::LinkOptions link{};
    Settings client{};
    Settings server{};
    sim::StreamPlan plan{};
    std::uint64_t bytes_there = 2'000'000;
    std::uint64_t bytes_back = 0;
    int connections = 1;
    std::uint64_t seed = 1;
    Duration at_most = Duration::from_s(3600);
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// A client and a server in a world of their own.
class Pair {
public:
    explicit Pair(const Case& c)
        : world{c.seed},
          client{world.add_host("client", config_of(c.client))},
          server{world.add_host("server", config_of(c.server))},
          path{world.join(client, server, c.link)},
          listener{server,
                   {server.address(c.family), 80},
                   sim::mirrored(with(c.plan, c.bytes_there), c.bytes_back)} {}

    void connect(const Case& c) {
        for (int i = 0; i < c.connections; ++i) {
            const SocketId socket = sim::start_connecting(client, {server.address(c.family), 80});
            streams.emplace_back(client, socket, with(c.plan, c.bytes_there));
        }
    }
    bool is_over() const {
        for (const sim::Stream& s : streams) {
            if (!s.is_over()) return false;
        }
        for (const sim::Stream& s : listener.streams()) {
            if (!s.is_over()) return false;
        }
        return listener.streams().size() >= streams.size();
    }
    static sim::StreamPlan with(sim::StreamPlan plan, std::uint64_t to_send) {
        plan.to_send = to_send;
        return plan;
    }

    sim::World world;
    sim::Host& client;
    sim::Host& server;
    sim::Link& path;
    sim::Listener listener;
    std::deque<sim::Stream> streams{};
};

inline void expect_intact(const sim::Stream& s, std::uint64_t sent, std::uint64_t received) {
    EXPECT_EQ(s.state(), sim::Stream::State::Closed) << name_of(s.error());
    EXPECT_TRUE(s.saw_end());
    EXPECT_EQ(s.sent(), sent);
    EXPECT_EQ(s.received(), received);
    EXPECT_FALSE(s.wrong_at().has_value()) << "the byte at " << *s.wrong_at() << " is wrong";
}

// Every byte of every connection, both ways, and nothing left behind.
inline void run(const Case& c, Pair& pair) {
    SCOPED_TRACE("seed " + std::to_string(c.seed));
    pair.connect(c);
    const bool is_done = pair.world.run_while_not([&] { return pair.is_over(); }, c.at_most);
    EXPECT_TRUE(is_done) << "not over after " << c.at_most.ms() / 1000 << " s";
    EXPECT_EQ(pair.listener.streams().size(), pair.streams.size());
    for (const auto& s : pair.streams) expect_intact(s, c.bytes_there, c.bytes_back);
    for (const auto& s : pair.listener.streams()) expect_intact(s, c.bytes_back, c.bytes_there);
    EXPECT_EQ(pair.path.oversized(), 0u);
    EXPECT_EQ(pair.path.not_split(), 0u);
    // FIN-WAIT-2, LAST-ACK and TIME-WAIT are over in two minutes, whatever is lost.
    pair.world.run_for(Duration::from_s(180));
    EXPECT_TRUE(pair.client.stack().sockets().empty());
    EXPECT_EQ(pair.server.stack().sockets().size(), 1u);  // the listener
    EXPECT_EQ(pair.client.stack().counters()[Counter::TcpCurrEstab], 0u);
    EXPECT_EQ(pair.server.stack().counters()[Counter::TcpCurrEstab], 0u);
}

inline sim::LinkOptions path_with(const sim::Faults& both) { return {.there = both, .back = both}; }

}  // namespace fairlead::testing_worlds
