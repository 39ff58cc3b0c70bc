#include "bench/hosted_rows.hpp"

#include <array>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "bench/hosted.hpp"

namespace fairlead::bench {
namespace {

// What a run tells: a row each.
struct Figure {
    std::string what{};
    std::string unit{};
    double target = 0;
    Better better = Better::Larger;
};
using Figures = std::vector<double>;

// A place and what serves there, made at its first run.
struct Stage {
    std::unique_ptr<Place> place{};
    std::vector<lab::ChildProcess> servers{};
};
struct Side {
    std::string who{};
    std::function<std::unique_ptr<Place>()> make{};
    double target = -1;  // instead of the figure's
};

const Side kKernel{.who = "kernel, veth", .make = Place::of_kernel};
const Side kUsual{.who = "Fairlead host", .make = [] { return Place::of_host("", 0); }};
// Under a load that never ends the host would not sleep either.
const Side kSpinning{.who = "Fairlead host, spinning",
                     .make = [] { return Place::of_host("--spin 1000", 0); }};
const Side kAsleep{.who = "Fairlead host, all asleep",
                   .make = [] { return Place::of_host("--spin 0", 0); }};

using Serve = std::function<void(Stage&)>;
using Run = std::function<Figures(const Place&)>;

// The first side is whom the others are compared with.
void measure(Harness& harness, const std::vector<Figure>& figures, const std::vector<Side>& sides,
             const Serve& serve, const Run& run) {
    std::map<std::string, std::shared_ptr<Stage>> stages;
    std::map<std::string, std::vector<std::deque<double>>> told;
    const auto run_side = [&](const Side& side) {
        auto& stage = stages[side.who];
        if (stage == nullptr) {
            stage = std::make_shared<Stage>();
            stage->place = side.make();
            serve(*stage);
        }
        const Figures all = run(*stage->place);
        auto& rows = told[side.who];
        rows.resize(figures.size());
        for (std::size_t i = 0; i < figures.size(); ++i) rows[i].push_back(all.at(i));
    };
    for (std::size_t i = 0; i < figures.size(); ++i) {
        std::vector<Contender> contenders;
        for (const Side& side : sides) {
            contenders.push_back({.who = side.who, .run = [&, i] {
                                      if (i == 0) run_side(side);
                                      auto& rows = told[side.who];
                                      if (rows.empty() || rows[i].empty()) {
                                          throw std::runtime_error{"its run failed"};
                                      }
                                      const double value = rows[i].front();
                                      rows[i].pop_front();
                                      return value;
                                  }});
        }
        harness.measure(figures[i].what, figures[i].unit, contenders);
        for (const Side& side : std::span{sides}.subspan(1)) {
            harness.compare(fmt::format("{}: {}", figures[i].what, side.who),
                            fmt::format("{}: {}", figures[i].what, sides.front().who),
                            side.target >= 0 && i == 0 ? side.target : figures[i].target,
                            figures[i].better);
        }
    }
}

Figures numbers_in(const std::string& text) {
    std::istringstream in{text};
    Figures all;
    for (double value = 0; in >> value;) all.push_back(value);
    return all;
}

// The number that follows the last `mark`.
double number_after(const std::string& text, const std::string& mark) {
    const std::size_t at = text.rfind(mark);
    if (at == std::string::npos) throw std::runtime_error{"no " + mark + " in what it said"};
    return std::stod(text.substr(at + mark.size()));
}

void need(const char* program) {
    if (!lab::find_program(program)) {
        throw std::runtime_error{fmt::format("{} is not installed", program)};
    }
}

Serve by_pair(End end, const char* what, int port) {
    return [=](Stage& stage) {
        const char* address = end == End::Near ? kNearAddress : kFarAddress;
        stage.servers.push_back(stage.place->start(
            end, fmt::format("{} {} {} {}", program_beside("fairlead-bench-pair"), what, address,
                             port)));
        stage.place->await_port(end, port);
    };
}

constexpr double kEnough = 0.7;  // of the kernel's
constexpr int kPort = 7000;

void hosted_trips(Harness& harness) {
    constexpr double kSpinningShare = 1 / 1.2;
    constexpr double kAsleepShare = 1 / 2.2;
    Side spinning = kSpinning;
    spinning.target = kSpinningShare;
    Side asleep = kAsleep;
    asleep.target = kAsleepShare;
    const std::string command =
        fmt::format("{} trips {} {} {}", program_beside("fairlead-bench-pair"), kFarAddress, kPort,
                    harness.seconds());
    measure(
        harness,
        {{.what = "byte there and back by a program, p50", .unit = "us", .better = Better::Smaller},
         {.what = "byte there and back by a program, p99",
          .unit = "us",
          .better = Better::Smaller}},
        {kKernel, spinning, asleep}, by_pair(End::Far, "echo", kPort),
        [=](const Place& place) { return numbers_in(place.output(End::Near, command)); });
}

void hosted_stream(Harness& harness) {
    const std::string command =
        fmt::format("{} stream {} {} {}", program_beside("fairlead-bench-pair"), kFarAddress, kPort,
                    harness.seconds());
    measure(harness,
            {{.what = "64 KiB writes of a program", .unit = "Gbit/s", .target = kEnough},
             {.what = "64 KiB writes of a program, CPU time of it and its host for a MB",
              .unit = "us",
              .better = Better::Smaller}},
            {kKernel, kUsual}, by_pair(End::Far, "sink", kPort), [=](const Place& place) {
                const double before = place.host_seconds();
                const Figures said = numbers_in(place.output(End::Near, command));
                const double host = (place.host_seconds() - before) * 1e6 / (said.at(2) * 1e-6);
                return Figures{said.at(0), said.at(1) + host};
            });
}

// Both programs at the near end.
void hosted_inside(Harness& harness) {
    const std::string command =
        fmt::format("{} stream {} {} {}", program_beside("fairlead-bench-pair"), kNearAddress,
                    kPort, harness.seconds());
    Side kernel = kKernel;
    kernel.who = "kernel, loopback";
    measure(harness, {{.what = "64 KiB writes, program to program", .unit = "Gbit/s", .target = 1}},
            {kernel, kUsual}, by_pair(End::Near, "sink", kPort), [=](const Place& place) {
                return Figures{numbers_in(place.output(End::Near, command)).at(0)};
            });
}

// The same without a device: what the way into a host and out of it costs, there and back, twice.
void hosted_inside_trips(Harness& harness) {
    const std::string command =
        fmt::format("{} trips {} {} {}", program_beside("fairlead-bench-pair"), kNearAddress, kPort,
                    harness.seconds());
    Side kernel = kKernel;
    kernel.who = "kernel, loopback";
    measure(harness,
            {{.what = "byte there and back, program to program, p50",
              .unit = "us",
              .better = Better::Smaller},
             {.what = "byte there and back, program to program, p99",
              .unit = "us",
              .better = Better::Smaller}},
            {kernel, kSpinning, kAsleep}, by_pair(End::Near, "echo", kPort),
            [=](const Place& place) { return numbers_in(place.output(End::Near, command)); });
}

void hosted_redis(Harness& harness) {
    const auto serve = [](Stage& stage) {
        need("redis-server");
        need("redis-benchmark");
        stage.servers.push_back(stage.place->start(
            End::Near,
            fmt::format("redis-server --bind {} --port 6379 --save '' --protected-mode no",
                        kNearAddress)));
        stage.place->await_port(End::Near, 6379);
    };
    for (const int depth : {1, 16}) {
        const std::size_t requests = harness.scaled(depth == 1 ? 20'000 : 100'000, 500);
        const std::string command =
            fmt::format("redis-benchmark -h {} -p 6379 -t set,get -c 50 -P {} -n {} --csv",
                        kNearAddress, depth, requests);
        const auto named = [depth](const char* what) {
            return Figure{.what = fmt::format("redis {}, {} at once", what, depth),
                          .unit = "1/s",
                          .target = kEnough};
        };
        measure(harness, {named("SET"), named("GET")}, {kKernel, kUsual}, serve,
                [=](const Place& place) {
                    const std::string said = place.output(End::Far, command);
                    return Figures{number_after(said, "\"SET\",\""),
                                   number_after(said, "\"GET\",\"")};
                });
    }
}

void hosted_iperf(Harness& harness) {
    const auto serve = [](Stage& stage) {
        need("iperf3");
        stage.servers.push_back(
            stage.place->start(End::Far, fmt::format("iperf3 -s -B {}", kFarAddress)));
        stage.place->await_port(End::Far, 5201);
    };
    for (const int streams : {1, 8}) {
        const std::string command = fmt::format("iperf3 -c {} -t 1 -P {} -J", kFarAddress, streams);
        measure(harness,
                {{.what = fmt::format("iperf3, {} stream{}", streams, streams == 1 ? "" : "s"),
                  .unit = "Gbit/s",
                  .target = kEnough}},
                {kKernel, kUsual}, serve, [=](const Place& place) {
                    const std::string said = place.output(End::Near, command);
                    const std::string sum = said.substr(said.find("\"sum_received\""));
                    const std::size_t end = sum.find('}');
                    const double bits = number_after(sum.substr(0, end), "\"bits_per_second\":");
                    return Figures{bits * 1e-9};
                });
    }
}

void serve_nginx(Stage& stage, const std::string& folder) {
    need("nginx");
    need("wrk");
    std::ofstream{folder + "/file"} << std::string(1000, 'x');
    std::ofstream{folder + "/nginx.conf"} << fmt::format(
        "daemon off; master_process off; user root; pid {0}/pid; error_log {0}/error.log;\n"
        "events {{}}\n"
        "http {{ access_log off; keepalive_requests 1000000;\n"
        "server {{ listen {1}:80 backlog=512; root {0}; }} }}\n",
        folder, kNearAddress);
    stage.servers.push_back(
        stage.place->start(End::Near, fmt::format("nginx -c {}/nginx.conf", folder)));
    stage.place->await_port(End::Near, 80);
}

void hosted_nginx(Harness& harness) {
    std::vector<lab::ScratchFolder> folders;
    const auto serve = [&folders](Stage& stage) {
        auto folder = lab::ScratchFolder::make();
        if (!folder) throw std::runtime_error{folder.error().text};
        folders.push_back(std::move(*folder));
        serve_nginx(stage, folders.back().path());
    };
    for (const bool keeps : {true, false}) {
        const std::string command =
            fmt::format("wrk -t1 -c32 -d1s {} http://{}/file",
                        keeps ? "" : "-H 'Connection: close'", kNearAddress);
        measure(harness,
                {{.what = keeps ? "nginx, a kept connection" : "nginx, a connection per request",
                  .unit = "1/s",
                  .target = kEnough}},
                {kKernel, kUsual}, serve, [=](const Place& place) {
                    const std::string said = place.output(End::Far, command);
                    return Figures{number_after(said, "Requests/sec:")};
                });
    }
}

constexpr std::array kExperiments{
    Experiment{"hosted-trips", "one byte there and back by an unmodified program on a host",
               hosted_trips},
    Experiment{"hosted-stream", "writes of 64 KiB by a program on a host, and what they cost",
               hosted_stream},
    Experiment{"hosted-inside", "writes of 64 KiB between two programs of a host", hosted_inside},
    Experiment{"hosted-inside-trips", "one byte there and back between two programs of a host",
               hosted_inside_trips},
    Experiment{"hosted-redis", "redis on a host, its client on the kernel", hosted_redis},
    Experiment{"hosted-iperf", "iperf3 on a host, its server on the kernel", hosted_iperf},
    Experiment{"hosted-nginx", "nginx on a host, wrk on the kernel", hosted_nginx},
};

}  // namespace

std::span<const Experiment> hosted_experiments() { return kExperiments; }

}  // namespace fairlead::bench
