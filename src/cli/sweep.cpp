// fairlead sweep: a matrix of paths and controllers in virtual time, on all cores.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/stack_setup.hpp"
#include "cli/subcommands.hpp"
#include "lab/quantity.hpp"
#include "lab/sweep_table.hpp"

namespace fairlead::cli {
namespace {

constexpr int kWentWrong = 1;
constexpr int kUnusable = 2;

struct SweepArguments {
    std::vector<std::string> controllers{"cubic", "reno"};
    std::vector<std::string> rates{"10mbit"};
    std::vector<std::string> round_trips{"40ms"};
    std::vector<std::string> losses{"0%"};
    std::vector<std::string> queues{"none"};
    std::vector<std::uint32_t> flows{1};
    std::uint32_t queue_frames = 0;
    bool has_ecn = false;
    std::string length{"30s"};
    std::uint64_t seed = 1;
    std::string folder{};
    bool has_plots = false;
    unsigned jobs = 0;
    std::vector<std::string> settings{};
};

[[noreturn]] void give_up(const std::string& text, int code) {
    fmt::print(stderr, "fairlead sweep: {}\n", text);
    throw CLI::RuntimeError{code};
}

template <typename Parse>
auto parsed(const char* name, const std::string& text, Parse&& parse) {
    const auto value = parse(text);
    if (!value) give_up(fmt::format("{} cannot be \"{}\"", name, text), kUnusable);
    return *value;
}

template <typename T, typename Parse>
void take(const char* name, const std::vector<std::string>& texts, Parse&& parse,
          std::vector<T>& into) {
    into.clear();
    for (const std::string& text : texts) into.push_back(parsed(name, text, parse));
}

lab::SweepMatrix matrix_of(const SweepArguments& a) {
    lab::SweepMatrix m;
    const auto known = [](const std::string& name) -> std::optional<std::string> {
        return lab::is_controller(name) ? std::optional{name} : std::nullopt;
    };
    take("--controller", a.controllers, known, m.controllers);
    take("--rate", a.rates, lab::parse_rate, m.rates);
    take("--rtt", a.round_trips, lab::parse_duration, m.round_trips);
    take("--loss", a.losses, lab::parse_share, m.losses);
    take("--aqm", a.queues, lab::parse_queue_kind, m.queues);
    m.flows = a.flows;
    m.queue_frames = a.queue_frames;
    m.has_ecn = a.has_ecn;
    m.length = parsed("--time", a.length, lab::parse_duration);
    m.seed = a.seed;
    const auto config = parse_settings(a.settings, m.config);
    if (!config) give_up(config.error(), kUnusable);
    m.config = *config;
    return m;
}

// Each cell is a world of its own, so that they need nothing of each other.
std::vector<lab::SweepResult> run_all(const std::vector<lab::SweepCell>& cells, unsigned jobs) {
    std::vector<lab::SweepResult> results(cells.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (std::size_t i = next++; i < cells.size(); i = next++) {
            results[i] = lab::run_cell(cells[i]);
        }
    };
    if (jobs == 0) jobs = std::max(std::thread::hardware_concurrency(), 1u);
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < jobs; ++i) threads.emplace_back(work);
    work();
    return results;
}

void write(const std::string& path, const std::string& text) {
    std::ofstream file{path};
    file << text;
    file.flush();
    if (!file) give_up(fmt::format("{} cannot be written", path), kWentWrong);
}

void write_folder(const SweepArguments& a, const std::vector<lab::SweepCell>& cells,
                  const std::vector<lab::SweepResult>& results) {
    ::mkdir(a.folder.c_str(), 0755);
    std::string table = lab::csv_head();
    std::string windows = lab::window_csv_head();
    for (std::size_t i = 0; i < cells.size(); ++i) {
        table += lab::csv_line(cells[i], results[i]);
        windows += lab::window_csv_lines(i, cells[i], results[i]);
    }
    write(a.folder + "/sweep.csv", table);
    write(a.folder + "/cwnd.csv", windows);
    write(a.folder + "/plots.gp", lab::gnuplot_script(cells));
    if (!a.has_plots) return;
    const std::string command = fmt::format("cd '{}' && gnuplot plots.gp", a.folder);
    if (a.folder.find('\'') != std::string::npos || std::system(command.c_str()) != 0) {
        give_up("gnuplot did not make the plots (Debian: gnuplot-nox)", kWentWrong);
    }
}

void run(const SweepArguments& a) {
    const std::vector<lab::SweepCell> cells = lab::cells_of(matrix_of(a));
    const std::vector<lab::SweepResult> results = run_all(cells, a.jobs);
    fmt::print("{}", lab::table_head());
    for (std::size_t i = 0; i < cells.size(); ++i) {
        fmt::print("{}", lab::table_line(cells[i], results[i]));
    }
    if (!a.folder.empty()) write_folder(a, cells, results);
}

}  // namespace

void add_sweep(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "sweep", "Run a matrix of controllers and paths in virtual time, on all cores");
    auto a = std::make_shared<SweepArguments>();
    const auto list = [&](const char* name, auto& values, const char* help) {
        command->add_option(name, values, help)->delimiter(',')->capture_default_str();
    };
    list("--controller", a->controllers,
         "Names of TCP_CONGESTION: cubic,reno,bbr,bbr3,dctcp,prague,vegas");
    list("--rate", a->rates, "Of the bottleneck: 10mbit,100mbit");
    list("--rtt", a->round_trips, "Of the empty path: 10ms,100ms");
    list("--loss", a->losses, "By chance, on the way there: 0%,1%");
    list("--aqm", a->queues, "Of the queue: none,codel,red,step");
    list("--flows", a->flows, "Long ones side by side: 1,2,8");
    command->add_option("--queue", a->queue_frames, "Frames it holds; 0: as many as the path");
    command->add_flag("--ecn", a->has_ecn, "Both ends agree to ECN, and the queue marks");
    command->add_option("--time", a->length, "Of each cell, in virtual time")
        ->capture_default_str();
    command->add_option("--set", a->settings, "A sysctl of both ends: net.ipv4.tcp_hystart=2")
        ->allow_extra_args(false);
    command->add_option("--seed", a->seed, "All chance comes from it")->capture_default_str();
    command->add_option("--jobs", a->jobs, "Cells at once; 0: one a core")->capture_default_str();
    command->add_option("--out", a->folder, "A folder for sweep.csv, cwnd.csv and plots.gp");
    command->add_flag("--plots", a->has_plots, "And one SVG for each measure, by gnuplot")
        ->needs("--out");
    command->footer(
        "Beside the long flows one of 15 kB starts every half second. The queueing delay is what "
        "the\n"
        "round trips are longer than the empty path's; what is sent again without need is what "
        "the\n"
        "receiver reports as double.");
    command->callback([a] { run(*a); });
}

}  // namespace fairlead::cli
