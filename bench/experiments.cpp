#include "bench/experiments.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bench/ceiling.hpp"
#include "bench/crossing_peer.hpp"
#include "bench/fairlead_peer.hpp"
#include "bench/in_flight.hpp"
#include "bench/kernel_peer.hpp"
#include "bench/lwip_peer.hpp"
#include "bench/machine.hpp"
#include "bench/simulator.hpp"

namespace fairlead::bench {

namespace {

using Kept = std::shared_ptr<KeptPeer>;

constexpr std::size_t kSegment = 1460;  // payload of a frame of MTU 1500, no options

Kept keep_peer(PeerKind kind, std::size_t idle_connections = 0) {
    return std::make_shared<KeptPeer>(std::move(kind), idle_connections);
}

// The stacks that carry MTU 1500 frames one by one.
std::vector<PeerKind> plain_wire_peers() {
    return {fairlead_over_plain_wire(), kernel_over_veth(), lwip_back_to_back()};
}

// --- ceilings ---

void copy_ceiling(Harness& harness) {
    std::vector<Contender> contenders;
    for (const std::size_t piece : {kSegment, std::size_t{65536}}) {
        const auto loop = std::make_shared<CopyLoop>(piece);
        const double bits = static_cast<double>(piece) * 8e-9;
        const std::string called = piece == kSegment ? "1460 B" : "64 KiB";
        Rate copies{harness.seconds() / 2, 1000, [loop](std::uint64_t n) { return loop->copy(n); }};
        Rate sums{harness.seconds() / 2, 1000,
                  [loop](std::uint64_t n) { return loop->copy_and_sum(n); }};
        contenders.push_back({"memcpy, " + called, [=]() mutable { return copies() * bits; }});
        contenders.push_back(
            {"memcpy + checksum, " + called, [=]() mutable { return sums() * bits; }});
    }
    harness.measure("ceiling", "Gbit/s", contenders);
}

void lookup_ceiling(Harness& harness) {
    std::vector<Contender> contenders;
    const std::uint32_t most = harness.is_quick() ? 10'000 : 1'000'000;
    for (std::uint32_t flows = 1; flows <= most; flows *= flows == 1 ? 1000 : 10) {
        const auto table = std::make_shared<std::unique_ptr<FlowTable>>();
        const auto get = [table, flows]() -> FlowTable& {
            if (!*table) *table = std::make_unique<FlowTable>(flows);
            return **table;
        };
        Rate single{harness.seconds() / 2, 10'000,
                    [get](std::uint64_t n) { return get().touch_one_by_one(n); }};
        Rate batch{harness.seconds() / 2, 10'000,
                   [get](std::uint64_t n) { return get().touch_in_batches(n); }};
        contenders.push_back(
            {fmt::format("1 of {}", flows), [=]() mutable { return 1e9 / single(); }});
        contenders.push_back(
            {fmt::format("1 of {}, 32 in flight", flows), [=]() mutable { return 1e9 / batch(); }});
    }
    harness.measure("lookup and touch", "ns", contenders);
}

// --- goodput ---

Contender goodput_of(const Harness& harness, const Kept& peer, std::string who,
                     std::size_t write_size) {
    constexpr std::uint64_t kUnit = 1 << 20;
    Rate rate{harness.seconds(), 8,
              [=](std::uint64_t units) { return peer->get().bulk(units * kUnit, write_size); }};
    return {std::move(who), [=]() mutable { return rate() * kUnit * 8e-9; }};
}

void goodput_mtu1500(Harness& harness) {
    std::vector<Contender> contenders;
    for (const PeerKind& kind : plain_wire_peers()) {
        contenders.push_back(goodput_of(harness, keep_peer(kind), kind.name, 65536));
    }
    harness.measure("goodput at MTU 1500", "Gbit/s", contenders);
    harness.derive("goodput at MTU 1500", "time per 1460 B at MTU 1500", "ns",
                   [](double gbits) { return static_cast<double>(kSegment) * 8 / gbits; });
    const std::string ours = "goodput at MTU 1500: Fairlead";
    harness.compare(ours, "goodput at MTU 1500: kernel, veth", 3, Better::Larger);
    harness.compare(ours, "goodput at MTU 1500: lwIP", 3, Better::Larger);
    harness.compare(ours, "ceiling: memcpy + checksum, 1460 B", 0, Better::Larger);
}

void goodput_large(Harness& harness) {
    std::vector<Contender> contenders;
    const std::array peers{keep_peer(fairlead_over_offloads()), keep_peer(kernel_over_loopback())};
    for (const std::size_t kib : {256u, 64u, 16u}) {
        for (const Kept& peer : peers) {
            contenders.push_back(goodput_of(
                harness, peer, fmt::format("{}, {} KiB writes", peer->name(), kib), kib * 1024));
        }
    }
    const std::string what = "goodput, large segments";
    harness.measure(what, "Gbit/s", contenders);
    for (const std::size_t kib : {256u, 64u, 16u}) {
        harness.compare(fmt::format("{}: Fairlead, {} KiB writes", what, kib),
                        fmt::format("{}: kernel, loopback, {} KiB writes", what, kib), 1,
                        Better::Larger);
    }
}

// --- round trips and connections ---

void round_trips(Harness& harness) {
    std::vector<Contender> contenders;
    std::vector<PeerKind> kinds = plain_wire_peers();
    kinds.push_back(kernel_over_loopback());
    for (const PeerKind& kind : kinds) {
        const Kept peer = keep_peer(kind);
        contenders.push_back({kind.name, Rate{harness.seconds(), 1000, [peer](std::uint64_t count) {
                                                  return peer->get().ping_pong(count);
                                              }}});
    }
    const std::string what = "round trips of 1 byte";
    harness.measure(what, "1/s", contenders);
    harness.compare(what + ": Fairlead", what + ": kernel, loopback", 6, Better::Larger);
    harness.compare(what + ": Fairlead", what + ": kernel, veth", 6, Better::Larger);
    harness.compare(what + ": Fairlead", what + ": lwIP", 0, Better::Larger);
}

void connections_side_by_side(Harness& harness, const std::string& what, std::size_t at_once) {
    std::vector<Contender> contenders;
    std::vector<PeerKind> kinds = plain_wire_peers();
    kinds.push_back(kernel_over_loopback());
    const std::uint64_t count = harness.scaled(10'240, 512);
    for (const PeerKind& kind : kinds) {
        contenders.push_back({kind.name, [kind, count, at_once] {
                                  const auto peer = kind.make();  // no TIME-WAIT to begin with
                                  peer->connect_close(1, 1);      // the neighbours meet
                                  peer->connect_close(count / 16, at_once);
                                  return static_cast<double>(count) /
                                         peer->connect_close(count, at_once);
                              }});
    }
    harness.measure(what, "1/s", contenders);
    harness.compare(what + ": Fairlead", what + ": kernel, loopback", 16, Better::Larger);
    harness.compare(what + ": Fairlead", what + ": kernel, veth", 16, Better::Larger);
    harness.compare(what + ": Fairlead", what + ": lwIP", 0, Better::Larger);
}

void connections(Harness& harness) {
    connections_side_by_side(harness, "connect + 1 byte + close", 1);
    connections_side_by_side(harness, "connect + 1 byte + close, 32 side by side", 32);
}

// --- many connections ---

// What the usual limit on open files leaves to the kernel's peers, and their quadratic cost to
// lwIP's.
std::size_t kernel_connections(const Harness& harness) { return harness.scaled(8'000, 1'000); }

double idle_end_bytes(const PeerKind& kind, std::size_t count) {
    return in_child([&] {
        const auto peer = kind.make();
        peer->open_idle(std::min<std::size_t>(count / 10, 100));
        const std::uint64_t before = peer->memory();
        peer->open_idle(count);
        return static_cast<double>(peer->memory() - before) / static_cast<double>(2 * count);
    });
}

void idle_memory(Harness& harness) {
    std::vector<Contender> contenders;
    const std::size_t few = kernel_connections(harness);
    const std::size_t many = harness.scaled(100'000, 1'000);
    const auto add = [&](const PeerKind& kind, std::size_t open) {
        contenders.push_back({fmt::format("{}, {} open", kind.name, open),
                              [kind, open] { return idle_end_bytes(kind, open); }});
    };
    add(fairlead_over_plain_wire(), many);
    add(kernel_over_loopback(), few);
    add(lwip_back_to_back(), few);
    const std::string what = "memory of an idle end";
    harness.measure(what, "B", contenders);
    harness.compare_to_figure(fmt::format("{}: Fairlead, {} open", what, many), "768 B", 768, 1,
                              Better::Smaller);
    harness.measure(
        "memory of an entry", "B",
        {{"Fairlead, SYN-RECEIVED", [many] { return fairlead_syn_received_bytes(many); }}});
    harness.compare_to_figure("memory of an entry: Fairlead, SYN-RECEIVED", "256 B", 256, 1,
                              Better::Smaller);
}

// The runs of a measure that tells several things: each row takes them in turn.
template <typename Result>
class SharedRuns {
public:
    explicit SharedRuns(std::function<Result()> measure) : measure_{std::move(measure)} {}
    const Result& get(std::size_t run) {
        while (results_.size() <= run) results_.push_back(measure_());
        return results_[run];
    }

private:
    std::function<Result()> measure_;
    std::vector<Result> results_{};
};

template <typename Result>
Contender column(std::string who, std::shared_ptr<SharedRuns<Result>> runs, double Result::* figure,
                 std::size_t most_runs) {
    return {
        .who = std::move(who),
        .run = [runs, figure, run = std::size_t{0}]() mutable { return runs->get(run++).*figure; },
        .most_runs = most_runs};
}

void million(Harness& harness) {
    constexpr std::size_t kRuns = 3;  // each takes many seconds
    const std::size_t all = harness.scaled(1'000'000, 2'000);
    const std::size_t tenth = all / 10;
    using Waits = SharedRuns<TimeWaitFigures>;
    const auto waits = [](std::size_t count) {
        return std::make_shared<Waits>([count] { return fairlead_time_wait(count); });
    };
    const auto many_waits = waits(all);
    const std::string many = fmt::format("Fairlead, {} in TIME-WAIT", all);
    const std::string few = fmt::format("Fairlead, {} in TIME-WAIT", tenth);
    harness.measure("memory of each", "B",
                    {column(many, many_waits, &TimeWaitFigures::bytes, kRuns)});
    harness.compare_to_figure("memory of each: " + many, "128 B", 128, 1, Better::Smaller);
    harness.measure("expiry of each", "ns",
                    {column(many, many_waits, &TimeWaitFigures::expiry_ns, kRuns),
                     column(few, waits(tenth), &TimeWaitFigures::expiry_ns, kRuns)});
    harness.compare("expiry of each: " + many, "expiry of each: " + few, 0, Better::Smaller);

    using Crowd = SharedRuns<CrowdFigures>;
    const auto crowd = std::make_shared<Crowd>([all] { return fairlead_crowd(all); });
    const std::string what = fmt::format("{} connections", all);
    harness.measure(what, "s",
                    {column("Fairlead, opened", crowd, &CrowdFigures::opening, kRuns),
                     column("Fairlead, each echoed a byte", crowd, &CrowdFigures::echoing, kRuns),
                     column("Fairlead, closed", crowd, &CrowdFigures::closing, kRuns)});
    harness.measure(what + ", memory of an end", "B",
                    {column("Fairlead", crowd, &CrowdFigures::bytes, kRuns)});
    harness.compare_to_figure(what + ", memory of an end: Fairlead", "768 B", 768, 1,
                              Better::Smaller);
}

// A crowd is a peer with that many idle connections; each run is a walk over random ones of them.
void add_crowd(const Harness& harness, const PeerKind& kind, std::size_t open,
               std::vector<Contender>& contenders) {
    const Kept peer = keep_peer(kind, open);
    for (const std::size_t in_flight : {1u, 32u}) {
        if (in_flight > open) continue;
        Rate rate{harness.seconds() / 2, 320, [peer, in_flight](std::uint64_t count) {
                      count += in_flight - count % in_flight;
                      return peer->get().ping_random(count, in_flight);
                  }};
        std::string who = fmt::format("{}, 1 of {}", kind.name, open);
        if (in_flight != 1) who += fmt::format(", {} in flight", in_flight);
        contenders.push_back({std::move(who), [=]() mutable { return 1e9 / rate(); }});
    }
}

void random_one(Harness& harness) {
    std::vector<Contender> contenders;
    const std::size_t few = harness.scaled(1'000, 100);
    const std::size_t some = harness.scaled(10'000, 500);
    const std::size_t many = harness.scaled(100'000, 1'000);
    for (const std::size_t open : {std::size_t{1}, few, some, many}) {
        add_crowd(harness, fairlead_over_plain_wire(), open, contenders);
    }
    // A crowd's connections rest between their trips, so that each trip costs a delayed ACK as well.
    const std::string rested = "Fairlead, 1 of 1, with its delayed ACK";
    const Kept single = keep_peer(fairlead_over_plain_wire(), 1);
    Rate trips{harness.seconds() / 2, 320,
               [single](std::uint64_t count) { return single->get().ping_rested(count); }};
    contenders.push_back({rested, [=]() mutable { return 1e9 / trips(); }});
    for (const PeerKind& kind : {kernel_over_loopback(), lwip_back_to_back()}) {
        for (const std::size_t open : {std::size_t{1}, few, kernel_connections(harness)}) {
            add_crowd(harness, kind, open, contenders);
        }
    }
    // Side by side with the trips that are counted in it.
    const std::string lookup = fmt::format("one lookup and touch, 1 of {}", many);
    const auto table = std::make_shared<std::unique_ptr<FlowTable>>();
    Rate lookups{harness.seconds() / 2, 10'000, [table, many](std::uint64_t n) {
                     if (!*table) {
                         *table = std::make_unique<FlowTable>(static_cast<std::uint32_t>(many));
                     }
                     return (*table)->touch_one_by_one(n);
                 }};
    contenders.push_back({lookup, [=]() mutable { return 1e9 / lookups(); }});
    harness.measure("round trip", "ns", contenders);

    const std::string one = "round trip: Fairlead, 1 of 1";
    const std::string rested_one = "round trip: " + rested;
    const std::string crowd = fmt::format("round trip: Fairlead, 1 of {}", many);
    const auto in_lookups = [](const std::vector<double>& v) { return (v[1] - v[0]) / v[2]; };
    const std::string extra = "lookups that a crowd costs a trip: Fairlead";
    harness.conclude(extra, "lookups", {one, crowd, "round trip: " + lookup}, in_lookups);
    harness.compare_to_figure(extra, "4 lookups", 4, 1, Better::Smaller);
    harness.conclude(extra + ", its delayed ACK apart", "lookups",
                     {rested_one, crowd, "round trip: " + lookup}, in_lookups);
    harness.compare(crowd + ", 32 in flight", one, 1 / 1.5, Better::Smaller);
    harness.compare(crowd + ", 32 in flight", rested_one, 0, Better::Smaller);
}

// --- recovery ---

void in_flight(Harness& harness) {
    const std::uint64_t acks = harness.scaled(400'000, 2'000);
    std::vector<Contender> contenders{
        {"Fairlead, 100 in flight", [acks] { return ack_with_100_in_flight(acks); }}};
    // A smoke test need not fill such a window.
    if (!harness.is_quick()) {
        contenders.push_back(
            {"Fairlead, 100000 in flight", [acks] { return ack_with_100000_in_flight(acks); }, 3});
    }
    harness.measure("an ACK at 0.1 % loss", "ns", contenders);
    harness.compare("an ACK at 0.1 % loss: Fairlead, 100000 in flight",
                    "an ACK at 0.1 % loss: Fairlead, 100 in flight", 0.5, Better::Smaller);
}

// --- virtual time ---

void simulator(Harness& harness) {
    const std::uint64_t bytes = harness.scaled(400'000'000, 4'000'000);
    harness.measure("segments in virtual time", "1/s",
                    {{"Fairlead", [bytes] { return simulated_segments(bytes); }}});
    harness.compare_to_figure("segments in virtual time: Fairlead", "1,000,000", 1e6, 1,
                              Better::Larger);
}

// --- the kernel as the neighbour ---

// Ours over one device, and the kernel's over a cable that offers as much.
struct Crossing {
    NearEnd end;
    const char* ours;
    const char* theirs;
    bool offloads;
    const char* frames;  // for the names of the rows
    double target;       // of goodput, 0: none
};

constexpr Crossing kOverTap{NearEnd::Tap, "TAP", "veth", true, "", 0.5};
constexpr Crossing kOverXdp{NearEnd::Xdp, "AF_XDP", "veth", false, ", MTU 1500", 1};

void add_crossing(std::vector<PeerKind>& kinds, const Crossing& over, Cores cores, Bulk direction) {
    const char* where = cores == Cores::One ? "one core" : "two cores";
    kinds.push_back({.name = fmt::format("Fairlead, {}, {}", over.ours, where), .make = [=] {
                         return make_crossing_peer(fairlead_client(over.end), cores, direction);
                     }});
    kinds.push_back({.name = fmt::format("kernel, {}, {}", over.theirs, where), .make = [=] {
                         return make_crossing_peer(kernel_client(over.offloads), cores, direction);
                     }});
}

// Ours beside the kernel's, on one core and on two.
void compare_crossing(Harness& harness, const Crossing& over, const std::string& what,
                      double target) {
    for (const char* where : {"one core", "two cores"}) {
        harness.compare(fmt::format("{}: Fairlead, {}, {}", what, over.ours, where),
                        fmt::format("{}: kernel, {}, {}", what, over.theirs, where), target,
                        Better::Larger);
    }
}

void crossing_goodput(Harness& harness, const Crossing& over) {
    for (const Bulk direction : {Bulk::Up, Bulk::Down}) {
        std::vector<PeerKind> kinds;
        for (const Cores cores : {Cores::One, Cores::Two}) {
            add_crossing(kinds, over, cores, direction);
        }
        std::vector<Contender> contenders;
        for (const PeerKind& kind : kinds) {
            contenders.push_back(goodput_of(harness, keep_peer(kind), kind.name, 65536));
        }
        const std::string what = fmt::format("goodput {} the kernel{}",
                                             direction == Bulk::Up ? "to" : "from", over.frames);
        harness.measure(what, "Gbit/s", contenders);
        compare_crossing(harness, over, what, over.target);
    }
}

void crossing_trips(Harness& harness, const Crossing& over) {
    std::vector<PeerKind> kinds;
    for (const Cores cores : {Cores::One, Cores::Two}) add_crossing(kinds, over, cores, Bulk::Up);
    std::vector<Contender> trips;
    std::vector<Contender> connections;
    const std::uint64_t count = harness.scaled(5'000, 200);
    for (const PeerKind& kind : kinds) {
        const Kept peer = keep_peer(kind);
        trips.push_back({kind.name, Rate{harness.seconds(), 100, [peer](std::uint64_t n) {
                                             return peer->get().ping_pong(n);
                                         }}});
        connections.push_back({kind.name, [kind, count] {
                                   const auto fresh = kind.make();
                                   return static_cast<double>(count) /
                                          fresh->connect_close(count, 1);
                               }});
    }
    const auto named = [&](const char* what) { return fmt::format("{}{}", what, over.frames); };
    harness.measure(named("round trips with the kernel"), "1/s", trips);
    compare_crossing(harness, over, named("round trips with the kernel"), 0);
    harness.measure(named("connections to the kernel"), "1/s", connections);
    compare_crossing(harness, over, named("connections to the kernel"), 0);
}

constexpr std::array kExperiments{
    Experiment{"ceiling-copy", "copy, and copy + checksum, of the bytes that segments carry",
               copy_ceiling},
    Experiment{"ceiling-lookup", "finding one of many flows and touching its block",
               lookup_ceiling},
    Experiment{"goodput-mtu1500", "one connection, frames of MTU 1500, checksums made and verified",
               goodput_mtu1500},
    Experiment{"goodput-large", "one connection, segments as large as the path takes",
               goodput_large},
    Experiment{"round-trips", "one byte there and one back", round_trips},
    Experiment{"connections", "connect, one byte, close by FIN on both sides, TIME-WAIT kept",
               connections},
    Experiment{"idle-memory", "growth of memory for each end of an open, idle connection",
               idle_memory},
    Experiment{"million", "a million connections at once, and a million in TIME-WAIT", million},
    Experiment{"random-one", "round trips over a random one of many connections", random_one},
    Experiment{"in-flight", "what an ACK costs when much is in flight, and some is lost",
               in_flight},
    Experiment{"simulator", "a transfer between two hosts in virtual time, on one core", simulator},
    Experiment{"tap-goodput", "with the kernel over TAP, beside kernel to kernel over veth",
               [](Harness& h) { crossing_goodput(h, kOverTap); }},
    Experiment{"tap-trips", "round trips and connections with the kernel, likewise",
               [](Harness& h) { crossing_trips(h, kOverTap); }},
    Experiment{"xdp-goodput", "the same over AF_XDP, beside veth without offloads",
               [](Harness& h) { crossing_goodput(h, kOverXdp); }},
    Experiment{"xdp-trips", "round trips and connections with the kernel, likewise",
               [](Harness& h) { crossing_trips(h, kOverXdp); }},
};

}  // namespace

std::span<const Experiment> experiments() { return kExperiments; }

}  // namespace fairlead::bench
