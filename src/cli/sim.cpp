// fairlead sim — two stacks and a path between them in virtual time.
#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/subcommands.hpp"
#include "lab/record_file.hpp"
#include "sim/stream.hpp"
#include "sim/world.hpp"

namespace fairlead::cli {
namespace {

constexpr int kWentWrong = 1;
constexpr int kUnusable = 2;

struct Arguments {
    std::uint64_t seed = 1;
    std::uint64_t bytes = 10'000'000;
    int connections = 1;
    bool is_v6 = false;
    double loss = 0;  // percent, as the next three
    double reordering = 0;
    double duplication = 0;
    double corruption = 0;
    double delay_ms = 10;
    double rate_mbit = 100;
    std::uint64_t queue_bytes = 256 * 1024;
    std::uint32_t mtu = 1500;
    double at_most_s = 3600;
    std::string record{};
};

std::uint32_t in_a_million(double percent) { return static_cast<std::uint32_t>(percent * 1e4); }

sim::LinkOptions link_of(const Arguments& a) {
    const sim::Faults faults{
        .loss = in_a_million(a.loss),
        .duplication = in_a_million(a.duplication),
        .reordering = in_a_million(a.reordering),
        .corruption = in_a_million(a.corruption),
        .delay = Duration::from_ns(static_cast<std::int64_t>(a.delay_ms * 1e6)),
        .bits_per_second = static_cast<std::uint64_t>(a.rate_mbit * 1e6),
        .queue_bytes = a.queue_bytes};
    return {.mtu = a.mtu, .there = faults, .back = faults};
}

struct Recording {
    std::string path{};
    std::optional<lab::RecordFile> file{};
    std::optional<InputRecorder> recorder{};

    InputRecorder* start(const std::string& prefix, const char* name) {
        if (prefix.empty()) return nullptr;
        path = prefix + "." + name;
        auto made = lab::RecordFile::create(path);
        if (!made) {
            fmt::print(stderr, "fairlead sim: {}: {}\n", path, std::strerror(made.error()));
            throw CLI::RuntimeError{kUnusable};
        }
        file = std::move(*made);
        return &recorder.emplace(file->sink());
    }
};

bool print_outcome(const Arguments& a, sim::World& world, sim::Host& client, Instant start,
                   std::uint64_t good) {
    const auto ms = std::max<std::int64_t>((world.now() - start).ms(), 1);
    fmt::print("{} of {} connections, {} bytes each, intact in {:.3f} s of virtual time\n", good,
               a.connections, a.bytes, static_cast<double>(ms) / 1e3);
    fmt::print("goodput {:.2f} Mbit/s, {} segments sent, {} of them again\n",
               static_cast<double>(good * a.bytes) * 8 / (static_cast<double>(ms) * 1e3),
               client.stack().counters()[Counter::TcpOutSegs],
               client.stack().counters()[Counter::TcpRetransSegs]);
    fmt::print("frames {}, hash {:016x}; {} steps\n", world.recorder().left(),
               world.recorder().hash(), world.counts().steps);
    return good == static_cast<std::uint64_t>(a.connections);
}

void run(const Arguments& a) {
    Recording client_recording;
    Recording server_recording;
    sim::World world{a.seed};
    sim::Host& client = world.add_host("client", {}, client_recording.start(a.record, "client"));
    sim::Host& server = world.add_host("server", {}, server_recording.start(a.record, "server"));
    world.join(client, server, link_of(a));
    const Endpoint at{server.address(a.is_v6 ? Family::Inet6 : Family::Inet), 80};
    const sim::StreamPlan plan{.to_send = a.bytes};
    sim::Listener listener{server, at, sim::mirrored(plan, 0)};
    std::deque<sim::Stream> streams;
    const Instant start = world.now();
    for (int i = 0; i < a.connections; ++i) {
        streams.emplace_back(client, sim::start_connecting(client, at), plan);
    }
    const auto is_over = [&] {
        const auto all = [](const auto& list) {
            return std::ranges::all_of(list, [](const sim::Stream& s) { return s.is_over(); });
        };
        return all(streams) && all(listener.streams()) &&
               listener.streams().size() == streams.size();
    };
    world.run_while_not(is_over, Duration::from_ms(static_cast<std::int64_t>(a.at_most_s * 1e3)));
    std::uint64_t good = 0;
    for (const sim::Stream& s : listener.streams()) {
        if (s.saw_end() && s.received() == a.bytes && !s.wrong_at()) ++good;
    }
    const bool is_good = print_outcome(a, world, client, start, good);
    for (Recording* r : {&client_recording, &server_recording}) {
        if (r->file && !r->file->flush()) {
            fmt::print(stderr, "fairlead sim: {}: could not be written\n", r->path);
            throw CLI::RuntimeError{kUnusable};
        }
    }
    if (!is_good) throw CLI::RuntimeError{kWentWrong};
}

}  // namespace

void add_sim(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("sim", "Transfer between two stacks in virtual time, from a seed");
    auto a = std::make_shared<Arguments>();
    command->add_option("--seed", a->seed, "All chance comes from it")->capture_default_str();
    command->add_option("--bytes", a->bytes, "From client to server")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 40))
        ->capture_default_str();
    command->add_option("--connections", a->connections, "At once")
        ->check(CLI::Range(1, 20'000))
        ->capture_default_str();
    command->add_flag("-6", a->is_v6, "Over IPv6");
    command->add_option("--loss", a->loss, "Percent of frames, each way")
        ->check(CLI::Range(0.0, 100.0));
    command->add_option("--reordering", a->reordering, "Percent")->check(CLI::Range(0.0, 100.0));
    command->add_option("--duplication", a->duplication, "Percent")->check(CLI::Range(0.0, 100.0));
    command->add_option("--corruption", a->corruption, "Percent")->check(CLI::Range(0.0, 100.0));
    command->add_option("--delay", a->delay_ms, "Milliseconds, each way")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str();
    command->add_option("--rate", a->rate_mbit, "Mbit/s; 0: as fast as they come")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str();
    command->add_option("--queue", a->queue_bytes, "Bytes before the bottleneck")
        ->capture_default_str();
    command->add_option("--mtu", a->mtu, "Bytes")
        ->check(CLI::Range(68, 65'535))
        ->capture_default_str();
    command->add_option("--time", a->at_most_s, "Seconds of virtual time at most")
        ->check(CLI::Range(0.0, 1e7))
        ->capture_default_str();
    command->add_option("--record", a->record, "Write PREFIX.client and PREFIX.server for replay");
    command->callback([a] { run(*a); });
}

}  // namespace fairlead::cli
