// fairlead path: the simulator's links in real time, between two devices.
#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>

#include "cli/subcommands.hpp"
#include "lab/emulated_path.hpp"
#include "lab/loop.hpp"
#include "lab/open_device.hpp"
#include "lab/quantity.hpp"

namespace fairlead::cli {
namespace {

constexpr int kWentWrong = 1;
constexpr int kUnusable = 2;

// One value for both ways, or one for each.
using BothWays = std::vector<std::string>;

struct PathArguments {
    std::vector<std::string> between{};
    BothWays rate{};
    BothWays delay{};
    BothWays jitter{};
    BothWays loss{};
    BothWays reorder{};
    BothWays duplicate{};
    BothWays corrupt{};
    BothWays queue{};
    BothWays aqm{};
    BothWays threshold{};
    bool has_ecn = false;
    std::uint64_t seed = 1;
    std::string at_most{};
};

[[noreturn]] void give_up(const std::string& text, int code) {
    fmt::print(stderr, "fairlead path: {}\n", text);
    throw CLI::RuntimeError{code};
}

// Sets what is named for one way, 0 or 1, or for both.
template <typename Parse, typename Set>
void apply(const char* name, const BothWays& values, Parse&& parse, const char* form,
           std::array<link::Faults, 2>& ways, Set&& set) {
    if (values.empty()) return;
    for (std::size_t i = 0; i < ways.size(); ++i) {
        const std::string& text = values[std::min(i, values.size() - 1)];
        const auto value = parse(text);
        if (!value) give_up(fmt::format("{} \"{}\" is none of {}", name, text, form), kUnusable);
        set(ways[i], *value);
    }
}

std::array<link::Faults, 2> faults_of(const PathArguments& a) {
    using link::Faults;
    constexpr const char* kTimes = "25ms, 1.5s, 300us";
    constexpr const char* kShares = "1%, 0.1%";
    std::array<Faults, 2> ways{};
    apply("--rate", a.rate, lab::parse_rate, "100mbit, 1gbit, 64kbit", ways,
          [](Faults& f, std::uint64_t v) { f.bits_per_second = v; });
    apply("--delay", a.delay, lab::parse_duration, kTimes, ways,
          [](Faults& f, Duration v) { f.delay = v; });
    apply("--jitter", a.jitter, lab::parse_duration, kTimes, ways,
          [](Faults& f, Duration v) { f.jitter = v; });
    apply("--loss", a.loss, lab::parse_share, kShares, ways,
          [](Faults& f, std::uint32_t v) { f.loss = v; });
    apply("--reorder", a.reorder, lab::parse_share, kShares, ways,
          [](Faults& f, std::uint32_t v) { f.reordering = v; });
    apply("--duplicate", a.duplicate, lab::parse_share, kShares, ways,
          [](Faults& f, std::uint32_t v) { f.duplication = v; });
    apply("--corrupt", a.corrupt, lab::parse_share, kShares, ways,
          [](Faults& f, std::uint32_t v) { f.corruption = v; });
    apply("--queue", a.queue, lab::parse_queue, "200p, 64k, 1m", ways,
          [](Faults& f, lab::QueueLimit v) {
              f.queue_bytes = v.bytes;
              f.queue_frames = v.frames;
          });
    apply("--aqm", a.aqm, lab::parse_queue_kind, "codel, red, step, none", ways,
          [&](Faults& f, link::QueueKind v) {
              f.rules.kind = v;
              f.rules.marks = a.has_ecn;
          });
    apply("--threshold", a.threshold, lab::parse_duration, kTimes, ways,
          [](Faults& f, Duration v) { f.rules.target = f.rules.step = v; });
    return ways;
}

void print_counts(const std::string& from, const std::string& to, const link::FaultCounts& c) {
    fmt::print(
        "{} -> {}: {} frames in, {} out, {} lost, {} reordered, {} duplicated, {} corrupted, "
        "{} dropped at a full queue, {} dropped and {} marked by its rule, longest wait {:.3f} "
        "ms\n",
        from, to, c.entered, c.left, c.lost, c.reordered, c.duplicated, c.corrupted, c.queue_full,
        c.queue_dropped, c.queue_marked, static_cast<double>(c.longest_wait.ns()) / 1e6);
}

lab::OpenDevice open(const std::string& name) {
    auto opened = lab::open_device(name);
    if (!opened) give_up(opened.error().text, kWentWrong);
    return std::move(*opened);
}

// Until a frame comes, one is due, or somebody wants us to end.
void sleep_until(Instant when, std::array<pollfd, 3>& watched) {
    const std::int64_t left = std::max<std::int64_t>((when - lab::real_now()).ns(), 0);
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    ::ppoll(watched.data(), watched.size(), when == Instant::never() ? nullptr : &timeout, nullptr);
}

void run(const PathArguments& a) {
    const auto faults = faults_of(a);
    const auto at_most = a.at_most.empty() ? std::nullopt : lab::parse_duration(a.at_most);
    if (!a.at_most.empty() && !at_most) {
        give_up(fmt::format("--time \"{}\" is none of 10s, 500ms", a.at_most), kUnusable);
    }
    const bool has_rule = !a.aqm.empty();
    if (has_rule && a.rate.empty()) {
        give_up("--aqm is the rule of a queue, and a queue takes a --rate", kUnusable);
    }
    const lab::OpenDevice left = open(a.between[0]);
    const lab::OpenDevice right = open(a.between[1]);
    const std::string& here = left.device->info().name;
    const std::string& there = right.device->info().name;
    if (left.device->info().link != right.device->info().link) {
        give_up(
            fmt::format("{} has Ethernet headers and {} has none: take two of a kind", here, there),
            kUnusable);
    }
    // Frames are due at times between those at which the kernel likes to wake.
    ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    lab::EmulatedPath path{
        *left.device, *right.device, {.there = faults[0], .back = faults[1], .seed = a.seed}};
    lab::StopSignals signals;
    std::array<pollfd, 3> watched{{{.fd = left.fd, .events = POLLIN, .revents = 0},
                                   {.fd = right.fd, .events = POLLIN, .revents = 0},
                                   {.fd = signals.fd(), .events = POLLIN, .revents = 0}}};
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    fmt::print("{} <-> {} until Ctrl-C\n", here, there);
    const Instant end = at_most ? lab::real_now() + *at_most : Instant::never();
    while (lab::real_now() < end && !signals.is_raised()) {
        if (path.turn(lab::real_now())) continue;
        sleep_until(std::min(path.next_deadline(), end), watched);
    }
    print_counts(here, there, path.there());
    print_counts(there, here, path.back());
}

}  // namespace

void add_path(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "path", "Join two devices by a path with a rate, a delay, faults and a queue");
    auto a = std::make_shared<PathArguments>();
    command
        ->add_option("--between", a->between,
                     fmt::format("The two ends, each {}", lab::kDeviceForms))
        ->required()
        ->expected(2);
    const auto both = [&](const char* name, BothWays& values, const char* help) {
        command->add_option(name, values, help)->expected(1, 2);
    };
    both("--rate", a->rate, "100mbit; two values: there and back (so with all of these)");
    both("--delay", a->delay, "25ms, one way");
    both("--jitter", a->jitter, "5ms: evenly up to so much more; it reorders nothing");
    both("--loss", a->loss, "1% of the frames");
    both("--reorder", a->reorder, "1%: overtaken by the next three, or held back 5 ms");
    both("--duplicate", a->duplicate, "1%");
    both("--corrupt", a->corrupt, "1%: one bit flips");
    both("--queue", a->queue, "What waits for the rate: 200p (frames), 64k (bytes); 256k");
    both("--aqm", a->aqm, "Before it is full: codel, red, or step, which only marks");
    both("--threshold", a->threshold, "CoDel's target (5ms), or where the step is (1ms)");
    command->add_flag("--ecn", a->has_ecn, "--aqm marks what may be marked, and drops the rest");
    command->add_option("--seed", a->seed, "All chance comes from it")->capture_default_str();
    command->add_option("--time", a->at_most, "End after so long: 60s");
    command->footer(
        "Each TAP is an interface of the kernel; `ip link set NAME netns HOST` makes it another "
        "host's:\n"
        "  fairlead path --between tap:a tap:b --rate 100mbit --delay 25ms --loss 1% &\n"
        "  ip netns add A; ip link set a netns A; ip -n A addr add 192.0.2.1/24 dev a; "
        "ip -n A link set a up\n"
        "  ip netns add B; ip link set b netns B; ip -n B addr add 192.0.2.2/24 dev b; "
        "ip -n B link set b up\n"
        "  ip netns exec A ping 192.0.2.2");
    command->callback([a] { run(*a); });
}

}  // namespace fairlead::cli
