// What is held for many: half-open connections, TIME-WAIT, and a million at once.
#include <algorithm>
#include <span>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "bench/fairlead_peer.hpp"
#include "bench/fairlead_world.hpp"
#include "bench/machine.hpp"

namespace fairlead::bench {

namespace {

// What `entries` half-open connections add to the server. The client's side, and the packets on
// the way, are there before: two rounds of SYNs are lost, and the client sends each again.
double syn_received_growth(std::size_t entries) {
    constexpr std::size_t kAtOnce = 256;  // so many SYNs a millisecond, now and when sent again
    World world{kPlainWire};
    Instant now = clock_now();
    const auto lose_answers = [&](bool lose_questions) {
        for (bool more = true; more;) {
            world.client.poll(now);
            if (lose_questions) world.link.clear();
            more = world.link.waiting() != 0;
            while (world.server.poll(now).received != 0) {
            }
            world.link.clear();
        }
    };
    world.begin_connect();  // the neighbours know each other from here on
    world.exchange();
    for (std::size_t i = 0; i < entries; ++i) {
        world.begin_connect();
        if (i % kAtOnce != kAtOnce - 1) continue;
        lose_answers(true);
        now = now + Duration::from_ms(1);
    }
    lose_answers(true);
    const auto send_again = [&](bool lose_questions) {
        const Instant end = now + Duration::from_ms(1100);  // past a retransmission of each
        for (; now < end; now = now + Duration::from_ms(1)) lose_answers(lose_questions);
    };
    send_again(true);
    const std::uint64_t before = resident_bytes();
    send_again(false);
    const std::uint64_t grown = resident_bytes() - before;
    std::size_t waiting = 0;
    for (const SocketInfo& s : world.server.sockets()) waiting += s.state == TcpState::SynReceived;
    if (waiting < entries) {
        throw std::runtime_error{fmt::format("{} of {} half open", waiting, entries)};
    }
    return static_cast<double>(grown) / static_cast<double>(entries);
}

// Connections in groups of so many, side by side.
constexpr std::size_t kGroup = 32;

template <typename Step>
void in_groups(std::span<const Connection> all, Step&& step) {
    for (std::size_t at = 0; at < all.size(); at += kGroup) {
        step(all.subspan(at, std::min(kGroup, all.size() - at)));
    }
}

void open_all(World& world, std::span<Connection> all) {
    for (Connection& c : all) {
        c.client = world.begin_connect();
        world.exchange();
        c.server = must(world.server.accept(world.listener), "accept");
        world.drain_events();
    }
}

void echo_all(World& world, std::span<const Connection> all) {
    in_groups(all, [&world](std::span<const Connection> group) {
        for (const Connection& c : group) send_byte(world.client, c.client);
        world.client.flush();
        world.poll_server();
        for (const Connection& c : group) {
            receive_byte(world, world.server, c.server);
            send_byte(world.server, c.server);
        }
        world.server.flush();
        world.poll_client();
        for (const Connection& c : group) receive_byte(world, world.client, c.client);
    });
}

void close_all(World& world, std::span<const Connection> all) {
    in_groups(all, [&world](std::span<const Connection> group) {
        for (const Connection& c : group) must(world.client.close(c.client), "close");
        world.exchange();
        for (const Connection& c : group) must(world.server.close(c.server), "close");
        world.exchange();
    });
}

// Seconds until the last of the client's TIME-WAIT entries is gone, once their time is over.
double expire_all(World& world, std::size_t entries) {
    world.skipped = world.skipped + 61_s;
    const Stopwatch watch;
    world.poll_client();
    const double seconds = watch.seconds();
    const std::uint64_t expired = world.client.counters()[Counter::TcpExtTW];
    if (expired != entries) {
        throw std::runtime_error{fmt::format("{} of {} waited", expired, entries)};
    }
    return seconds;
}

Figures crowd(std::size_t count) {
    World world{kPlainWire};
    std::vector<Connection> all(count);
    open_all(world, std::span{all}.first(1));  // the neighbours know each other from here on
    const std::uint64_t before = resident_bytes();
    const std::span rest = std::span{all}.subspan(1);
    const Stopwatch opening;
    open_all(world, rest);
    const double opened = opening.seconds();
    const double grown = static_cast<double>(resident_bytes() - before);
    const Stopwatch echoing;
    echo_all(world, all);
    const double echoed = echoing.seconds();
    const Stopwatch closing;
    close_all(world, all);
    const double closed = closing.seconds();
    expire_all(world, count);
    return {opened, echoed, closed, grown / static_cast<double>(2 * rest.size())};
}

// Each of them waits when the next is opened, so that few connections lie beside the entries.
Figures time_waits(std::size_t entries) {
    World world{kPlainWire};
    const auto pass = [&world](std::size_t count) {
        std::vector<Connection> group(std::min(count, kGroup));
        for (std::size_t i = 0; i < count; i += group.size()) {
            open_all(world, group);
            close_all(world, group);
        }
    };
    const std::size_t few = entries / 128 / kGroup * kGroup;
    const std::size_t many = (entries - few) / kGroup * kGroup;
    pass(few);
    const std::uint64_t before = resident_bytes();
    pass(many);
    const double grown = static_cast<double>(resident_bytes() - before);
    const double seconds = expire_all(world, few + many);
    return {grown / static_cast<double>(many), seconds * 1e9 / static_cast<double>(few + many)};
}

}  // namespace

double fairlead_syn_received_bytes(std::size_t entries) {
    return in_child([entries] { return syn_received_growth(entries); });
}

TimeWaitFigures fairlead_time_wait(std::size_t entries) {
    const Figures f = figures_in_child([entries] { return time_waits(entries); });
    return {.bytes = f[0], .expiry_ns = f[1]};
}

CrowdFigures fairlead_crowd(std::size_t connections) {
    const Figures f = figures_in_child([connections] { return crowd(connections); });
    return {.opening = f[0], .echoing = f[1], .closing = f[2], .bytes = f[3]};
}

}  // namespace fairlead::bench
